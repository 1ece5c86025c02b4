// Where to publish to, for each kind of encoder. The stream key is fetched and
// shown only when somebody asks for it.
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Tabs from '@cloudscape-design/components/tabs'
import { type Channel, CreateStreamKeyCommand, DeleteStreamKeyCommand, GetStreamKeyCommand, ListStreamKeysCommand } from '@aws-sdk/client-ivs'
import { useState } from 'react'
import { Confirm, Copy, Facts, MayButton, Wrong } from '../parts/basics'
import { addresses, ffmpeg, srtUrl } from '../publish'
import { useAsk, useSession } from '../session'

export function Ingest({ arn, channel }: { arn: string; channel: Channel }) {
  const { api, notify } = useSession()
  const keys = useAsk('keys ' + arn, async () => (await api.ivs.send(new ListStreamKeysCommand({ channelArn: arn }))).streamKeys ?? [])
  const server = useAsk<{ rtmp?: string; rtmps?: string; srt?: string }>('endpoints', async () =>
    api.ask<{ endpoints: Record<string, string> }>('GET', 'server').then((s) => s.endpoints, () => ({})))
  const [value, setValue] = useState('')
  const [error, setError] = useState<unknown>()
  const [asking, setAsking] = useState(false)
  const key = keys.data?.[0]?.arn
  const to = addresses(channel, server.data)
  const reveal = () => {
    api.ivs.send(new GetStreamKeyCommand({ arn: key })).then((out) => setValue(out.streamKey?.value ?? ''), setError)
  }
  const create = () => {
    api.ivs.send(new CreateStreamKeyCommand({ channelArn: arn })).then((out) => {
      setValue(out.streamKey?.value ?? '')
      notify('The stream key was made.')
      keys.refresh()
    }, setError)
  }
  const secret = value || 'STREAM_KEY'
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Whoever has the stream key can publish."
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {key && (value
                ? <MayButton action="ivs:GetStreamKey" on={key} onClick={() => setValue('')}>Hide stream key</MayButton>
                : <MayButton action="ivs:GetStreamKey" on={key} onClick={reveal}>Show stream key</MayButton>)}
              {key
                ? <MayButton action="ivs:DeleteStreamKey" on={key} onClick={() => setAsking(true)}>Delete stream key</MayButton>
                : <MayButton action="ivs:CreateStreamKey" on={arn} disabledReason={keys.loading ? 'Looking for its stream key…' : undefined} onClick={create}>Create stream key</MayButton>}
            </SpaceBetween>
          }
        >
          Publish
        </Header>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && <Wrong error={error} />}
        {keys.error !== undefined && <Wrong error={keys.error} retry={keys.refresh} />}
        {keys.data && !key && <Alert type="warning">The channel has no stream key: nobody can publish until one is made.</Alert>}
        <Tabs
          ariaLabel="Kinds of encoders"
          tabs={[
            {
              id: 'obs',
              label: 'OBS',
              content: (
                <Facts
                  columns={2}
                  items={[
                    { label: 'Service', value: 'Custom' },
                    { label: 'Server', value: <Copy text={to.rtmps} name="the RTMPS address" /> },
                    { label: 'Stream key', value: value ? <Copy text={value} name="the stream key" /> : <Hidden /> },
                    { label: 'Keyframe interval', value: '2 s, or 1 s for the lowest latency' },
                  ]}
                />
              ),
            },
            { id: 'ffmpeg', label: 'ffmpeg', content: <Line text={ffmpeg(to.rtmps, secret)} name="the ffmpeg command" hidden={!value} /> },
            {
              id: 'rtmp',
              label: 'RTMP',
              content: channel.insecureIngest
                ? <Line text={`${to.rtmp}/${secret}`} name="the RTMP address" hidden={!value} />
                : <Box>The channel takes encrypted streams only. Edit it to allow insecure ingest, if an encoder cannot encrypt.</Box>,
            },
            {
              id: 'srt',
              label: 'SRT',
              content: to.srt
                ? <Line text={srtUrl(to.srt, secret, value ? channel.srt?.passphrase : channel.srt?.passphrase && 'PASSPHRASE')} name="the SRT address" hidden={!value} />
                : <Box>This server does not take SRT.</Box>,
            },
          ]}
        />
      </SpaceBetween>
      {asking && (
        <Confirm title="Delete the stream key?" verb="Delete stream key" act={() => api.ivs.send(new DeleteStreamKeyCommand({ arn: key }))} close={(done) => {
          setAsking(false)
          if (!done) return
          setValue('')
          notify('The stream key was deleted.')
          keys.refresh()
        }}>
          An encoder that has it cannot publish any more; a stream that is live goes on. Make another one after it.
        </Confirm>
      )}
    </Container>
  )
}

function Hidden() {
  return <Box color="text-body-secondary">•••••••••• (hidden)</Box>
}

function Line({ text, name, hidden }: { text: string; name: string; hidden: boolean }) {
  return (
    <SpaceBetween size="xs">
      <Copy text={text} name={name} />
      {hidden && <Box color="text-body-secondary">Show the stream key to have it in its place.</Box>}
    </SpaceBetween>
  )
}
