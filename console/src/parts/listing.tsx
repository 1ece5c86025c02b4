// A table of resources, which come a page at a time.
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Header from '@cloudscape-design/components/header'
import Pagination from '@cloudscape-design/components/pagination'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table, { type TableProps } from '@cloudscape-design/components/table'
import TextFilter from '@cloudscape-design/components/text-filter'
import { type ReactNode, useState } from 'react'
import { useAsk } from '../session'
import { Wrong } from './basics'
import type { Page } from './paging'

const narrowest = 150 // pixels of a column: on a small screen the table is scrolled

export function Listing<T>({ title, what, columns, load, id, text, actions, empty, channel, tools, about }: {
  title: string
  what: string // such as channels
  columns: TableProps.ColumnDefinition<T>[]
  load: (token: string | undefined) => Promise<Page<T>>
  id: string // of the list: it is asked for again when it changes
  text: (item: T) => string // that a filter looks into
  actions?: ReactNode
  empty: string // what to do when there is none
  channel?: string // whose events change the list; '' for all
  tools?: (filter: string, shown: T[]) => ReactNode
  about?: string
}) {
  const [pages, setPages] = useState<{ of: string; tokens: (string | undefined)[] }>({ of: id, tokens: [undefined] })
  const tokens = pages.of === id ? pages.tokens : [undefined] // pages of another list are none of this one
  const setTokens = (tokens: (string | undefined)[]) => setPages({ of: id, tokens })
  const [filter, setFilter] = useState('')
  const at = tokens.length - 1
  const asked = useAsk(`${id} ${tokens[at] ?? ''}`, () => load(tokens[at]), { channel })
  const items = asked.data?.items ?? []
  const words = filter.toLowerCase()
  const shown = words ? items.filter((i) => text(i).toLowerCase().includes(words)) : items
  const more = asked.data?.next
  const none = (
    <Box textAlign="center" color="inherit" padding="m">
      <b>{words ? 'Nothing on this page matches' : `No ${what}`}</b>
      <Box color="inherit" variant="p">{words ? 'Change the filter, or look on another page.' : empty}</Box>
      {!words && more && <Button onClick={() => setTokens([...tokens, more])}>Continue</Button>}
    </Box>
  )
  return (
    <SpaceBetween size="m">
      {asked.error !== undefined && <Wrong error={asked.error} retry={asked.refresh} />}
      <Table
        variant="container"
        stickyHeader
        wrapLines
        items={shown}
        columnDefinitions={columns.map((c) => ({ minWidth: narrowest, ...c }))}
        loading={asked.loading}
        loadingText={`Loading ${what}…`}
        empty={none}
        ariaLabels={{ tableLabel: title, resizerRoleDescription: '' }}
        header={
          <Header variant="awsui-h1-sticky" description={about} counter={asked.data ? `(${items.length}${more || at ? '+' : ''})` : undefined} actions={actions}>
            {title}
          </Header>
        }
        filter={
          <SpaceBetween size="xs">
            <TextFilter
              filteringText={filter}
              filteringPlaceholder={`Find ${what} on this page`}
              filteringAriaLabel={`Find ${what}`}
              onChange={({ detail }) => setFilter(detail.filteringText)}
            />
            {tools?.(filter, shown)}
          </SpaceBetween>
        }
        pagination={
          more || at ? (
            <Pagination
              currentPageIndex={tokens.length}
              pagesCount={tokens.length + (more ? 1 : 0)}
              openEnd={!!more}
              ariaLabels={{ nextPageLabel: 'Next page', previousPageLabel: 'Previous page', pageLabel: (n) => `Page ${n}` }}
              onChange={({ detail }) => {
                const want = detail.currentPageIndex
                if (want <= tokens.length) setTokens(tokens.slice(0, want))
                else if (more) setTokens([...tokens, more])
              }}
            />
          ) : undefined
        }
      />
    </SpaceBetween>
  )
}
