import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import Form from '@cloudscape-design/components/form'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import { useEffect, useRef, useState } from 'react'
import { Api, type Caller, useLink as exchange, whoIs } from '../api'
import { region } from '../here'
import { type Keys, savedKeys, saveKeys } from '../keys'
import { href, type Route } from '../route'
import { explain } from '../trouble'

/** Lets somebody in by keys, by a link that was made for this browser, or as before. */
export function SignIn({ route, done }: { route: Route; done: (api: Api, caller: Caller) => void }) {
  const [busy, setBusy] = useState(true)
  const [error, setError] = useState<unknown>()
  const [id, setId] = useState('')
  const [secret, setSecret] = useState('')
  const [token, setToken] = useState('')

  const enter = async (find: () => Promise<Keys | null>) => {
    setBusy(true)
    setError(undefined)
    try {
      const keys = await find()
      if (!keys) return setBusy(false)
      const api = new Api(keys)
      const caller = await whoIs(api)
      saveKeys(keys)
      done(api, caller)
    } catch (err) {
      saveKeys(null)
      setError(err)
      setBusy(false)
    }
  }

  const begun = useRef(false)
  useEffect(() => {
    if (begun.current) return // a link works once
    begun.current = true
    const code = route.parts[0] === 'link' ? route.parts[1] : undefined
    if (code) history.replaceState(null, '', href('channels'))
    void enter(async () => (code ? exchange(code) : savedKeys())).then(() => code && dispatchEvent(new HashChangeEvent('hashchange')))
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, with what the page was opened with
  }, [])

  const trouble = error === undefined ? null : explain(error)
  return (
    <main>
      <Box margin={{ top: 'xxxl' }} padding="m">
        <ContentLayout maxContentWidth={480} header={<Header variant="h1" description={`Region ${region}. Keys stay in this tab and are forgotten with it.`}>Sign in to openivs</Header>}>
          <form
            onSubmit={(e) => {
              e.preventDefault()
              void enter(async () => ({ accessKeyId: id.trim(), secretAccessKey: secret.trim(), ...(token.trim() && { sessionToken: token.trim() }) }))
            }}
          >
            <Container>
              <Form actions={<Button variant="primary" loading={busy} disabled={!id || !secret}>Sign in</Button>}>
                <SpaceBetween size="l">
                  {trouble && (
                    <Alert type="error" header={trouble.title}>
                      {trouble.advice}
                      {trouble.detail && <Box color="text-body-secondary" fontSize="body-s">{trouble.detail}</Box>}
                    </Alert>
                  )}
                  <FormField label="Access key ID" description="openivs credentials create makes one; the first start has put one into the data directory.">
                    <Input value={id} onChange={({ detail }) => setId(detail.value)} autoComplete="off" spellcheck={false} placeholder="AKIA…" />
                  </FormField>
                  <FormField label="Secret access key">
                    <Input type="password" value={secret} onChange={({ detail }) => setSecret(detail.value)} autoComplete="off" />
                  </FormField>
                  <ExpandableSection headerText="Session token">
                    <FormField label="Session token" description="Only temporary keys have one.">
                      <Input type="password" value={token} onChange={({ detail }) => setToken(detail.value)} autoComplete="off" />
                    </FormField>
                  </ExpandableSection>
                  <Box color="text-body-secondary">
                    On the server's own machine, <code>openivs console</code> opens this page signed in.
                  </Box>
                  {busy && <Box><Spinner /> Signing in…</Box>}
                </SpaceBetween>
              </Form>
            </Container>
          </form>
        </ContentLayout>
      </Box>
    </main>
  )
}
