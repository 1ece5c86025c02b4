// Who is signed in, for everything on the page.
import { createContext, useContext, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { Api, Caller } from './api'
import type { Feed, Happening } from './feed'
import { paced } from './pace'
import type { Rights, Verdict } from './rights'

export type Session = { api: Api; caller: Caller; feed: Feed; rights: Rights; signOut: () => void; notify: (text: string) => void }

export const SessionContext = createContext<Session | null>(null)

export function useSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('nobody is signed in')
  return session
}

/** Whether the key may do something, and why not. */
export function useMay(action: string, resource: string): Verdict {
  const { rights } = useSession()
  return useSyncExternalStore(rights.watch, () => rights.may(action, resource))
}

export function useFeedState() {
  const { feed } = useSession()
  return useSyncExternalStore(feed.watch, () => feed.state)
}

/** Calls f with each event of a channel, or of all. */
export function useHappenings(f: (h: Happening) => void, channel?: string) {
  const { feed } = useSession()
  const latest = useRef(f)
  useEffect(() => {
    latest.current = f
  })
  useEffect(() => feed.listen((h) => (!channel || h.resources.includes(channel)) && latest.current(h)), [feed, channel])
}

export type Asked<T> = { data?: T; error?: unknown; loading: boolean; refresh: () => void }

type Options = {
  every?: number // milliseconds until it is asked again
  channel?: string // whose events make it be asked again; '' for all
}

const busiest = 2000 // milliseconds between questions that events of one channel cause
const busiestOfAll = 5000 // the same for events of all channels
const unfed = 10_000 // milliseconds between questions where there is no feed

/** Asks for something, again when it may have changed, and keeps the last answer. */
export function useAsk<T>(key: string, ask: () => Promise<T>, { every, channel }: Options = {}): Asked<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: unknown; loading: boolean }>({ key, loading: true })
  const [round, setRound] = useState(0)
  const latest = useRef(ask)
  useEffect(() => {
    latest.current = ask
  })
  useEffect(() => {
    let gone = false
    latest.current().then(
      (data) => !gone && setState({ key, data, loading: false }),
      (error: unknown) => !gone && setState((before) => ({ key, data: before.key === key ? before.data : undefined, error, loading: false })),
    )
    return () => {
      gone = true
    }
  }, [key, round])

  const { feed } = useSession()
  const fed = useFeedState()
  useEffect(() => {
    if (channel === undefined) return
    const pace = paced(() => setRound((n) => n + 1), channel ? busiest : busiestOfAll)
    const stop = feed.listen((h) => {
      if (!channel || h.resources.includes(channel)) pace.ask()
    })
    return () => {
      stop()
      pace.stop()
    }
  }, [feed, channel])

  const period = every ?? (channel !== undefined && fed !== 'live' ? unfed : undefined)
  useEffect(() => {
    if (!period) return
    const timer = setInterval(() => !document.hidden && setRound((n) => n + 1), period)
    return () => clearInterval(timer)
  }, [period])

  const current = state.key === key ? state : { loading: true, data: undefined, error: undefined }
  return { data: current.data, error: current.error, loading: current.loading, refresh: () => setRound((n) => n + 1) }
}
