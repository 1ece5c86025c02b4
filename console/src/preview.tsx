// The live picture of a channel, as a viewer gets it, with what its metadata says.
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { type ComponentType, lazy, Suspense, useState } from 'react'
import { Facts } from './parts/basics'

/** What plays, and what it says of itself. */
export type Seen = { state: string; latency?: number; size?: string; dropped?: number; metadata: string[] }

/** hls.js in a video element, loaded when it is first shown. */
export const Player = lazy(() => import('./player').then((m) => ({ default: m.Player as ComponentType<{ src: string; seen: (s: Seen) => void; recorded?: boolean }> })))

/** The address of a playback URL at the server of this page, which always has it: a
 *  page that came by HTTPS may not fetch by HTTP. */
export function sameOrigin(playbackUrl: string, token: string): string {
  const url = new URL(playbackUrl)
  return location.origin + url.pathname.replace(/^.*(?=\/api\/video\/)/, '') + (token ? '?token=' + encodeURIComponent(token) : '')
}

export function Preview({ playbackUrl, authorized, token, setToken }: {
  playbackUrl: string
  authorized: boolean
  token: string // "" until somebody gave one
  setToken: (token: string) => void
}) {
  const [seen, setSeen] = useState<Seen>({ state: 'Loading…', metadata: [] })
  const [typed, setTyped] = useState('')
  if (authorized && !token) {
    return (
      <form onSubmit={(e) => {
        e.preventDefault()
        setToken(typed.trim())
      }}>
        <FormField
          label="Playback token"
          description="The channel is private: a viewer needs a token. openivs token signs one to try it out."
          secondaryControl={<Button disabled={!typed}>Watch</Button>}
        >
          <Input value={typed} onChange={({ detail }) => setTyped(detail.value)} autoComplete="off" spellcheck={false} />
        </FormField>
      </form>
    )
  }
  return (
    <SpaceBetween size="m">
      <Suspense fallback={<Box>Loading the player…</Box>}>
        <Player key={token} src={sameOrigin(playbackUrl, token)} seen={setSeen} />
      </Suspense>
      <Facts
        columns={4}
        items={[
          { label: 'Player', value: <span data-testid="player-state">{seen.state}</span> },
          { label: 'Latency', value: <span data-testid="latency">{seen.latency === undefined ? '–' : seen.latency.toFixed(1) + ' s'}</span> },
          { label: 'Picture', value: seen.size },
          { label: 'Dropped pictures', value: seen.dropped },
        ]}
      />
      {seen.metadata.length > 0 && (
        <div className="received" role="log" aria-label="Timed metadata that the player received">
          <Box variant="awsui-key-label">Timed metadata received</Box>
          {seen.metadata.map((m, i) => <div key={i}><code>{m}</code></div>)}
        </div>
      )}
      {authorized && <Button onClick={() => setToken('')}>Another token</Button>}
    </SpaceBetween>
  )
}
