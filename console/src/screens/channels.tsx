import Button from '@cloudscape-design/components/button'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { ListChannelsCommand, ListStreamsCommand, type ChannelSummary, type StreamSummary } from '@aws-sdk/client-ivs'
import { useState } from 'react'
import { arnOf, idOf } from '../here'
import { onAir, streamOf, type Streams } from '../onair'
import { HealthBadge, MayButton, To, Wrong } from '../parts/basics'
import { Listing } from '../parts/listing'
import { href } from '../route'
import { useAsk, useSession } from '../session'
import { count } from '../format'
import { ChannelForm } from './channelform'

const live = 500 // streams whose state the list knows

export function Channels() {
  const { api, notify } = useSession()
  const [name, setName] = useState('')
  const [creating, setCreating] = useState(false)
  const [round, setRound] = useState(0)
  const streams = useAsk<Streams<StreamSummary>>(
    'streams',
    async () => {
      const by = new Map<string, StreamSummary>()
      let nextToken: string | undefined
      do {
        const page = await api.ivs.send(new ListStreamsCommand({ maxResults: 100, nextToken }))
        for (const s of page.streams ?? []) by.set(s.channelArn ?? '', s)
        nextToken = page.nextToken
      } while (nextToken && by.size < live)
      return { by, whole: !nextToken }
    },
    { channel: '', every: 15_000 },
  )
  const known = (c: ChannelSummary) => onAir(streams, streamOf(streams.data, c.arn ?? ''))
  const viewers = (c: ChannelSummary) => {
    const { state, stream } = known(c)
    if (state === 'live') return count(stream?.viewerCount)
    return state === 'offline' ? count(0) : '–'
  }
  return (
    <SpaceBetween size="m">
      {streams.error !== undefined && <Wrong error={streams.error} retry={streams.refresh} />}
      <Listing<ChannelSummary>
        title="Channels"
        what="channels"
        id={`channels ${name} ${round}`}
        about="Where one encoder publishes and many viewers watch."
        text={(c) => `${c.name} ${c.arn} ${Object.entries(c.tags ?? {}).flat().join(' ')}`}
        empty={name ? 'No channel has this name.' : 'Create a channel; it tells you where to publish to.'}
        load={async (nextToken) => {
          const page = await api.ivs.send(new ListChannelsCommand({ maxResults: 100, nextToken, ...(name && { filterByName: name }) }))
          return { items: page.channels ?? [], next: page.nextToken }
        }}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {name && <Button onClick={() => setName('')}>All names</Button>}
            <MayButton variant="primary" action="ivs:CreateChannel" on={arnOf('channel', '*')} onClick={() => setCreating(true)}>Create channel</MayButton>
          </SpaceBetween>
        }
        tools={(filter) => filter && filter !== name && <Button onClick={() => setName(filter)}>Look for the name “{filter}” among all channels</Button>}
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: (c) => <To href={href('channels', idOf(c.arn))}>{c.name || idOf(c.arn)}</To> },
          { id: 'state', header: 'State', cell: (c) => <HealthBadge of={known(c)} /> },
          { id: 'viewers', header: 'Viewers', cell: viewers },
          { id: 'type', header: 'Type', cell: (c) => c.type },
          { id: 'latency', header: 'Latency', cell: (c) => c.latencyMode },
          { id: 'private', header: 'Playback', cell: (c) => (c.authorized ? 'Private' : c.playbackRestrictionPolicyArn ? 'Restricted' : 'Open') },
          { id: 'id', header: 'ID', cell: (c) => idOf(c.arn) },
        ]}
      />
      {creating && (
        <Modal visible size="large" header="Create a channel" closeAriaLabel="Close" onDismiss={() => setCreating(false)}>
          <ChannelForm
            close={(made) => {
              setCreating(false)
              if (!made) return
              setRound(round + 1)
              notify('The channel was created. Copy where to publish from its page.')
              location.hash = href('channels', idOf(made))
            }}
          />
        </Modal>
      )}
    </SpaceBetween>
  )
}
