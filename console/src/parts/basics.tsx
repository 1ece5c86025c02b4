// Small things that every screen is made of.
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button, { type ButtonProps } from '@cloudscape-design/components/button'
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import Form from '@cloudscape-design/components/form'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import Link from '@cloudscape-design/components/link'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { type ReactNode, useState } from 'react'
import type { OnAir } from '../onair'
import { type Asked, useMay, useSession } from '../session'
import { explain } from '../trouble'

/** Says what went wrong and what helps. */
export function Wrong({ error, retry }: { error: unknown; retry?: () => void }) {
  const { signOut } = useSession()
  const t = explain(error)
  const action = t.signOut ? <Button onClick={signOut}>Sign in again</Button> : retry && <Button onClick={retry}>Try again</Button>
  return (
    <Alert type="error" header={t.title} action={action}>
      {t.advice}
      {t.detail && <Box color="text-body-secondary" fontSize="body-s">{t.detail}</Box>}
    </Alert>
  )
}

/** What was asked for, or that it is coming, or why it does not come. */
export function Await<T>({ asked, what, children }: { asked: Asked<T>; what: string; children: (data: T) => ReactNode }) {
  if (asked.data !== undefined) {
    return (
      <>
        {asked.error !== undefined && <Wrong error={asked.error} retry={asked.refresh} />}
        {children(asked.data)}
      </>
    )
  }
  if (asked.error !== undefined) return <Wrong error={asked.error} retry={asked.refresh} />
  return (
    <Box textAlign="center" padding="l">
      <Spinner /> Loading {what}…
    </Box>
  )
}

/** A button that is disabled, with the reason, if the key may not do what it does. */
export function MayButton({ action, on, disabledReason, ...rest }: ButtonProps & { action: string; on: string }) {
  const verdict = useMay(action, on)
  const reason = verdict.allowed ? disabledReason : verdict.reason
  return <Button {...rest} disabled={!!reason || rest.disabled} disabledReason={reason} />
}

export type Fact = { label: string; value: ReactNode }

export function Facts({ items, columns = 3 }: { items: Fact[]; columns?: number }) {
  return <KeyValuePairs columns={columns} items={items.map(({ label, value }) => ({ label, value: value === '' || value === undefined || value === null ? '–' : value }))} />
}

/** Text with a button that copies it. */
export function Copy({ text, name, shown }: { text: string; name: string; shown?: string }) {
  return (
    <CopyToClipboard
      variant={shown === undefined ? 'inline' : 'icon'}
      textToCopy={text}
      copyButtonAriaLabel={`Copy ${name}`}
      copySuccessText="Copied"
      copyErrorText="The browser did not let it be copied: select the text instead"
    />
  )
}

/** A link to another place of the console. */
export function To({ href, children }: { href: string; children: ReactNode }) {
  return <Link href={href}>{children}</Link>
}

export function HealthBadge({ of: { state, stream } }: { of: OnAir<{ health?: string }> }) {
  if (state === 'loading') return <>–</>
  if (state === 'unknown') return <StatusIndicator type="info">Unknown</StatusIndicator>
  if (state === 'offline') return <StatusIndicator type="stopped">Offline</StatusIndicator>
  const health = stream?.health
  if (health === 'STARVING') return <StatusIndicator type="warning">Live, starving</StatusIndicator>
  if (health === 'HEALTHY') return <StatusIndicator type="success">Live, healthy</StatusIndicator>
  return <StatusIndicator type="in-progress">Live, health not known yet</StatusIndicator>
}

/** Has something done when go is called, and says whether that is under way and
 *  what went wrong. */
export function useAct(act: () => Promise<unknown>, done?: () => void) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const go = () => {
    setBusy(true)
    setError(undefined)
    act().then(
      () => {
        setBusy(false)
        done?.()
      },
      (err: unknown) => {
        setBusy(false)
        setError(err)
      },
    )
  }
  return { busy, error, go }
}

/** Asks before something is done that cannot be undone. */
export function Confirm({ title, verb, children, act, close }: {
  title: string
  verb: string
  children: ReactNode
  act: () => Promise<unknown>
  close: (done: boolean) => void
}) {
  const { busy, error, go } = useAct(act, () => close(true))
  return (
    <Modal
      visible
      header={title}
      closeAriaLabel="Close"
      onDismiss={() => close(false)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => close(false)}>Cancel</Button>
            <Button variant="primary" loading={busy} onClick={go}>{verb}</Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <div>{children}</div>
        {error !== undefined && <Wrong error={error} />}
      </SpaceBetween>
    </Modal>
  )
}

/** The frame of a form that sends something. */
export function Send({ title, verb, act, close, valid = true, children }: {
  title?: ReactNode
  verb: string
  act: () => Promise<unknown>
  close: (done: boolean) => void
  valid?: boolean
  children: ReactNode
}) {
  const { busy, error, go } = useAct(act, () => close(true))
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault()
        if (valid && !busy) go()
      }}
    >
      <Form
        header={title}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button formAction="none" variant="link" onClick={() => close(false)}>Cancel</Button>
            <Button variant="primary" loading={busy} disabled={!valid}>{verb}</Button>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          {children}
          {error !== undefined && <Wrong error={error} />}
        </SpaceBetween>
      </Form>
    </form>
  )
}
