// Where in the console somebody is, as the fragment of the address says it: that
// part of an address is sent to no server. #/channels/ID/sessions/ID

export type Route = { parts: string[]; query: URLSearchParams }

/** Reads a fragment, with its # or without. */
export function parseRoute(fragment: string): Route {
  const text = fragment.replace(/^#/, '').replace(/^\//, '')
  const [path = '', query = ''] = text.split('?', 2)
  return { parts: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) }
}

/** The fragment of a place, from its parts as they are. */
export function href(...parts: string[]): string {
  return '#/' + parts.map(encodeURIComponent).join('/')
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
