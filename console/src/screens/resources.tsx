// The resources that channels use, each kind with its list, its page and its form.
import Box from '@cloudscape-design/components/box'
import Checkbox from '@cloudscape-design/components/checkbox'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import Modal from '@cloudscape-design/components/modal'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Textarea from '@cloudscape-design/components/textarea'
import {
  CreateAdConfigurationCommand, CreatePlaybackRestrictionPolicyCommand, CreateRecordingConfigurationCommand, DeleteAdConfigurationCommand,
  DeletePlaybackKeyPairCommand, DeletePlaybackRestrictionPolicyCommand, DeleteRecordingConfigurationCommand, GetAdConfigurationCommand,
  GetPlaybackKeyPairCommand, GetPlaybackRestrictionPolicyCommand, GetRecordingConfigurationCommand, ImportPlaybackKeyPairCommand,
  ListAdConfigurationsCommand, ListPlaybackKeyPairsCommand, ListPlaybackRestrictionPoliciesCommand, ListRecordingConfigurationsCommand,
  UpdateAdConfigurationCommand, UpdatePlaybackRestrictionPolicyCommand,
} from '@aws-sdk/client-ivs'
import { type ReactNode, useState } from 'react'
import type { Api } from '../api'
import { moment } from '../format'
import { account, arnOf, idOf, region } from '../here'
import { Await, Confirm, Copy, type Fact, Facts, MayButton, Send, To } from '../parts/basics'
import { Listing } from '../parts/listing'
import type { Page } from '../parts/paging'
import { TagsPanel } from '../parts/tags'
import { href } from '../route'
import { useAsk, useSession } from '../session'
import { nameTrouble } from './names'

type Resource = { arn?: string; name?: string; tags?: Record<string, string> }

/** A kind of resource, as its screens need it. */
type Kind<T extends Resource> = {
  section: string // of the console
  kind: string // of its ARN
  noun: string // in IAM actions, in the singular
  title: string
  one: string
  many: string
  about: string
  empty: string
  create: string // the IAM action
  warning: string // before it is deleted
  list: (api: Api, nextToken?: string) => Promise<Page<T>>
  get: (api: Api, arn: string) => Promise<T>
  remove: (api: Api, arn: string) => Promise<unknown>
  columns: { header: string; cell: (r: T) => ReactNode }[]
  facts: (r: T) => Fact[]
  form: (close: (done: boolean) => void, now?: T) => ReactNode // makes one, or changes the one there is
  changes?: boolean // one that is there can be changed
}

function Resources<T extends Resource>({ of, id }: { of: Kind<T>; id?: string }) {
  return id ? <One of={of} id={id} key={id} /> : <Many of={of} key={of.kind} />
}

function Many<T extends Resource>({ of }: { of: Kind<T> }) {
  const { api, notify } = useSession()
  const [creating, setCreating] = useState(false)
  const [round, setRound] = useState(0)
  return (
    <>
      <Listing<T>
        title={of.title}
        what={of.many}
        id={`${of.kind} ${round}`}
        about={of.about}
        empty={of.empty}
        text={(r) => `${r.name} ${r.arn}`}
        load={(token) => of.list(api, token)}
        actions={<MayButton variant="primary" action={of.create} on={arnOf(of.kind, '*')} onClick={() => setCreating(true)}>{of.create.includes('Import') ? 'Import' : 'Create'} {of.one}</MayButton>}
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: (r) => <To href={href(of.section, idOf(r.arn))}>{r.name || idOf(r.arn)}</To> },
          ...of.columns.map((c) => ({ id: c.header, ...c })),
          { id: 'id', header: 'ID', cell: (r) => idOf(r.arn) },
        ]}
      />
      {creating && (
        <Modal visible size="medium" header={`New ${of.one}`} closeAriaLabel="Close" onDismiss={() => setCreating(false)}>
          {of.form((done) => {
            setCreating(false)
            if (!done) return
            setRound(round + 1)
            notify(`The ${of.one} was created.`)
          })}
        </Modal>
      )}
    </>
  )
}

function One<T extends Resource>({ of, id }: { of: Kind<T>; id: string }) {
  const { api, notify } = useSession()
  const [asking, setAsking] = useState(false)
  const [changing, setChanging] = useState(false)
  const arn = arnOf(of.kind, id)
  const asked = useAsk(arn, () => of.get(api, arn))
  return (
    <Await asked={asked} what={`the ${of.one}`}>
      {(r) => (
        <SpaceBetween size="l">
          <Header variant="h1" actions={
            <SpaceBetween direction="horizontal" size="xs">
              {of.changes && <MayButton action={`ivs:Update${of.noun}`} on={arn} onClick={() => setChanging(true)}>Edit</MayButton>}
              <MayButton action={`ivs:Delete${of.noun}`} on={arn} onClick={() => setAsking(true)}>Delete</MayButton>
            </SpaceBetween>
          }>{r.name || id}</Header>
          <Container header={<Header variant="h2">Details</Header>}>
            <Facts items={[{ label: 'ARN', value: <Copy text={arn} name="the ARN" /> }, ...of.facts(r)]} />
          </Container>
          <TagsPanel arn={arn} tags={r.tags} changed={asked.refresh} />
          {changing && (
            <Modal visible size="medium" header={`Edit ${r.name || id}`} closeAriaLabel="Close" onDismiss={() => setChanging(false)}>
              {of.form((done) => {
                setChanging(false)
                if (!done) return
                asked.refresh()
                notify(`The ${of.one} was saved.`)
              }, r)}
            </Modal>
          )}
          {asking && (
            <Confirm title={`Delete ${r.name || id}?`} verb="Delete" act={() => of.remove(api, arn)} close={(done) => {
              setAsking(false)
              if (!done) return
              notify(`The ${of.one} was deleted.`)
              location.hash = href(of.section)
            }}>
              {of.warning}
            </Confirm>
          )}
        </SpaceBetween>
      )}
    </Await>
  )
}

function NameField({ name, change }: { name: string; change: (name: string) => void }) {
  return (
    <FormField label="Name" errorText={nameTrouble(name)}>
      <Input value={name} onChange={({ detail }) => change(detail.value)} />
    </FormField>
  )
}

export function KeyPairs({ id }: { id?: string }) {
  return (
    <Resources
      id={id}
      of={{
        section: 'playback-keys', kind: 'playback-key', noun: 'PlaybackKeyPair', title: 'Playback keys', one: 'playback key', many: 'playback keys',
        about: 'Public keys; who watches a private channel has a token that is signed with the private one.',
        empty: 'Make a pair (openssl ecparam -name secp384r1 -genkey) and import its public key.',
        create: 'ivs:ImportPlaybackKeyPair',
        warning: 'Tokens that were signed with it let nobody in any more.',
        list: async (api, nextToken) => {
          const page = await api.ivs.send(new ListPlaybackKeyPairsCommand({ maxResults: 100, nextToken }))
          return { items: page.keyPairs ?? [], next: page.nextToken }
        },
        get: async (api, arn) => (await api.ivs.send(new GetPlaybackKeyPairCommand({ arn }))).keyPair!,
        remove: (api, arn) => api.ivs.send(new DeletePlaybackKeyPairCommand({ arn })),
        columns: [],
        facts: (r: Resource & { fingerprint?: string }) => [{ label: 'Fingerprint', value: r.fingerprint }],
        form: (close) => <KeyPairForm close={close} />,
      }}
    />
  )
}

function KeyPairForm({ close }: { close: (done: boolean) => void }) {
  const { api } = useSession()
  const [name, setName] = useState('')
  const [pem, setPem] = useState('')
  return (
    <Send verb="Import" close={close} valid={!!pem.trim() && !nameTrouble(name)} act={() => api.ivs.send(new ImportPlaybackKeyPairCommand({ name, publicKeyMaterial: pem }))}>
      <NameField name={name} change={setName} />
      <FormField label="Public key" description="ECDSA on the curve P-384, in PEM: it begins with -----BEGIN PUBLIC KEY-----. Keep the private one to yourself.">
        <Textarea rows={6} value={pem} onChange={({ detail }) => setPem(detail.value)} />
      </FormField>
    </Send>
  )
}

type Restriction = Resource & { allowedCountries?: string[]; allowedOrigins?: string[]; enableStrictOriginEnforcement?: boolean }

export function Restrictions({ id }: { id?: string }) {
  return (
    <Resources<Restriction>
      id={id}
      of={{
        section: 'restriction-policies', kind: 'playback-restriction-policy', noun: 'PlaybackRestrictionPolicy', title: 'Restriction policies', one: 'restriction policy', many: 'restriction policies',
        about: 'From which countries and from which pages channels may be watched.',
        empty: 'Create one, then choose it in a channel.',
        create: 'ivs:CreatePlaybackRestrictionPolicy',
        warning: 'A policy that a channel uses cannot be deleted: take it off the channel first.',
        list: async (api, nextToken) => {
          const page = await api.ivs.send(new ListPlaybackRestrictionPoliciesCommand({ maxResults: 100, nextToken }))
          return { items: page.playbackRestrictionPolicies ?? [], next: page.nextToken }
        },
        get: async (api, arn) => (await api.ivs.send(new GetPlaybackRestrictionPolicyCommand({ arn }))).playbackRestrictionPolicy!,
        remove: (api, arn) => api.ivs.send(new DeletePlaybackRestrictionPolicyCommand({ arn })),
        columns: [
          { header: 'Countries', cell: (r) => r.allowedCountries?.join(', ') || 'All' },
          { header: 'Origins', cell: (r) => r.allowedOrigins?.join(', ') || 'All' },
        ],
        facts: (r) => [
          { label: 'Countries', value: r.allowedCountries?.join(', ') || 'All' },
          { label: 'Origins', value: r.allowedOrigins?.join(', ') || 'All' },
          { label: 'Strict origins', value: r.enableStrictOriginEnforcement ? 'Segments too: who sends no origin is refused' : 'Off' },
        ],
        changes: true,
        form: (close, now) => <RestrictionForm close={close} now={now} />,
      }}
    />
  )
}

/** Words between commas or spaces. */
const words = (text: string) => text.split(/[\s,]+/).filter(Boolean)

function RestrictionForm({ close, now }: { close: (done: boolean) => void; now?: Restriction }) {
  const { api } = useSession()
  const [name, setName] = useState(now?.name ?? '')
  const [countries, setCountries] = useState(now?.allowedCountries?.join(', ') ?? '')
  const [origins, setOrigins] = useState(now?.allowedOrigins?.join(', ') ?? '')
  const [strict, setStrict] = useState(now?.enableStrictOriginEnforcement ?? false)
  const save = async () => {
    const input = { name, allowedCountries: words(countries).map((c) => c.toUpperCase()), allowedOrigins: words(origins), enableStrictOriginEnforcement: strict }
    if (now) await api.ivs.send(new UpdatePlaybackRestrictionPolicyCommand({ ...input, arn: now.arn }))
    else await api.ivs.send(new CreatePlaybackRestrictionPolicyCommand(input))
  }
  return (
    <Send verb={now ? 'Save' : 'Create'} close={close} valid={!nameTrouble(name)} act={save}>
      <NameField name={name} change={setName} />
      <FormField label="Countries" description="Two letters each, such as DE, US. None: all. The server needs a GeoIP file to tell them apart.">
        <Input value={countries} onChange={({ detail }) => setCountries(detail.value)} />
      </FormField>
      <FormField label="Origins" description="Pages that may play, such as https://example.com. None: all.">
        <Input value={origins} onChange={({ detail }) => setOrigins(detail.value)} />
      </FormField>
      <Checkbox checked={strict} onChange={({ detail }) => setStrict(detail.checked)} description="Looks at each segment too; players outside of browsers, which send no origin, are refused.">Enforce origins strictly</Checkbox>
    </Send>
  )
}

type Recording = Resource & {
  state?: string
  destinationConfiguration?: { s3?: { bucketName?: string } }
  recordingReconnectWindowSeconds?: number
  thumbnailConfiguration?: { recordingMode?: string; targetIntervalSeconds?: number; resolution?: string; storage?: string[] }
  renditionConfiguration?: { renditionSelection?: string; renditions?: string[] }
}

function RecordingState({ state }: { state?: string }) {
  if (state === 'ACTIVE') return <StatusIndicator>Active</StatusIndicator>
  if (state === 'CREATING') return <StatusIndicator type="in-progress">The bucket is being tried</StatusIndicator>
  return <StatusIndicator type="error">The bucket could not be used</StatusIndicator>
}

export function Recordings({ id }: { id?: string }) {
  return (
    <Resources<Recording>
      id={id}
      of={{
        section: 'recording-configurations', kind: 'recording-configuration', noun: 'RecordingConfiguration', title: 'Recording configurations', one: 'recording configuration', many: 'recording configurations',
        about: 'Where streams are recorded to, and how.',
        empty: 'Create one with a bucket, then choose it in a channel.',
        create: 'ivs:CreateRecordingConfiguration',
        warning: 'A configuration that a channel uses cannot be deleted: take it off the channel first. What was recorded stays in its bucket.',
        list: async (api, nextToken) => {
          const page = await api.ivs.send(new ListRecordingConfigurationsCommand({ maxResults: 100, nextToken }))
          return { items: page.recordingConfigurations ?? [], next: page.nextToken }
        },
        get: async (api, arn) => (await api.ivs.send(new GetRecordingConfigurationCommand({ arn }))).recordingConfiguration!,
        remove: (api, arn) => api.ivs.send(new DeleteRecordingConfigurationCommand({ arn })),
        columns: [
          { header: 'State', cell: (r) => <RecordingState state={r.state} /> },
          { header: 'Bucket', cell: (r) => r.destinationConfiguration?.s3?.bucketName },
        ],
        facts: (r) => [
          { label: 'State', value: <RecordingState state={r.state} /> },
          { label: 'Bucket', value: r.destinationConfiguration?.s3?.bucketName },
          { label: 'Reconnect window', value: `${r.recordingReconnectWindowSeconds ?? 0} s` },
          { label: 'Thumbnails', value: r.thumbnailConfiguration?.recordingMode === 'DISABLED' ? 'Off' : `Every ${r.thumbnailConfiguration?.targetIntervalSeconds ?? 60} s, ${(r.thumbnailConfiguration?.storage ?? []).join(' and ')}` },
          { label: 'Renditions', value: r.renditionConfiguration?.renditions?.join(', ') || r.renditionConfiguration?.renditionSelection },
        ],
        form: (close) => <RecordingForm close={close} />,
      }}
    />
  )
}

function RecordingForm({ close }: { close: (done: boolean) => void }) {
  const { api } = useSession()
  const [name, setName] = useState('')
  const [bucket, setBucket] = useState('')
  const [window, setWindow] = useState('0')
  const [thumbnails, setThumbnails] = useState('INTERVAL')
  const [interval, setInterval] = useState('60')
  const [storage, setStorage] = useState<readonly string[]>(['SEQUENTIAL'])
  const [resolution, setResolution] = useState('')
  const [renditions, setRenditions] = useState('ALL')
  const [chosen, setChosen] = useState<readonly string[]>([])
  const modes = [{ value: 'INTERVAL', label: 'At an interval' }, { value: 'DISABLED', label: 'None' }]
  const selections = [{ value: 'ALL', label: 'All' }, { value: 'NONE', label: 'None: thumbnails only' }, { value: 'CUSTOM', label: 'Some of them' }]
  return (
    <Send verb="Create" close={close} valid={!!bucket && !nameTrouble(name)} act={() => api.ivs.send(new CreateRecordingConfigurationCommand({
      name, destinationConfiguration: { s3: { bucketName: bucket } }, recordingReconnectWindowSeconds: Number(window),
      thumbnailConfiguration: thumbnails === 'INTERVAL' ? { recordingMode: 'INTERVAL', targetIntervalSeconds: Number(interval), storage: storage as 'LATEST'[], ...(resolution && { resolution: resolution as 'HD' }) } : { recordingMode: 'DISABLED' },
      renditionConfiguration: { renditionSelection: renditions as 'ALL', ...(renditions === 'CUSTOM' && { renditions: chosen as 'HD'[] }) },
    }))}>
      <NameField name={name} change={setName} />
      <FormField label="Bucket" description="It has to be there, and the server has to be allowed to write to it.">
        <Input value={bucket} onChange={({ detail }) => setBucket(detail.value)} />
      </FormField>
      <FormField label="Reconnect window" description="Seconds, 0 to 300, within which a stream that comes again goes on in the same recording.">
        <Input type="number" value={window} onChange={({ detail }) => setWindow(detail.value)} />
      </FormField>
      <FormField label="Thumbnails">
        <Select options={modes} selectedOption={modes.find((m) => m.value === thumbnails)!} onChange={({ detail }) => setThumbnails(detail.selectedOption.value!)} />
      </FormField>
      {thumbnails === 'INTERVAL' && (
        <FormField label="Seconds between thumbnails" description="1 to 60.">
          <Input type="number" value={interval} onChange={({ detail }) => setInterval(detail.value)} />
        </FormField>
      )}
      {thumbnails === 'INTERVAL' && (
        <FormField label="Storage of thumbnails">
          <Several of={['SEQUENTIAL', 'LATEST']} value={storage} change={setStorage} />
        </FormField>
      )}
      {thumbnails === 'INTERVAL' && (
        <FormField label="Size of thumbnails">
          <Select options={sizes} selectedOption={sizes.find((m) => m.value === resolution)!} onChange={({ detail }) => setResolution(detail.selectedOption.value!)} />
        </FormField>
      )}
      <FormField label="Renditions">
        <Select options={selections} selectedOption={selections.find((m) => m.value === renditions)!} onChange={({ detail }) => setRenditions(detail.selectedOption.value!)} />
      </FormField>
      {renditions === 'CUSTOM' && (
        <FormField label="Which renditions">
          <Several of={['FULL_HD', 'HD', 'SD', 'LOWEST_RESOLUTION']} value={chosen} change={setChosen} />
        </FormField>
      )}
    </Send>
  )
}

const sizes = [{ value: '', label: 'That of the picture' }, ...['FULL_HD', 'HD', 'SD', 'LOWEST_RESOLUTION'].map((value) => ({ value, label: value }))]

/** Some of a few words. */
function Several({ of, value, change }: { of: string[]; value: readonly string[]; change: (value: readonly string[]) => void }) {
  return of.map((word) => (
    <Checkbox key={word} checked={value.includes(word)} onChange={({ detail }) => change(detail.checked ? [...value, word] : value.filter((w) => w !== word))}>
      {word}
    </Checkbox>
  ))
}

type Ad = Resource & { mediaTailorPlaybackConfigurations?: { playbackConfigurationArn?: string }[]; postRollConfiguration?: { enabled?: boolean; durationSeconds?: number } }

export function AdConfigurations({ id }: { id?: string }) {
  return (
    <Resources<Ad>
      id={id}
      of={{
        section: 'ad-configurations', kind: 'ad-configuration', noun: 'AdConfiguration', title: 'Ad configurations', one: 'ad configuration', many: 'ad configurations',
        about: 'Let ad breaks be inserted into channels that have one.',
        empty: 'Create one, then choose it in a channel.',
        create: 'ivs:CreateAdConfiguration',
        warning: 'A configuration that a channel uses cannot be deleted: take it off the channel first.',
        list: async (api, nextToken) => {
          const page = await api.ivs.send(new ListAdConfigurationsCommand({ maxResults: 100, nextToken }))
          return { items: page.adConfigurations ?? [], next: page.nextToken }
        },
        get: async (api, arn) => (await api.ivs.send(new GetAdConfigurationCommand({ arn }))).adConfiguration!,
        remove: (api, arn) => api.ivs.send(new DeleteAdConfigurationCommand({ arn })),
        columns: [{ header: 'Playback configurations', cell: (r) => r.mediaTailorPlaybackConfigurations?.length ?? 0 }],
        facts: (r) => [
          { label: 'Playback configurations', value: r.mediaTailorPlaybackConfigurations?.map((c) => c.playbackConfigurationArn).join(', ') },
          { label: 'Post-roll', value: r.postRollConfiguration?.enabled ? `${r.postRollConfiguration.durationSeconds} s` : 'Off' },
        ],
        changes: true,
        form: (close, now) => <AdForm close={close} now={now} />,
      }}
    />
  )
}

function AdForm({ close, now }: { close: (done: boolean) => void; now?: Ad }) {
  const { api } = useSession()
  const [name, setName] = useState(now?.name ?? '')
  const [arns, setArns] = useState(now?.mediaTailorPlaybackConfigurations?.map((c) => c.playbackConfigurationArn).join('\n') ?? '')
  const [post, setPost] = useState(now?.postRollConfiguration?.enabled ?? false)
  const [seconds, setSeconds] = useState(String(now?.postRollConfiguration?.durationSeconds ?? 15))
  const save = async () => {
    const input = {
      name,
      mediaTailorPlaybackConfigurations: words(arns).map((playbackConfigurationArn) => ({ playbackConfigurationArn })),
      postRollConfiguration: { enabled: post, durationSeconds: Number(seconds) },
    }
    if (now) await api.ivs.send(new UpdateAdConfigurationCommand({ ...input, arn: now.arn }))
    else await api.ivs.send(new CreateAdConfigurationCommand(input))
  }
  return (
    <Send verb={now ? 'Save' : 'Create'} close={close} valid={words(arns).length > 0 && !nameTrouble(name)} act={save}>
      <NameField name={name} change={setName} />
      <FormField label="Playback configurations" description={`1 to 3 ARNs, such as arn:aws:mediatailor:${region}:${account}:playbackConfiguration/NAME.`}>
        <Textarea rows={3} value={arns} onChange={({ detail }) => setArns(detail.value)} />
      </FormField>
      <Checkbox checked={post} onChange={({ detail }) => setPost(detail.checked)} description="An ad break when the stream ends.">Post-roll</Checkbox>
      {post && (
        <FormField label="Seconds of the post-roll" description="1 to 300.">
          <Input type="number" value={seconds} onChange={({ detail }) => setSeconds(detail.value)} />
        </FormField>
      )}
    </Send>
  )
}

type AccessKey = { accessKeyId: string; name: string; state: string; policies: string[]; created: string; expires?: string }

export function AccessKeys() {
  const { api, caller } = useSession()
  return (
    <Listing<AccessKey>
      title="Access keys"
      what="access keys"
      id="access keys"
      about="Who may call the API. They are made and changed with openivs credentials, on the server."
      empty="openivs credentials create makes one."
      text={(k) => `${k.accessKeyId} ${k.name}`}
      load={async () => ({ items: (await api.ask<{ accessKeys: AccessKey[] }>('GET', 'access-keys')).accessKeys })}
      columns={[
        { id: 'id', header: 'Access key', isRowHeader: true, cell: (k) => <>{k.accessKeyId}{k.accessKeyId === caller.accessKeyId && <Box variant="small"> (this one)</Box>}</> },
        { id: 'name', header: 'Name', cell: (k) => k.name || '–' },
        { id: 'state', header: 'State', cell: (k) => <StatusIndicator type={k.state === 'disabled' || k.state === 'expired' ? 'stopped' : 'success'}>{k.state}</StatusIndicator> },
        { id: 'policies', header: 'Policies', cell: (k) => k.policies.join(', ') },
        { id: 'created', header: 'Created', cell: (k) => moment(k.created) },
        { id: 'expires', header: 'Expires', cell: (k) => (k.expires ? moment(k.expires) : 'Never') },
      ]}
    />
  )
}
