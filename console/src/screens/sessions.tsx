import Checkbox from '@cloudscape-design/components/checkbox'
import Button from '@cloudscape-design/components/button'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { ListStreamSessionsCommand, type StreamSessionSummary } from '@aws-sdk/client-ivs'
import { useState } from 'react'
import { length, moment } from '../format'
import { arnOf } from '../here'
import { To } from '../parts/basics'
import { Listing } from '../parts/listing'
import { search } from '../parts/paging'
import { href } from '../route'
import { useSession } from '../session'

export function Sessions({ channel }: { channel: string }) {
  const { api } = useSession()
  const [errors, setErrors] = useState(false)
  const [wanted, setWanted] = useState('')
  const arn = arnOf('channel', channel)
  const load = async (nextToken: string | undefined) => {
    const page = await api.ivs.send(new ListStreamSessionsCommand({ channelArn: arn, maxResults: 100, nextToken }))
    return { items: page.streamSessions ?? [], next: page.nextToken }
  }
  return (
    <Listing<StreamSessionSummary>
      title="Stream sessions"
      what="sessions"
      id={`sessions ${channel} ${errors}`}
      key={String(errors)}
      about="What encoders have sent, the newest first, for as long as the server keeps sessions."
      channel={arn}
      text={(s) => `${s.streamId} ${moment(s.startTime)}`}
      empty={errors ? 'None of the sessions that were looked through had an error.' : 'Nobody has published yet. The page of the channel says where to.'}
      load={(token) => (errors ? search(load, (s) => !!s.hasErrorEvent, token) : load(token))}
      actions={
        <form onSubmit={(e) => {
          e.preventDefault()
          if (wanted.trim()) location.hash = href('channels', channel, 'sessions', wanted.trim())
        }}>
          <SpaceBetween direction="horizontal" size="xs">
            <Input value={wanted} placeholder="st-…" ariaLabel="Session id" onChange={({ detail }) => setWanted(detail.value)} />
            <Button disabled={!wanted.trim()}>Open session</Button>
          </SpaceBetween>
        </form>
      }
      tools={() => <Checkbox checked={errors} onChange={({ detail }) => setErrors(detail.checked)}>Only those with an error</Checkbox>}
      columns={[
        { id: 'id', header: 'Session', isRowHeader: true, cell: (s) => <To href={href('channels', channel, 'sessions', s.streamId ?? '')}>{s.streamId}</To> },
        { id: 'start', header: 'Started', cell: (s) => moment(s.startTime) },
        { id: 'length', header: 'Length', cell: (s) => (s.endTime && s.startTime ? length(s.endTime.getTime() - s.startTime.getTime()) : <StatusIndicator type="success">Live</StatusIndicator>) },
        { id: 'error', header: 'Errors', cell: (s) => (s.hasErrorEvent ? <StatusIndicator type="error">Had an error</StatusIndicator> : <StatusIndicator type="success">None</StatusIndicator>) },
      ]}
    />
  )
}
