// Whether a channel is live, as far as it is known.

export type OnAir<T> = {
  state: 'loading' | 'unknown' | 'offline' | 'live'
  stream?: T // of the last answer, though its state may be unknown since
}

/** Tells the state of a channel by the last answer about its stream: null says that
 *  there is none, undefined that the answer does not tell. */
export function onAir<T>(asked: { loading: boolean; error?: unknown }, stream: T | null | undefined): OnAir<T> {
  if (asked.error !== undefined) return { state: 'unknown', stream: stream ?? undefined }
  if (stream) return { state: 'live', stream }
  if (stream === null) return { state: 'offline' }
  return { state: asked.loading ? 'loading' : 'unknown' }
}

/** Live streams by channel; whole if there are no more of them. */
export type Streams<T> = { by: Map<string, T>; whole: boolean }

/** The stream of a channel, null if it has none, undefined if the list does not tell. */
export function streamOf<T>(streams: Streams<T> | undefined, channel: string): T | null | undefined {
  return streams && (streams.by.get(channel) ?? (streams.whole ? null : undefined))
}
