import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import ProgressBar from '@cloudscape-design/components/progress-bar'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { bytes, count, length, moment } from '../format'
import { Await, Copy, Facts, Wrong } from '../parts/basics'
import { useAsk, useSession } from '../session'

type Used = { now: number; most: number }
type Server = {
  version: string; region: string; account: string; started: string; now: string; database: string
  endpoints: Record<string, string>; streams: Used; viewers: Used
  disk?: { path: string; total: number; free: number }
  quotas: Record<string, number>
}
type Finding = { grade: 'ok' | 'warn' | 'fail'; what: string; found: string; cure?: string }
type Sink = { name: string; kind: string; behind: number; oldest?: string; delivered: number; retried: number; deadLetters: number; trouble?: string; troubleAt?: string }

const often = 10_000 // milliseconds between looks

export function System() {
  const { api } = useSession()
  const server = useAsk('server', () => api.ask<Server>('GET', 'server'), { every: often })
  return (
    <SpaceBetween size="l">
      <Header variant="h1">System</Header>
      <Await asked={server} what="what the server is">{(s) => <About server={s} />}</Await>
      <Doctor />
      <Sinks />
    </SpaceBetween>
  )
}

function About({ server: s }: { server: Server }) {
  const { caller } = useSession()
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">Server</Header>}>
        <Facts
          items={[
            { label: 'Version', value: s.version },
            { label: 'Started', value: `${moment(s.started)}, ${length(Date.parse(s.now) - Date.parse(s.started))} ago` },
            { label: 'Database', value: s.database },
            { label: 'Region', value: s.region },
            { label: 'Account', value: s.account },
            { label: 'You are', value: `${caller.arn} (${caller.policies.join(', ')})` },
            ...Object.entries(s.endpoints).map(([name, url]) => ({ label: `Address: ${name}`, value: <Copy text={url} name={`the address ${name}`} /> })),
          ]}
        />
      </Container>
      <Container header={<Header variant="h2">Capacity</Header>}>
        <SpaceBetween size="m">
          <Bar label="Streams" used={s.streams} />
          <Bar label="Viewers" used={s.viewers} />
          {s.disk && <ProgressBar label="Disk" value={100 - (100 * s.disk.free) / s.disk.total} description={`${bytes(s.disk.free)} free of ${bytes(s.disk.total)}, at ${s.disk.path}`} />}
          <Facts columns={4} items={Object.entries(s.quotas).map(([name, most]) => ({ label: 'Quota: ' + name.replace(/([A-Z])/g, ' $1').toLowerCase(), value: count(most) }))} />
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  )
}

function Bar({ label, used }: { label: string; used: Used }) {
  if (!used.most) return <Facts items={[{ label, value: `${count(used.now)}, without a limit of its own` }]} />
  return <ProgressBar label={label} value={Math.min(100, (100 * used.now) / used.most)} description={`${count(used.now)} of at most ${count(used.most)}`} />
}

function Doctor() {
  const { api } = useSession()
  const asked = useAsk('doctor', () => api.ask<{ findings: Finding[] }>('GET', 'doctor'))
  const types = { ok: 'success', warn: 'warning', fail: 'error' } as const
  return (
    <SpaceBetween size="s">
      {asked.error !== undefined && <Wrong error={asked.error} retry={asked.refresh} />}
      <Table<Finding>
        variant="container"
        wrapLines
        loading={asked.loading}
        loadingText="The doctor looks…"
        items={asked.data?.findings ?? []}
        empty="The doctor has nothing to say."
        ariaLabels={{ tableLabel: 'Findings of the doctor' }}
        header={<Header variant="h2" description="As openivs doctor finds it; not looked at again within a minute.">Doctor</Header>}
        columnDefinitions={[
          { id: 'what', header: 'What', isRowHeader: true, cell: (f) => <StatusIndicator type={types[f.grade]}>{f.what}</StatusIndicator> },
          { id: 'found', header: 'Found', cell: (f) => f.found },
          { id: 'cure', header: 'Cure', cell: (f) => f.cure ?? '–' },
        ]}
      />
    </SpaceBetween>
  )
}

function Sinks() {
  const { api } = useSession()
  const asked = useAsk('sinks', () => api.ask<{ newest: number; sinks: Sink[] }>('GET', 'sinks'), { every: often })
  return (
    <SpaceBetween size="s">
      {asked.error !== undefined && <Wrong error={asked.error} retry={asked.refresh} />}
      <Table<Sink>
        variant="container"
        wrapLines
        loading={asked.loading}
        loadingText="Loading sinks…"
        items={asked.data?.sinks ?? []}
        empty={<Box textAlign="center">Events go nowhere but to who asks for them. The setting event-sink sends them on.</Box>}
        ariaLabels={{ tableLabel: 'Sinks of events' }}
        header={<Header variant="h2" description="Where events go, and how far behind each is.">Event sinks</Header>}
        columnDefinitions={[
          { id: 'name', header: 'Sink', isRowHeader: true, cell: (s) => s.name },
          { id: 'kind', header: 'Kind', cell: (s) => s.kind },
          { id: 'behind', header: 'Behind', cell: (s) => (s.behind ? <StatusIndicator type="warning">{`${count(s.behind)} events${s.oldest ? `, since ${moment(s.oldest)}` : ''}`}</StatusIndicator> : <StatusIndicator>Up to date</StatusIndicator>) },
          { id: 'delivered', header: 'Delivered', cell: (s) => count(s.delivered) },
          { id: 'retried', header: 'Tried again', cell: (s) => count(s.retried) },
          { id: 'dead', header: 'Given up', cell: (s) => count(s.deadLetters) },
          { id: 'trouble', header: 'Last trouble', cell: (s) => (s.trouble ? `${s.trouble} (${moment(s.troubleAt)})` : '–') },
        ]}
      />
    </SpaceBetween>
  )
}
