import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Grid from '@cloudscape-design/components/grid'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Textarea from '@cloudscape-design/components/textarea'
import {
  type Channel, DeleteChannelCommand, GetChannelCommand, GetStreamCommand, InsertAdBreakCommand, PutMetadataCommand, StopStreamCommand, type _Stream,
} from '@aws-sdk/client-ivs'
import { useState } from 'react'
import { count, moment } from '../format'
import { arnOf, idOf } from '../here'
import { onAir } from '../onair'
import { Await, Confirm, Copy, Facts, HealthBadge, MayButton, To, useAct, Wrong } from '../parts/basics'
import { TagsPanel } from '../parts/tags'
import { Preview } from '../preview'
import { href } from '../route'
import { useAsk, useMay, useSession } from '../session'
import { ChannelForm } from './channelform'
import { Ingest } from './ingest'

const counting = 5000 // milliseconds between looks at how many watch

/** The stream of a channel that is live, or null. */
export function useStream(channelArn: string) {
  const { api } = useSession()
  return useAsk<_Stream | null>(
    'stream ' + channelArn,
    async () => {
      try {
        return (await api.ivs.send(new GetStreamCommand({ channelArn }))).stream ?? null
      } catch (err) {
        if (err instanceof Error && err.name === 'ChannelNotBroadcasting') return null
        throw err
      }
    },
    { channel: channelArn, every: counting },
  )
}

export function ChannelScreen({ id, edit }: { id: string; edit: boolean }) {
  const { api } = useSession()
  const arn = arnOf('channel', id)
  const channel = useAsk('channel ' + id, async () => (await api.ivs.send(new GetChannelCommand({ arn }))).channel!)
  return <Await asked={channel} what="the channel">{(c) => <Shown arn={arn} channel={c} edit={edit} changed={channel.refresh} />}</Await>
}

function Shown({ arn, channel, edit, changed }: { arn: string; channel: Channel; edit: boolean; changed: () => void }) {
  const { api, notify } = useSession()
  const id = idOf(arn)
  const stream = useStream(arn)
  const mayEdit = useMay('ivs:UpdateChannel', arn)
  const known = onAir(stream, stream.data)
  const live = known.stream
  const notLive = live ? undefined : known.state === 'offline' ? 'The channel is offline.' : 'It is not known whether the channel is live.'
  const [asking, setAsking] = useState<'delete' | 'stop' | ''>('')
  const [token, setToken] = useState('') // here, as the preview goes with each stream
  const leaveEdit = () => {
    location.hash = href('channels', id)
  }
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={<HealthBadge of={known} />}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button href={href('channels', id, 'sessions')}>Stream sessions</Button>
            {channel.recordingConfigurationArn && <Button href={href('recordings') + '?channel=' + encodeURIComponent(id)}>Recordings</Button>}
            <MayButton action="ivs:UpdateChannel" on={arn} onClick={() => (location.hash = href('channels', id) + '?edit')}>Edit</MayButton>
            <MayButton action="ivs:StopStream" on={arn} disabledReason={notLive} onClick={() => setAsking('stop')}>Stop stream</MayButton>
            <MayButton action="ivs:DeleteChannel" on={arn} disabledReason={live ? 'The channel is live: stop its stream first.' : undefined} onClick={() => setAsking('delete')}>Delete</MayButton>
          </SpaceBetween>
        }
      >
        {channel.name || id}
      </Header>
      {stream.error !== undefined && <Wrong error={stream.error} retry={stream.refresh} />}
      <Grid gridDefinition={[{ colspan: { default: 12, s: 7 } }, { colspan: { default: 12, s: 5 } }]}>
        <Container header={<Header variant="h2">Live picture</Header>}>
          {live ? (
            <Preview key={live.streamId} playbackUrl={channel.playbackUrl ?? ''} authorized={channel.authorized ?? false} token={token} setToken={setToken} />
          ) : (
            <Box color="text-body-secondary" padding={{ vertical: 'l' }}>
              {known.state === 'offline' ? 'The channel is offline. Point an encoder at one of the addresses below; the picture appears here by itself.' : stream.loading ? 'Asking whether the channel is live…' : notLive}
            </Box>
          )}
        </Container>
        <SpaceBetween size="l">
          <Container header={<Header variant="h2">Stream</Header>}>
            <Facts
              columns={2}
              items={[
                { label: 'State', value: <HealthBadge of={known} /> },
                { label: 'Viewers', value: live && count(live.viewerCount) },
                { label: 'Live since', value: live && moment(live.startTime) },
                { label: 'Session', value: live && <To href={href('channels', id, 'sessions', live.streamId ?? '')}>{live.streamId}</To> },
              ]}
            />
          </Container>
          <Metadata arn={arn} notLive={notLive} />
          <AdBreak arn={arn} notLive={notLive} configured={!!channel.adConfigurationArn} />
        </SpaceBetween>
      </Grid>
      <Ingest arn={arn} channel={channel} />
      <Options channel={channel} />
      <TagsPanel arn={arn} tags={channel.tags} changed={changed} />
      {edit && (
        <Modal visible size="large" header={`Edit ${channel.name || id}`} closeAriaLabel="Close" onDismiss={leaveEdit}>
          {mayEdit.allowed ? (
            <ChannelForm
              channel={channel}
              close={(saved) => {
                leaveEdit()
                if (!saved) return
                changed()
                notify('The channel was saved.')
              }}
            />
          ) : (
            <Alert type="info">{mayEdit.reason}</Alert>
          )}
        </Modal>
      )}
      {asking === 'stop' && (
        <Confirm title="Stop the stream?" verb="Stop stream" act={() => api.ivs.send(new StopStreamCommand({ channelArn: arn }))} close={(done) => {
          setAsking('')
          if (done) notify('The stream was stopped.')
        }}>
          The encoder is cut off. Most encoders connect again by themselves: stop it too, or delete its stream key.
        </Confirm>
      )}
      {asking === 'delete' && (
        <Confirm title={`Delete ${channel.name || id}?`} verb="Delete channel" act={() => api.ivs.send(new DeleteChannelCommand({ arn }))} close={(done) => {
          setAsking('')
          if (!done) return
          notify('The channel was deleted.')
          location.hash = href('channels')
        }}>
          Its stream key, its playback URL and its sessions go with it. This cannot be undone.
        </Confirm>
      )}
    </SpaceBetween>
  )
}

function Options({ channel: c }: { channel: Channel }) {
  const linked = (section: string, arn?: string) => arn && <To href={href(section, idOf(arn))}>{idOf(arn)}</To>
  const multitrack = c.multitrackInputConfiguration
  return (
    <Container header={<Header variant="h2">Options</Header>}>
      <Facts
        items={[
          { label: 'ARN', value: <Copy text={c.arn ?? ''} name="the ARN" /> },
          { label: 'Playback URL', value: <Copy text={c.playbackUrl ?? ''} name="the playback URL" /> },
          { label: 'Type', value: c.preset ? `${c.type}, ${c.preset}` : c.type },
          { label: 'Latency', value: c.latencyMode },
          { label: 'Container of segments', value: c.containerFormat },
          { label: 'Playback', value: c.authorized ? 'Private: viewers need a token' : 'Open to everybody' },
          { label: 'Insecure ingest', value: c.insecureIngest ? 'Allowed' : 'Not allowed' },
          { label: 'Multitrack input', value: multitrack?.enabled ? `${multitrack.policy}, up to ${multitrack.maximumResolution}` : 'Off' },
          { label: 'Recording configuration', value: linked('recording-configurations', c.recordingConfigurationArn) },
          { label: 'Restriction policy', value: linked('restriction-policies', c.playbackRestrictionPolicyArn) },
          { label: 'Ad configuration', value: linked('ad-configurations', c.adConfigurationArn) },
        ]}
      />
    </Container>
  )
}

const mostMetadata = 1024 // bytes (Amazon IVS, PutMetadata)

function Metadata({ arn, notLive }: { arn: string; notLive?: string }) {
  const { api, notify } = useSession()
  const [text, setText] = useState('')
  const { busy, error, go } = useAct(() => api.ivs.send(new PutMetadataCommand({ channelArn: arn, metadata: text })), () => notify('The metadata was sent.'))
  const size = new TextEncoder().encode(text).length
  const wrong = size > mostMetadata ? `It has ${size} bytes, at most ${mostMetadata} are taken.` : undefined
  return (
    <Container header={<Header variant="h2">Timed metadata</Header>}>
      <SpaceBetween size="s">
        <FormField label="Text" description="All viewers get it with the picture of this moment." errorText={wrong}>
          <Textarea rows={2} value={text} onChange={({ detail }) => setText(detail.value)} placeholder='{"question": 1}' />
        </FormField>
        <MayButton
          action="ivs:PutMetadata"
          on={arn}
          loading={busy}
          disabledReason={notLive ?? (!size ? 'Write a text first.' : wrong)}
          onClick={go}
        >
          Send metadata
        </MayButton>
        {error !== undefined && <Wrong error={error} />}
      </SpaceBetween>
    </Container>
  )
}

function AdBreak({ arn, notLive, configured }: { arn: string; notLive?: string; configured: boolean }) {
  const { api, notify } = useSession()
  const verdict = useMay('ivs:InsertAdBreak', arn)
  const [seconds, setSeconds] = useState('30')
  const n = Number(seconds)
  const wrong = Number.isInteger(n) && n >= 1 && n <= 300 ? undefined : 'Give a whole number from 1 to 300.'
  const { busy, error, go } = useAct(() => api.ivs.send(new InsertAdBreakCommand({ channelArn: arn, durationSeconds: n })), () => notify('The ad break was inserted.'))
  if (!configured) {
    return (
      <Container header={<Header variant="h2">Ad break</Header>}>
        <Box color="text-body-secondary">The channel has no ad configuration. Edit it to give it one.</Box>
      </Container>
    )
  }
  return (
    <Container header={<Header variant="h2">Ad break</Header>}>
      <SpaceBetween size="s">
        <ColumnLayout columns={1}>
          <FormField label="Seconds" errorText={wrong}>
            <Input type="number" value={seconds} disabled={!verdict.allowed} onChange={({ detail }) => setSeconds(detail.value)} />
          </FormField>
        </ColumnLayout>
        <MayButton action="ivs:InsertAdBreak" on={arn} loading={busy} disabledReason={notLive ?? wrong} onClick={go}>Insert ad break</MayButton>
        {error !== undefined && <Wrong error={error} />}
        {error === undefined && !notLive && <Alert type="info">A break that is under way has to end before the next.</Alert>}
      </SpaceBetween>
    </Container>
  )
}
