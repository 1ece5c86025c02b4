import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import Grid from '@cloudscape-design/components/grid'
import Header from '@cloudscape-design/components/header'
import LineChart from '@cloudscape-design/components/line-chart'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch'
import { type AudioConfiguration, GetStreamSessionCommand, type StreamEvent, type StreamSession, type VideoConfiguration } from '@aws-sdk/client-ivs'
import type { Api } from '../api'
import { atLeast, attempts, best, type Drawn, metrics, type Point, whole } from '../charts'
import { meaning } from '../explain'
import { bitrate, length, moment, timeOfDay } from '../format'
import { arnOf, idOf } from '../here'
import { Await, Copy, Facts, To, Wrong } from '../parts/basics'
import { href } from '../route'
import { useAsk, useSession } from '../session'

export function SessionScreen({ channel, stream }: { channel: string; stream: string }) {
  const { api } = useSession()
  const arn = arnOf('channel', channel)
  const asked = useAsk('session ' + stream, async () => (await api.ivs.send(new GetStreamSessionCommand({ channelArn: arn, streamId: stream }))).streamSession!, { channel: arn })
  return <Await asked={asked} what="the session">{(s) => <Shown channel={channel} session={s} />}</Await>
}

function Shown({ channel, session: s }: { channel: string; session: StreamSession }) {
  const begin = s.startTime ?? new Date()
  const events = s.truncatedEvents ?? []
  const wrong = events.filter((e) => meaning(e.name, e.code).kind === 'error')
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={s.endTime ? <StatusIndicator type={wrong.length ? 'error' : 'stopped'}>{wrong.length ? 'Over, had an error' : 'Over'}</StatusIndicator> : <StatusIndicator type="success">Live</StatusIndicator>}
        actions={<Button iconName="download" onClick={() => save(s)}>Export JSON</Button>}
      >
        Stream session
      </Header>
      {wrong.map((e, i) => <Explained key={i} event={e} />)}
      <Container header={<Header variant="h2">Overview</Header>}>
        <Facts
          items={[
            { label: 'Session', value: <Copy text={s.streamId ?? ''} name="the id of the session" /> },
            { label: 'Channel', value: <To href={href('channels', channel)}>{s.channel?.name || channel}</To> },
            { label: 'Started', value: moment(s.startTime) },
            { label: 'Ended', value: s.endTime ? moment(s.endTime) : 'It is live' },
            { label: 'Length', value: length((s.endTime ?? new Date()).getTime() - begin.getTime()) },
            { label: 'Encoder', value: s.ingestConfiguration?.video?.encoder || 'It did not say' },
          ]}
        />
      </Container>
      <Health channel={channel} stream={s.streamId ?? ''} />
      <Charts channel={channel} session={s} />
      <Tracks session={s} />
      <Timeline events={events} begin={begin} />
      <Snapshot session={s} />
    </SpaceBetween>
  )
}

type Cause = { code: string; first: string; last: string; seconds: number; text: string; remedy: string }

function Health({ channel, stream }: { channel: string; stream: string }) {
  const { api } = useSession()
  const asked = useAsk('health ' + stream, () => api.ask<{ causes: Cause[] }>('GET', `channels/${channel}/sessions/${stream}/health`), { channel: arnOf('channel', channel) })
  return (
    <Container header={<Header variant="h2" description="What viewers may have noticed, measured on what arrived.">Health</Header>}>
      <Await asked={asked} what="the health of the session">
        {({ causes }) =>
          causes.length === 0 ? (
            <StatusIndicator type="success">Nothing that viewers would notice was found.</StatusIndicator>
          ) : (
            <SpaceBetween size="m">
              {causes.map((c) => (
                <div key={c.code}>
                  <StatusIndicator type="warning">{c.code}</StatusIndicator>
                  <Box>{c.text}</Box>
                  <Box variant="strong">{c.remedy}</Box>
                  <Box color="text-body-secondary">In {c.seconds} s, from {moment(new Date(c.first))} to {moment(new Date(c.last))}.</Box>
                </div>
              ))}
            </SpaceBetween>
          )
        }
      </Await>
    </Container>
  )
}

function Explained({ event }: { event: StreamEvent }) {
  const m = meaning(event.name, event.code)
  return (
    <Container>
      <StatusIndicator type="error">{event.name}{event.code && `: ${event.code}`}</StatusIndicator>
      <Box>{m.text}</Box>
      {m.cure && <Box variant="strong">{m.cure}</Box>}
    </Container>
  )
}

/** Has the browser save what GetStreamSession answered. */
function save(s: StreamSession) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(s, null, 2)], { type: 'application/json' }))
  const a = document.createElement('a')
  a.href = url
  a.download = `${s.streamId}.json`
  a.click()
  URL.revokeObjectURL(url)
}

function Timeline({ events, begin }: { events: StreamEvent[]; begin: Date }) {
  return (
    <Table<StreamEvent>
      variant="container"
      wrapLines
      items={events}
      empty={<Box textAlign="center">Nothing has happened yet.</Box>}
      ariaLabels={{ tableLabel: 'Events' }}
      header={<Header variant="h2" counter={`(${events.length})`} description="The newest first; the server keeps the last 500.">Events</Header>}
      columnDefinitions={[
        { id: 'time', header: 'Time', cell: (e) => moment(e.eventTime) },
        { id: 'after', header: 'After', cell: (e) => (e.eventTime ? length(e.eventTime.getTime() - begin.getTime()) : '–') },
        { id: 'name', header: 'Event', isRowHeader: true, cell: (e) => <StatusIndicator type={meaning(e.name, e.code).kind}>{e.name}</StatusIndicator> },
        { id: 'code', header: 'Code', cell: (e) => e.code ?? '–' },
        {
          id: 'means',
          header: 'What it means',
          minWidth: 280,
          cell: (e) => {
            const m = meaning(e.name, e.code)
            return <>{m.text} {m.cure && <b>{m.cure}</b>}</>
          },
        },
        { id: 'type', header: 'Type', cell: (e) => e.type },
      ]}
    />
  )
}

function Tracks({ session: s }: { session: StreamSession }) {
  const video = s.ingestConfigurations?.videoConfigurations ?? (s.ingestConfiguration?.video ? [s.ingestConfiguration.video] : [])
  const audio = s.ingestConfigurations?.audioConfigurations ?? (s.ingestConfiguration?.audio ? [s.ingestConfiguration.audio] : [])
  return (
    <Container header={<Header variant="h2" description="What the encoder says that it sends. What arrived is in the charts.">Ingest configuration</Header>}>
      {video.length + audio.length === 0 && <Box color="text-body-secondary">Not known yet: it comes with the first pictures.</Box>}
      <SpaceBetween size="l">
        {video.map((v, i) => <div key={'v' + i}><Box variant="h3">Video {v.track}</Box><Facts columns={4} items={videoFacts(v)} /></div>)}
        {audio.map((a, i) => <div key={'a' + i}><Box variant="h3">Audio {a.track}</Box><Facts columns={4} items={audioFacts(a)} /></div>)}
      </SpaceBetween>
    </Container>
  )
}

function videoFacts(v: VideoConfiguration) {
  return [
    { label: 'Codec', value: v.codec },
    { label: 'Profile', value: v.profile ?? v.avcProfile },
    { label: 'Level', value: v.level ?? v.avcLevel },
    { label: 'Picture', value: v.videoWidth && `${v.videoWidth} × ${v.videoHeight}` },
    { label: 'Frame rate', value: v.targetFramerate && `${v.targetFramerate} frames/s` },
    { label: 'Bitrate', value: bitrate(v.targetBitrate) },
    { label: 'Encoder', value: v.encoder },
  ]
}

function audioFacts(a: AudioConfiguration) {
  return [
    { label: 'Codec', value: a.codec },
    { label: 'Bitrate', value: bitrate(a.targetBitrate) },
    { label: 'Sample rate', value: a.sampleRate && `${a.sampleRate} Hz` },
    { label: 'Channels', value: a.channels },
  ]
}

function tagged(tags: Record<string, string> = {}): string {
  return Object.entries(tags).map(([k, v]) => `${k}=${v}`).join(', ')
}

function Snapshot({ session: s }: { session: StreamSession }) {
  const c = s.channel
  const r = s.recordingConfiguration
  const thumbnails = r?.thumbnailConfiguration
  return (
    <>
      <Container header={<Header variant="h2" description="As it was when the stream began; later changes are not in it.">Channel</Header>}>
        <Facts
          items={[
            { label: 'Name', value: c?.name },
            { label: 'ARN', value: c?.arn },
            { label: 'Type', value: c?.preset ? `${c.type}, ${c.preset}` : c?.type },
            { label: 'Latency', value: c?.latencyMode },
            { label: 'Container of segments', value: c?.containerFormat },
            { label: 'Playback', value: c?.authorized ? 'Private' : 'Open' },
            { label: 'Insecure ingest', value: c?.insecureIngest ? 'Allowed' : 'Not allowed' },
            { label: 'Multitrack input', value: c?.multitrackInputConfiguration?.enabled ? `${c.multitrackInputConfiguration.policy}, up to ${c.multitrackInputConfiguration.maximumResolution}` : 'Off' },
            { label: 'Ingest endpoint', value: c?.ingestEndpoint },
            { label: 'SRT endpoint', value: c?.srt?.endpoint },
            { label: 'Playback URL', value: c?.playbackUrl },
            { label: 'Restriction policy', value: c?.playbackRestrictionPolicyArn && idOf(c.playbackRestrictionPolicyArn) },
            { label: 'Ad configuration', value: c?.adConfigurationArn && idOf(c.adConfigurationArn) },
            { label: 'Tags', value: tagged(c?.tags) },
          ]}
        />
      </Container>
      <Container header={<Header variant="h2">Recording</Header>}>
        {r ? (
          <Facts
            items={[
              { label: 'Configuration', value: <To href={href('recording-configurations', idOf(r.arn))}>{r.name || idOf(r.arn)}</To> },
              { label: 'State', value: r.state },
              { label: 'Bucket', value: r.destinationConfiguration?.s3?.bucketName },
              { label: 'Reconnect window', value: r.recordingReconnectWindowSeconds !== undefined && `${r.recordingReconnectWindowSeconds} s` },
              { label: 'Thumbnails', value: thumbnails?.recordingMode === 'DISABLED' ? 'Off' : thumbnails && `Every ${thumbnails.targetIntervalSeconds} s, ${(thumbnails.storage ?? []).join(' and ')}` },
              { label: 'Size of thumbnails', value: thumbnails?.resolution },
              { label: 'Renditions', value: r.renditionConfiguration?.renditions?.join(', ') || r.renditionConfiguration?.renditionSelection },
              { label: 'Tags', value: tagged(r.tags) },
            ]}
          />
        ) : (
          <Box color="text-body-secondary">The channel had no recording configuration when the stream began; nothing was recorded.</Box>
        )}
      </Container>
      <ExpandableSection variant="container" headerText="As the API answers it">
        <Box variant="pre">{JSON.stringify(s, null, 2)}</Box>
      </ExpandableSection>
    </>
  )
}

const refresh = 10_000 // milliseconds between looks at the measurements of a live session
const marks = 12 // events that are marked in a chart

/** Asks for all measurements of a session, as fine as they are kept from its beginning. */
async function measure(api: Api, channel: string, from: Date, until: Date): Promise<Drawn> {
  const to = atLeast(from, until)
  const tried: Drawn[] = []
  for (const period of attempts(from.getTime(), to.getTime())) {
    const answer = await api.cloudwatch.send(
      new GetMetricDataCommand({
        StartTime: from,
        EndTime: to,
        ScanBy: 'TimestampAscending',
        MetricDataQueries: metrics.map((m, i) => ({
          Id: 'm' + i,
          MetricStat: { Metric: { Namespace: 'AWS/IVS', MetricName: m.name, Dimensions: [{ Name: 'Channel', Value: channel }] }, Period: period, Stat: 'Average' },
        })),
      }),
    )
    const drawn: Drawn = { period, series: {} }
    metrics.forEach((m, i) => {
      const found = answer.MetricDataResults?.find((r) => r.Id === 'm' + i)
      drawn.series[m.name] = (found?.Timestamps ?? []).map((x, j) => ({ x, y: (found?.Values?.[j] ?? 0) * m.scale }))
    })
    tried.push(drawn)
    if (whole(drawn, from.getTime())) break
  }
  return best(tried) ?? tried[0]!
}

function Charts({ channel, session: s }: { channel: string; session: StreamSession }) {
  const { api } = useSession()
  const begin = s.startTime ?? new Date()
  const events = s.truncatedEvents ?? []
  const created = events.at(-1)?.eventTime ?? begin
  const from = created < begin ? created : begin
  const asked = useAsk(`charts ${s.streamId} ${!!s.endTime}`, () => measure(api, channel, from, s.endTime ?? new Date()), s.endTime ? {} : { every: refresh })
  if (asked.error !== undefined && !asked.data) return <Wrong error={asked.error} retry={asked.refresh} />
  return (
    <Container
      header={
        <Header variant="h2" description={asked.data && `One point for each ${asked.data.period === 1 ? 'second' : length(asked.data.period * 1000)}: the finest that is kept and fits the screen. ${events.length > marks ? `The newest ${marks} events` : 'Events'} are the dashed lines.`}>
          Measurements
        </Header>
      }
    >
      <Grid gridDefinition={metrics.map(() => ({ colspan: { default: 12, s: 6 } }))}>
        {metrics.map((m) => (
          <Chart
            key={m.name}
            title={m.title}
            unit={m.unit}
            points={asked.data?.series[m.name] ?? []}
            events={events}
            domain={[from, s.endTime ?? new Date()]}
            loading={asked.loading && !asked.data}
          />
        ))}
      </Grid>
    </Container>
  )
}

function Chart({ title, unit, points, events, domain, loading }: { title: string; unit: string; points: Point[]; events: StreamEvent[]; domain: [Date, Date]; loading: boolean }) {
  const top = Math.max(1, ...points.map((p) => p.y)) * 1.15
  const shown = events.filter((e) => e.eventTime && e.eventTime >= domain[0] && e.eventTime <= domain[1]).slice(0, marks)
  return (
    <div>
      <Box variant="h3">{title} <Box variant="small">({unit})</Box></Box>
      <LineChart<Date>
        ariaLabel={`${title} over time`}
        height={160}
        hideFilter
        hideLegend
        xScaleType="time"
        xDomain={domain}
        yDomain={[0, top]}
        xTickFormatter={timeOfDay}
        yTickFormatter={(n) => String(Math.round(n * 100) / 100)}
        statusType={loading ? 'loading' : 'finished'}
        loadingText="Loading…"
        empty={<Box color="text-body-secondary">Nothing was measured, or it is not kept any more.</Box>}
        series={
          points.length
            ? [
                { type: 'line', title, data: points, valueFormatter: (n) => `${Math.round(n * 100) / 100} ${unit}` },
                ...shown.map((e) => ({ type: 'threshold' as const, title: e.name ?? '', x: e.eventTime! })),
              ]
            : []
        }
      />
    </div>
  )
}
