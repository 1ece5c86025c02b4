// Lists that come a page at a time.

export type Page<T> = { items: T[]; next?: string }

const most = 10 // pages that are looked through at a time

/** Loads pages until one has an item that is wanted. Where the next page is known and
 *  there are no items, many were looked through, and there are more. */
export async function search<T>(load: (token: string | undefined) => Promise<Page<T>>, wanted: (item: T) => boolean, token: string | undefined): Promise<Page<T>> {
  let next = token
  for (let n = 0; n < most; n++) {
    const page = await load(next)
    next = page.next
    const items = page.items.filter(wanted)
    if (items.length || !next) return { items, next }
  }
  return { items: [], next }
}
