import I18nProvider from '@cloudscape-design/components/i18n'
import messages from '@cloudscape-design/components/i18n/messages/all.en'
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { Api, type Caller } from './api'
import { Feed } from './feed'
import { saveKeys } from './keys'
import { rightsOf } from './rights'
import { parseRoute } from './route'
import { SignIn } from './screens/signin'
import { type Session, SessionContext } from './session'
import { Shell } from './shell'

function watchPlace(f: () => void) {
  addEventListener('hashchange', f)
  return () => removeEventListener('hashchange', f)
}

export function App() {
  const fragment = useSyncExternalStore(watchPlace, () => location.hash)
  const route = useMemo(() => parseRoute(fragment), [fragment])
  const [signed, setSigned] = useState<{ api: Api; caller: Caller } | null>(null)
  return (
    <I18nProvider locale="en" messages={[messages]}>
      {signed ? (
        <SignedIn {...signed} route={route} signOut={() => {
          saveKeys(null)
          setSigned(null)
        }} />
      ) : (
        <SignIn route={route} done={(api, caller) => setSigned({ api, caller })} />
      )}
    </I18nProvider>
  )
}

function SignedIn({ api, caller, route, signOut }: { api: Api; caller: Caller; route: ReturnType<typeof parseRoute>; signOut: () => void }) {
  const [notes, setNotes] = useState<{ id: number; text: string }[]>([])
  const [feed, setFeed] = useState<Feed | null>(null)
  const rights = useMemo(() => rightsOf(api), [api])
  useEffect(() => {
    const made = new Feed(api)
    setFeed(made)
    return () => made.close()
  }, [api])
  const session = useMemo<Session | null>(
    () =>
      feed && {
        api, caller, feed, rights, signOut,
        notify: (text) => setNotes((before) => [...before.slice(-2), { id: (before.at(-1)?.id ?? 0) + 1, text }]),
      },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- signOut is another function each time and the same thing
    [api, caller, feed, rights],
  )
  if (!session) return null
  return (
    <SessionContext value={session}>
      <Shell route={route} notes={notes} forget={(id) => setNotes((before) => before.filter((n) => n.id !== id))} />
    </SessionContext>
  )
}
