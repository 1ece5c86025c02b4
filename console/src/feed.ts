// What happens on the server, as it happens: one stream of events for the whole
// page, whatever is open in it.
import type { Api } from './api'
import { Reader } from './sse'

/** An event as Amazon EventBridge delivers it. */
export type Happening = {
  id: string
  'detail-type': string
  time: string
  resources: string[]
  detail: Record<string, unknown> & { event_name?: string; stream_id?: string }
}

const again = 2000 // milliseconds before a stream that broke off is taken up

export class Feed {
  private listeners = new Set<(h: Happening) => void>()
  private watchers = new Set<() => void>()
  private readonly over = new AbortController()
  private said: 'connecting' | 'live' | 'lost' | 'denied' = 'connecting'

  constructor(private readonly api: Api) {
    void this.run()
  }

  get state() {
    return this.said
  }

  /** Has a function told of each event, until the one it returns is called. */
  listen(f: (h: Happening) => void): () => void {
    this.listeners.add(f)
    return () => this.listeners.delete(f)
  }

  /** Has a function told of each change of state. */
  watch = (f: () => void): (() => void) => {
    this.watchers.add(f)
    return () => this.watchers.delete(f)
  }

  close() {
    this.over.abort()
  }

  private become(state: typeof this.said) {
    this.said = state
    for (const f of this.watchers) f()
  }

  private async run() {
    const reader = new Reader()
    while (!this.over.signal.aborted) {
      try {
        await this.follow(reader)
      } catch (err) {
        if (err instanceof Error && ['Denied', 'AccessDeniedException'].includes(err.name)) return this.become('denied')
      }
      if (this.over.signal.aborted) return
      this.become('lost')
      await new Promise((done) => setTimeout(done, again))
    }
  }

  private async follow(reader: Reader) {
    const query: Record<string, string> = reader.lastId ? { after: reader.lastId } : {}
    const response = await this.api.send('GET', 'events', query, undefined, 'text/event-stream', this.over.signal)
    this.become('live')
    const pieces = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await pieces.read()
      if (done) return
      for (const message of reader.take(value)) {
        const happening = JSON.parse(message.data) as Happening
        for (const f of this.listeners) f(happening)
      }
    }
  }
}
