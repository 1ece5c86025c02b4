// Server-sent events (HTML standard, section 9.2.6), from a body that fetch reads:
// EventSource cannot send the headers of a signed request.

export type Message = { id: string; event: string; data: string }

/** Reads messages out of pieces of text, however they are cut. */
export class Reader {
  private rest = ''
  private id = ''

  /** Takes a piece and returns the messages that end in it. */
  take(text: string): Message[] {
    this.rest += text
    const blocks = this.rest.split(/\r\n\r\n|\n\n|\r\r/)
    this.rest = blocks.pop() ?? ''
    return blocks.flatMap((block) => this.message(block) ?? [])
  }

  /** The position of the last message, where a stream goes on. */
  get lastId(): string {
    return this.id
  }

  private message(block: string): Message | null {
    const message = { id: this.id, event: 'message', data: '' }
    const data: string[] = []
    for (const line of block.split(/\r\n|\n|\r/)) {
      const at = line.indexOf(':')
      if (at === 0) continue
      const name = at < 0 ? line : line.slice(0, at)
      const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '')
      if (name === 'id') this.id = message.id = value
      if (name === 'event') message.event = value
      if (name === 'data') data.push(value)
    }
    if (!data.length) return null
    message.data = data.join('\n')
    return message
  }
}
