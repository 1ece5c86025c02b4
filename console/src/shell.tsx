// The frame of all screens: where somebody can go, and who they are.
import AppLayoutToolbar from '@cloudscape-design/components/app-layout-toolbar'
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group'
import Flashbar from '@cloudscape-design/components/flashbar'
import SideNavigation from '@cloudscape-design/components/side-navigation'
import TopNavigation from '@cloudscape-design/components/top-navigation'
import { lazy, Suspense, useEffect, useState } from 'react'
import { href, type Route } from './route'
import { ChannelScreen } from './screens/channel'
import { Channels } from './screens/channels'
import { AccessKeys, AdConfigurations, KeyPairs, Recordings, Restrictions } from './screens/resources'
import { Sessions } from './screens/sessions'
import { System } from './screens/system'
import { useFeedState, useSession } from './session'
import { isDark, setDark } from './theme'

const RecordedList = lazy(() => import('./screens/recordings').then((m) => ({ default: m.RecordedList })))
const RecordedOne = lazy(() => import('./screens/recordings').then((m) => ({ default: m.RecordedOne })))
const SessionScreen = lazy(() => import('./screens/streamsession').then((m) => ({ default: m.SessionScreen })))

const sections = [
  { path: 'channels', title: 'Channels' },
  { path: 'recordings', title: 'Recordings' },
  { path: 'playback-keys', title: 'Playback keys' },
  { path: 'restriction-policies', title: 'Restriction policies' },
  { path: 'recording-configurations', title: 'Recording configurations' },
  { path: 'ad-configurations', title: 'Ad configurations' },
  { path: 'access-keys', title: 'Access keys' },
  { path: 'system', title: 'System' },
]

export function Shell({ route, notes, forget }: { route: Route; notes: { id: number; text: string }[]; forget: (id: number) => void }) {
  const { caller, signOut } = useSession()
  const [dark, toggle] = useState(isDark())
  const [open, setOpen] = useState(innerWidth > 900)
  const section = sections.find((s) => s.path === (route.parts[0] ?? 'channels'))
  const trail = breadcrumbs(route)
  useEffect(() => {
    document.title = [...trail].reverse().map((b) => b.text).join(' – ')
  })
  return (
    <>
      <div id="top">
        <TopNavigation
          identity={{ href: href('channels'), title: 'openivs' }}
          utilities={[
            {
              type: 'button',
              text: dark ? 'Light' : 'Dark',
              ariaLabel: dark ? 'Use light colours' : 'Use dark colours',
              onClick: () => {
                setDark(!dark)
                toggle(!dark)
              },
            },
            {
              type: 'menu-dropdown',
              text: caller.name,
              description: caller.arn,
              iconName: 'user-profile',
              items: [{ id: 'out', text: 'Sign out' }],
              onItemClick: signOut,
            },
          ]}
        />
      </div>
      <AppLayoutToolbar
        headerSelector="#top"
        toolsHide
        navigationOpen={open}
        onNavigationChange={({ detail }) => setOpen(detail.open)}
        ariaLabels={{ navigation: 'Sections', navigationToggle: 'Open sections', navigationClose: 'Close sections' }}
        breadcrumbs={<BreadcrumbGroup items={trail} ariaLabel="Where you are" />}
        notifications={
          <Flashbar
            items={[
              ...notes.map((n) => ({ id: String(n.id), type: 'success' as const, content: n.text, dismissible: true, dismissLabel: 'Dismiss', onDismiss: () => forget(n.id) })),
            ]}
          />
        }
        navigation={
          <SideNavigation
            header={{ href: href('channels'), text: 'openivs' }}
            activeHref={section ? href(section.path) : ''}
            items={[...sections.map((s) => ({ type: 'link' as const, text: s.title, href: href(s.path) }))]}
            itemsControl={<FeedState />}
          />
        }
        content={
          <Suspense fallback={null}>
            <Screen route={route} />
          </Suspense>
        }
      />
    </>
  )
}

function FeedState() {
  const words = {
    connecting: 'Connecting…',
    live: 'Live: changes appear by themselves',
    lost: 'Connection lost, trying again…',
    denied: 'This key may not read events: looking every 10 s',
  }
  return <small role="status">{words[useFeedState()]}</small>
}

function Screen({ route: { parts, query } }: { route: Route }) {
  const [section = 'channels', id, sub, subId] = parts
  switch (section) {
    case 'channels':
      if (!id) return <Channels />
      if (sub === 'sessions' && subId) return <SessionScreen key={id + subId} channel={id} stream={subId} />
      if (sub === 'sessions') return <Sessions key={id} channel={id} />
      return <ChannelScreen key={id} id={id} edit={query.has('edit')} />
    case 'recordings':
      return id ? <RecordedOne key={id} id={id} /> : <RecordedList channel={query.get('channel') ?? ''} />
    case 'playback-keys':
      return <KeyPairs id={id} />
    case 'restriction-policies':
      return <Restrictions id={id} />
    case 'recording-configurations':
      return <Recordings id={id} />
    case 'ad-configurations':
      return <AdConfigurations id={id} />
    case 'access-keys':
      return <AccessKeys />
    case 'system':
      return <System />
    default:
      return <p>There is no page here. Choose a section.</p>
  }
}

function breadcrumbs({ parts }: Route) {
  const section = sections.find((s) => s.path === (parts[0] ?? 'channels'))
  const trail = [{ text: 'openivs', href: href('channels') }]
  if (section) trail.push({ text: section.title, href: href(section.path) })
  if (section && parts[1]) trail.push({ text: parts[1], href: href(section.path, parts[1]) })
  if (section && parts[1] && parts[2] === 'sessions') trail.push({ text: 'Stream sessions', href: href(section.path, parts[1], 'sessions') })
  if (section && parts[1] && parts[3]) trail.push({ text: parts[3], href: href(section.path, parts[1], 'sessions', parts[3]) })
  return trail
}
