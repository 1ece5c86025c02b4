// What was recorded: found, played and compared with its manifest.
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { Suspense, useState } from 'react'
import { bytes, count, length, moment } from '../format'
import { arnOf, idOf } from '../here'
import { Await, Copy, Facts, MayButton, To, useAct, Wrong } from '../parts/basics'
import { Listing } from '../parts/listing'
import { Player, type Seen } from '../preview'
import { href } from '../route'
import { useAsk, useSession } from '../session'

type Recording = {
  id: string; channel: string; channelName: string; streamIds: string[]; bucket: string; prefix: string
  state: 'RECORDING' | 'ENDED' | 'FAILED'; reason?: string; started: string; ended?: string; milliseconds: number
}
type Verification = { renditions: number; segments: number; bytes: number; milliseconds: number; problems: string[] }

function State({ of: r }: { of: Recording }) {
  if (r.state === 'RECORDING') return <StatusIndicator type="in-progress">Recording</StatusIndicator>
  if (r.state === 'ENDED') return <StatusIndicator type="success">Complete</StatusIndicator>
  return <StatusIndicator type="error">{r.prefix ? 'Ended with a failure' : 'Failed to start'}</StatusIndicator>
}

export function RecordedList({ channel }: { channel: string }) {
  const { api } = useSession()
  return (
    <Listing<Recording>
      title="Recordings"
      what="recordings"
      id={`recordings ${channel}`}
      about={channel ? `Of channel ${channel}, the newest first.` : 'Of all channels, the newest first, for as long as the server keeps sessions.'}
      channel={channel && arnOf('channel', channel)}
      empty="A channel is recorded if it has a recording configuration: choose one on the page of the channel."
      text={(r) => `${moment(r.started)} ${r.channelName} ${r.channel} ${r.bucket}/${r.prefix} ${r.state}`}
      load={async (before) => {
        const query = { maxResults: '100', ...(channel && { channel }), ...(before && { before }) }
        const page = await api.ask<{ recordings: Recording[]; next?: string }>('GET', 'recordings', query)
        return { items: page.recordings, next: page.next }
      }}
      columns={[
        { id: 'started', header: 'Started', isRowHeader: true, cell: (r) => <To href={href('recordings', r.id)}>{moment(r.started)}</To> },
        { id: 'channel', header: 'Channel', cell: (r) => <To href={href('channels', idOf(r.channel))}>{r.channelName || idOf(r.channel)}</To> },
        { id: 'state', header: 'State', cell: (r) => <State of={r} /> },
        { id: 'length', header: 'Length', cell: (r) => (r.state === 'RECORDING' ? '–' : length(r.milliseconds)) },
        { id: 'bucket', header: 'Bucket', cell: (r) => r.bucket },
      ]}
    />
  )
}

export function RecordedOne({ id }: { id: string }) {
  const { api } = useSession()
  const asked = useAsk('recording ' + id, () => api.ask<Recording>('GET', `recordings/${encodeURIComponent(id)}`), { channel: '' })
  return <Await asked={asked} what="the recording">{(r) => <Shown recording={r} />}</Await>
}

function Shown({ recording: r }: { recording: Recording }) {
  const channel = idOf(r.channel)
  return (
    <SpaceBetween size="l">
      <Header variant="h1" description={<State of={r} />}>Recording</Header>
      {r.reason && <Alert type="error" header="It failed">{r.reason}</Alert>}
      {r.prefix && <Play recording={r} />}
      <Container header={<Header variant="h2">Details</Header>}>
        <Facts
          items={[
            { label: 'Channel', value: <To href={href('channels', channel)}>{r.channelName || channel}</To> },
            { label: 'Started', value: moment(r.started) },
            { label: 'Ended', value: r.ended ? moment(r.ended) : 'It goes on' },
            { label: 'Length', value: r.milliseconds ? length(r.milliseconds) : '' },
            { label: 'Stream sessions', value: r.streamIds.map((s) => <div key={s}><To href={href('channels', channel, 'sessions', s)}>{s}</To></div>) },
            { label: 'Bucket', value: r.bucket },
            { label: 'Prefix', value: r.prefix && <Copy text={r.prefix} name="the prefix" /> },
          ]}
        />
      </Container>
      {r.prefix && r.state !== 'RECORDING' && <Verify recording={r} />}
    </SpaceBetween>
  )
}

/** The address of a recording at the server of this page. */
function sameOrigin(url: string): string {
  const at = new URL(url)
  return location.origin + at.pathname.replace(/^.*(?=\/recordings\/)/, '') + at.search
}

function Play({ recording: r }: { recording: Recording }) {
  const { api } = useSession()
  const [url, setUrl] = useState('')
  const [seen, setSeen] = useState<Seen>({ state: 'Loading…', metadata: [] })
  const { busy, error, go } = useAct(async () => setUrl((await api.ask<{ url: string }>('POST', `recordings/${r.id}/url`)).url))
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="The address is signed for an hour."
          actions={<MayButton iconName="play" action="openivs:CreateRecordingURL" on={r.channel} loading={busy} onClick={go}>Play</MayButton>}
        >
          Picture
        </Header>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && <Wrong error={error} retry={go} />}
        {url ? (
          <>
            <Suspense fallback={<Box>Loading the player…</Box>}>
              <Player key={url} src={sameOrigin(url)} seen={setSeen} recorded />
            </Suspense>
            <Facts
              items={[
                { label: 'Player', value: <span data-testid="player-state">{seen.state}</span> },
                { label: 'Picture', value: seen.size },
                { label: 'Address', value: <Copy text={url} name="the address" shown="" /> },
              ]}
            />
          </>
        ) : (
          error === undefined && <Box color="text-body-secondary">Press Play to watch it here.</Box>
        )}
      </SpaceBetween>
    </Container>
  )
}

function Verify({ recording: r }: { recording: Recording }) {
  const { api } = useSession()
  const [found, setFound] = useState<Verification>()
  const { busy, error, go } = useAct(async () => setFound(await api.ask<Verification>('POST', `recordings/${r.id}/verify`)))
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Reads every object of the recording and compares it with what was written. That takes a while where there is much."
          actions={<MayButton action="openivs:VerifyRecording" on={r.channel} loading={busy} onClick={go}>Verify</MayButton>}
        >
          Is it whole?
        </Header>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && <Wrong error={error} retry={go} />}
        {found && (
          <div role="status">
            {found.problems.length === 0 ? (
              <StatusIndicator type="success">It is whole: {count(found.segments)} segments of {count(found.renditions)} renditions, {bytes(found.bytes)}, {length(found.milliseconds)}.</StatusIndicator>
            ) : (
              <>
                <StatusIndicator type="error">It is not whole.</StatusIndicator>
                <ul>{found.problems.map((p) => <li key={p}>{p}</li>)}</ul>
              </>
            )}
          </div>
        )}
        {!found && error === undefined && <Box color="text-body-secondary">It was not looked at since this page was opened.</Box>}
      </SpaceBetween>
    </Container>
  )
}
