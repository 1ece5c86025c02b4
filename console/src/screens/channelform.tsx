// Every option of a channel, with what it does.
import Alert from '@cloudscape-design/components/alert'
import Checkbox from '@cloudscape-design/components/checkbox'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import RadioGroup from '@cloudscape-design/components/radio-group'
import Select from '@cloudscape-design/components/select'
import {
  type Channel, CreateChannelCommand, type CreateChannelCommandInput, ListAdConfigurationsCommand, ListPlaybackRestrictionPoliciesCommand,
  ListRecordingConfigurationsCommand, UpdateChannelCommand,
} from '@aws-sdk/client-ivs'
import { useState } from 'react'
import { idOf } from '../here'
import { Send } from '../parts/basics'
import { TagsField } from '../parts/tags'
import { type Pair, toTags } from '../parts/tagging'
import { useAsk, useSession } from '../session'
import { explain } from '../trouble'
import { nameTrouble } from './names'

export const types = [
  { value: 'STANDARD', label: 'Standard', description: 'Renditions of several sizes are made, so that viewers on slow lines can watch too. Up to 1080p, 8.5 Mbit/s.' },
  { value: 'BASIC', label: 'Basic', description: 'Passed on as sent, which costs the server least. Up to 480p at 1.5 Mbit/s, or 1080p at 3.5 Mbit/s.' },
  { value: 'ADVANCED_HD', label: 'Advanced HD', description: 'All renditions are made anew, the best of them 720p, and one of sound only.' },
  { value: 'ADVANCED_SD', label: 'Advanced SD', description: 'All renditions are made anew, the best of them 480p, and one of sound only.' },
]

const none = { value: '', label: 'None' }

type Option = { value: string; label: string }

/** Creates a channel, or changes one. close is told the ARN of what was saved. */
export function ChannelForm({ channel, close }: { channel?: Channel; close: (saved?: string) => void }) {
  const { api } = useSession()
  const [name, setName] = useState(channel?.name ?? '')
  const [type, setType] = useState<string>(channel?.type ?? 'STANDARD')
  const [preset, setPreset] = useState<string>(channel?.preset || 'HIGHER_BANDWIDTH_DELIVERY')
  const [latency, setLatency] = useState<string>(channel?.latencyMode ?? 'LOW')
  const [container, setContainer] = useState<string>(channel?.containerFormat ?? 'TS')
  const [authorized, setAuthorized] = useState(channel?.authorized ?? false)
  const [insecure, setInsecure] = useState(channel?.insecureIngest ?? false)
  const [multitrack, setMultitrack] = useState(channel?.multitrackInputConfiguration?.enabled ?? false)
  const [policy, setPolicy] = useState<string>(channel?.multitrackInputConfiguration?.policy ?? 'ALLOW')
  const [resolution, setResolution] = useState<string>(channel?.multitrackInputConfiguration?.maximumResolution ?? 'FULL_HD')
  const [recording, setRecording] = useState(channel?.recordingConfigurationArn ?? '')
  const [restriction, setRestriction] = useState(channel?.playbackRestrictionPolicyArn ?? '')
  const [ad, setAd] = useState(channel?.adConfigurationArn ?? '')
  const [tags, setTags] = useState<Pair[]>([])

  const advanced = type.startsWith('ADVANCED')
  const wrong = nameTrouble(name)
  const save = async () => {
    const input: CreateChannelCommandInput = {
      name, type: type as Channel['type'], latencyMode: latency as Channel['latencyMode'], authorized, insecureIngest: insecure,
      containerFormat: (multitrack ? 'FRAGMENTED_MP4' : container) as Channel['containerFormat'],
      recordingConfigurationArn: recording, playbackRestrictionPolicyArn: restriction, adConfigurationArn: ad,
      ...(advanced && { preset: preset as Channel['preset'] }),
      multitrackInputConfiguration: multitrack
        ? { enabled: true, policy: policy as 'ALLOW', maximumResolution: resolution as 'HD' }
        : { enabled: false },
    }
    const saved = channel
      ? (await api.ivs.send(new UpdateChannelCommand({ ...input, arn: channel.arn }))).channel
      : (await api.ivs.send(new CreateChannelCommand({ ...input, tags: toTags(tags) }))).channel
    arn = saved?.arn
  }
  let arn: string | undefined

  return (
    <Send verb={channel ? 'Save' : 'Create channel'} act={save} valid={!wrong} close={(done) => close(done ? (arn ?? channel?.arn) : undefined)}>
      {channel && <Alert type="info">Changes hold from the next stream on; one that is live goes on as it is.</Alert>}
      <FormField label="Name" description="For people; it need not be one of its own." errorText={wrong}>
        <Input value={name} onChange={({ detail }) => setName(detail.value)} />
      </FormField>
      <FormField label="Type" description="What is done to the picture.">
        <RadioGroup value={type} items={types} onChange={({ detail }) => setType(detail.value)} />
      </FormField>
      {advanced && (
        <FormField label="Preset" description="How many bits the renditions get.">
          <RadioGroup
            value={preset}
            onChange={({ detail }) => setPreset(detail.value)}
            items={[
              { value: 'HIGHER_BANDWIDTH_DELIVERY', label: 'Higher bandwidth', description: 'For motion and for large screens.' },
              { value: 'CONSTRAINED_BANDWIDTH_DELIVERY', label: 'Constrained bandwidth', description: 'For slow lines and still pictures.' },
            ]}
          />
        </FormField>
      )}
      <ColumnLayout columns={2}>
        <FormField label="Latency" description="How far behind live viewers are.">
          <RadioGroup
            value={latency}
            onChange={({ detail }) => setLatency(detail.value)}
            items={[
              { value: 'LOW', label: 'Low', description: 'A few seconds: for talking with viewers.' },
              { value: 'NORMAL', label: 'Normal', description: 'More in reserve: for bad lines.' },
            ]}
          />
        </FormField>
        <FormField label="Container of segments" description={multitrack ? 'Multitrack needs fragmented MP4.' : 'An ad configuration needs TS; low latency is lowest with fragmented MP4.'}>
          <RadioGroup
            value={multitrack ? 'FRAGMENTED_MP4' : container}
            onChange={({ detail }) => setContainer(detail.value)}
            items={[
              { value: 'TS', label: 'MPEG-TS', disabled: multitrack },
              { value: 'FRAGMENTED_MP4', label: 'Fragmented MP4' },
            ]}
          />
        </FormField>
      </ColumnLayout>
      <FormField label="Who may publish and watch">
        <Checkbox checked={authorized} onChange={({ detail }) => setAuthorized(detail.checked)} description="Viewers need a token signed with one of the playback keys.">
          Private playback
        </Checkbox>
        <Checkbox checked={insecure} onChange={({ detail }) => setInsecure(detail.checked)} description="Lets encoders in that cannot encrypt: the stream key can be read on the way.">
          Insecure ingest (RTMP, and SRT without passphrase)
        </Checkbox>
        <Checkbox checked={multitrack} onChange={({ detail }) => setMultitrack(detail.checked)} description="The encoder may send the renditions itself. Only for Standard channels.">
          Multitrack input
        </Checkbox>
      </FormField>
      {multitrack && (
        <ColumnLayout columns={2}>
          <FormField label="Multitrack policy">
            <RadioGroup
              value={policy}
              onChange={({ detail }) => setPolicy(detail.value)}
              items={[
                { value: 'ALLOW', label: 'Allow', description: 'One track is taken, too.' },
                { value: 'REQUIRE', label: 'Require', description: 'An encoder that sends one track is refused.' },
              ]}
            />
          </FormField>
          <FormField label="Largest picture">
            <RadioGroup value={resolution} onChange={({ detail }) => setResolution(detail.value)} items={['FULL_HD', 'HD', 'SD'].map((value) => ({ value, label: value.replace('_', ' ') }))} />
          </FormField>
        </ColumnLayout>
      )}
      <Choice label="Recording configuration" about="Where streams are recorded to." value={recording} change={setRecording} load={async () =>
        ((await api.ivs.send(new ListRecordingConfigurationsCommand({ maxResults: 100 }))).recordingConfigurations ?? []).map((r) => option(r.arn, r.name))} />
      <Choice label="Restriction policy" about="From which countries and pages the channel can be watched." value={restriction} change={setRestriction} load={async () =>
        ((await api.ivs.send(new ListPlaybackRestrictionPoliciesCommand({ maxResults: 100 }))).playbackRestrictionPolicies ?? []).map((r) => option(r.arn, r.name))} />
      <Choice label="Ad configuration" about="Lets ad breaks be inserted; needs MPEG-TS." value={ad} change={setAd} load={async () =>
        ((await api.ivs.send(new ListAdConfigurationsCommand({ maxResults: 100 }))).adConfigurations ?? []).map((r) => option(r.arn, r.name))} />
      {!channel && (
        <FormField label="Tags">
          <TagsField pairs={tags} change={setTags} />
        </FormField>
      )}
    </Send>
  )
}

function option(arn = '', name?: string): Option {
  return { value: arn, label: name || idOf(arn) }
}

/** One of the resources that there are, or none. */
function Choice({ label, about, value, change, load }: { label: string; about: string; value: string; change: (arn: string) => void; load: () => Promise<Option[]> }) {
  const asked = useAsk(label, load)
  const options = [none, ...(asked.data ?? [])]
  return (
    <FormField label={label} description={about} errorText={asked.error === undefined ? undefined : explain(asked.error).title + '.'}>
      <Select
        options={options}
        selectedOption={options.find((o) => o.value === value) ?? { value, label: idOf(value) }}
        statusType={asked.loading ? 'loading' : 'finished'}
        loadingText="Loading…"
        onChange={({ detail }) => change(detail.selectedOption.value ?? '')}
      />
    </FormField>
  )
}
