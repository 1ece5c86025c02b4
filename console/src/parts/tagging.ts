// Tags as a form has them, and what saving them asks for.
import type { Verdict } from '../rights'

export type Pair = { key: string; value: string }

export function toPairs(tags: Record<string, string>): Pair[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }))
}

/** Pairs without a key are not there yet. */
export function toTags(pairs: Pair[]): Record<string, string> {
  return Object.fromEntries(pairs.filter((p) => p.key !== '').map((p) => [p.key, p.value]))
}

/** What makes one set of tags another. */
export function changes(from: Record<string, string>, to: Record<string, string>) {
  return {
    put: Object.fromEntries(Object.entries(to).filter(([key, value]) => from[key] !== value)),
    remove: Object.keys(from).filter((key) => !(key in to)),
  }
}

/** Why a key may not make changes, if so. */
export function hindrance({ put, remove }: ReturnType<typeof changes>, tag: Verdict, untag: Verdict): string | undefined {
  if (remove.length && !untag.allowed) return untag.reason
  if (Object.keys(put).length && !tag.allowed) return tag.reason
}
