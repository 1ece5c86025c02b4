// Tags of a resource: shown, and changed.
import AttributeEditor from '@cloudscape-design/components/attribute-editor'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import { TagResourceCommand, UntagResourceCommand } from '@aws-sdk/client-ivs'
import { useState } from 'react'
import { useMay, useSession } from '../session'
import { Send } from './basics'
import { changes, hindrance, type Pair, toPairs, toTags } from './tagging'

export function TagsField({ pairs, change }: { pairs: Pair[]; change: (pairs: Pair[]) => void }) {
  const set = (at: number, pair: Partial<Pair>) => change(pairs.map((p, i) => (i === at ? { ...p, ...pair } : p)))
  return (
    <AttributeEditor
      items={pairs}
      addButtonText="Add a tag"
      removeButtonText="Remove"
      removeButtonAriaLabel={(p) => `Remove the tag ${p.key}`}
      empty="No tags. Tags are for your own order, and policies can depend on them."
      disableAddButton={pairs.length >= 50}
      onAddButtonClick={() => change([...pairs, { key: '', value: '' }])}
      onRemoveButtonClick={({ detail }) => change(pairs.filter((_, i) => i !== detail.itemIndex))}
      definition={[
        { label: 'Key', control: (p, at) => <Input value={p.key} onChange={({ detail }) => set(at, { key: detail.value })} /> },
        { label: 'Value', control: (p, at) => <Input value={p.value} onChange={({ detail }) => set(at, { value: detail.value })} /> },
      ]}
    />
  )
}

export function TagsPanel({ arn, tags, changed }: { arn: string; tags: Record<string, string> | undefined; changed: () => void }) {
  const { api } = useSession()
  const [draft, setDraft] = useState<Pair[] | null>(null)
  const tag = useMay('ivs:TagResource', arn)
  const untag = useMay('ivs:UntagResource', arn)
  const { put, remove } = changes(tags ?? {}, toTags(draft ?? []))
  const reason = hindrance({ put, remove }, tag, untag)
  const save = async () => {
    if (remove.length) await api.ivs.send(new UntagResourceCommand({ resourceArn: arn, tagKeys: remove }))
    if (Object.keys(put).length) await api.ivs.send(new TagResourceCommand({ resourceArn: arn, tags: put }))
  }
  const entries = Object.entries(tags ?? {})
  return (
    <Container
      header={
        <Header
          variant="h2"
          counter={`(${entries.length})`}
          actions={!draft && <Button disabled={!tag.allowed && !untag.allowed} disabledReason={tag.reason} onClick={() => setDraft(toPairs(tags ?? {}))}>Change tags</Button>}
        >
          Tags
        </Header>
      }
    >
      {draft ? (
        <Send
          verb="Save tags"
          valid={!reason}
          act={save}
          close={(done) => {
            setDraft(null)
            if (done) changed()
          }}
        >
          <TagsField pairs={draft} change={setDraft} />
          {reason && <Box color="text-status-error">{reason}</Box>}
        </Send>
      ) : entries.length ? (
        <KeyValuePairs columns={3} items={entries.map(([label, value]) => ({ label, value: value || '–' }))} />
      ) : (
        <Box color="text-body-secondary">No tags.</Box>
      )}
    </Container>
  )
}
