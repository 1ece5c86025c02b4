// The texts of ID3 version 2.4 tags (id3.org, sections 3 and 4.2.6), as timed
// metadata carries them: TXXX frames in UTF-8, whose description says whose they are.

const owner = 'metadata.live-video.net' // of what PutMetadata sends (Amazon IVS player)

/** Returns the metadata of a tag, without what the server itself puts beside it. */
export function texts(tag: Uint8Array): string[] {
  const found: string[] = []
  if (tag.length < 10 || ascii(tag, 0, 3) !== 'ID3') return found
  const end = Math.min(tag.length, 10 + safe(tag, 6))
  for (let at = 10; at + 10 <= end; ) {
    const id = ascii(tag, at, 4)
    const size = safe(tag, at + 4)
    const body = tag.subarray(at + 10, Math.min(at + 10 + size, end))
    if (id === 'TXXX' && body[0] === 3) {
      const [description, value = ''] = new TextDecoder().decode(body.subarray(1)).split('\0')
      if (description === owner) found.push(value)
    }
    if (size === 0) break
    at += 10 + size
  }
  return found
}

function ascii(b: Uint8Array, at: number, n: number): string {
  return String.fromCharCode(...b.subarray(at, at + n))
}

/** A number of four bytes of seven bits. */
function safe(b: Uint8Array, at: number): number {
  return ((b[at]! & 127) << 21) | ((b[at + 1]! & 127) << 14) | ((b[at + 2]! & 127) << 7) | (b[at + 3]! & 127)
}
