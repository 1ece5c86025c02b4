import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { atLeast, attempts, best, finest, whole } from '../src/charts'
import { knownCodes, knownEvents, meaning } from '../src/explain'
import { bitrate, bytes, length } from '../src/format'
import { texts } from '../src/id3'
import { onAir, streamOf } from '../src/onair'
import { paced } from '../src/pace'
import { search } from '../src/parts/paging'
import { changes, hindrance, toTags } from '../src/parts/tagging'
import { addresses, ffmpeg, srtUrl } from '../src/publish'
import { Rights } from '../src/rights'
import { href, parseRoute } from '../src/route'
import { nameTrouble } from '../src/screens/names'
import { Reader } from '../src/sse'
import { explain, Refusal } from '../src/trouble'

describe('a place of the console', () => {
  it('is read as it was written', () => {
    const parts = ['channels', 'a/b ?#ü', 'sessions', 'st-1']
    expect(parseRoute(href(...parts)).parts).toEqual(parts)
  })
  it('may have a query, and may be broken', () => {
    expect(parseRoute('#/channels/a?edit').query.has('edit')).toBe(true)
    expect(parseRoute('#/%E0%A4%A').parts).toEqual(['%E0%A4%A'])
    expect(parseRoute('').parts).toEqual([])
  })
})

describe('a channel', () => {
  const stream = { health: 'HEALTHY' }
  it('is offline only where an answer says so', () => {
    expect(onAir({ loading: true }, undefined).state).toBe('loading')
    expect(onAir({ loading: false }, undefined).state).toBe('unknown')
    expect(onAir({ loading: false, error: new Error('denied') }, undefined).state).toBe('unknown')
    expect(onAir({ loading: false, error: new Error('lost') }, null).state).toBe('unknown')
    expect(onAir({ loading: false }, null).state).toBe('offline')
  })
  it('is live while it has a stream, which is kept where nothing newer is known', () => {
    expect(onAir({ loading: false }, stream)).toEqual({ state: 'live', stream })
    expect(onAir({ loading: false, error: new Error('lost') }, stream)).toEqual({ state: 'unknown', stream })
  })
  it('that is not among the live ones is offline if these are all', () => {
    const by = new Map([['a', stream]])
    expect(streamOf(undefined, 'a')).toBeUndefined()
    expect(streamOf({ by, whole: false }, 'a')).toBe(stream)
    expect(streamOf({ by, whole: false }, 'b')).toBeUndefined()
    expect(streamOf({ by, whole: true }, 'b')).toBeNull()
  })
})

describe('what many events ask for', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())
  it('is done at the first at once, and after the last', () => {
    const done = vi.fn()
    const pace = paced(done, 5000)
    pace.ask()
    expect(done).toHaveBeenCalledTimes(1)
    pace.ask()
    pace.ask()
    vi.advanceTimersByTime(4999)
    expect(done).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(1)
    expect(done).toHaveBeenCalledTimes(2)
    vi.advanceTimersByTime(60_000)
    expect(done).toHaveBeenCalledTimes(2)
    pace.ask()
    expect(done).toHaveBeenCalledTimes(3)
  })
  it('is done once in each pause, however steadily they come', () => {
    const done = vi.fn()
    const pace = paced(done, 5000)
    for (let ms = 0; ms < 60_000; ms += 100) {
      pace.ask()
      vi.advanceTimersByTime(100)
    }
    expect(done).toHaveBeenCalledTimes(13)
  })
  it('is not done once it was stopped', () => {
    const done = vi.fn()
    const pace = paced(done, 5000)
    pace.ask()
    pace.ask()
    pace.stop()
    vi.advanceTimersByTime(60_000)
    expect(done).toHaveBeenCalledTimes(1)
  })
})

describe('a search', () => {
  const pages = (of: number) =>
    vi.fn((token: string | undefined) => {
      const n = Number(token ?? 0)
      return Promise.resolve({ items: [n], next: n + 1 < of ? String(n + 1) : undefined })
    })
  it('goes on until a page has what is wanted', async () => {
    const load = pages(20)
    expect(await search(load, (n) => n === 3, undefined)).toEqual({ items: [3], next: '4' })
    expect(load).toHaveBeenCalledTimes(4)
  })
  it('rests after ten pages, and goes on from there', async () => {
    const load = pages(20)
    expect(await search(load, (n) => n === 12, undefined)).toEqual({ items: [], next: '10' })
    expect(load).toHaveBeenCalledTimes(10)
    expect(await search(load, (n) => n === 12, '10')).toEqual({ items: [12], next: '13' })
  })
  it('ends where the list does', async () => {
    expect(await search(pages(3), () => false, undefined)).toEqual({ items: [], next: undefined })
  })
})

describe('changed tags', () => {
  const yes = { allowed: true }
  const no = { allowed: false, reason: 'not this key' }
  it('need the right to each thing that saving them does', () => {
    expect(hindrance({ put: { a: 'b' }, remove: [] }, yes, no)).toBeUndefined()
    expect(hindrance({ put: {}, remove: ['a'] }, yes, no)).toBe('not this key')
    expect(hindrance({ put: { a: 'b' }, remove: [] }, no, yes)).toBe('not this key')
    expect(hindrance({ put: {}, remove: ['a'] }, no, yes)).toBeUndefined()
  })
})

describe('a stream of events', () => {
  const text = 'retry: 2000\nid: 1\n\n:\n\nid: 2\nevent: stream-state\ndata: {"a":1}\n\nid: 3\n\nid: 4\r\ndata: x\r\ndata: y\r\n\r\n'
  it('has the same messages however it is cut', () => {
    for (const size of [1, 2, 7, text.length]) {
      const reader = new Reader()
      const found = []
      for (let at = 0; at < text.length; at += size) found.push(...reader.take(text.slice(at, at + size)))
      expect(found.map((m) => [m.id, m.event, m.data])).toEqual([
        ['2', 'stream-state', '{"a":1}'],
        ['4', 'message', 'x\ny'],
      ])
      expect(reader.lastId).toBe('4')
    }
  })
  it('says where it goes on even if nothing wanted has happened', () => {
    const reader = new Reader()
    reader.take('retry: 2000\nid: 17\n\n')
    expect(reader.lastId).toBe('17')
  })
})

describe('what a key may do', () => {
  it('is asked once for all that a screen wants to know', async () => {
    const asked: string[][] = []
    const rights = new Rights(async (checks) => {
      asked.push(checks.map((c) => c.action))
      return { results: checks.map((c) => ({ ...c, allowed: c.action !== 'ivs:DeleteChannel', reason: 'no' })) }
    })
    expect(rights.may('ivs:GetChannel', 'a').allowed).toBe(false)
    expect(rights.may('ivs:GetChannel', 'a').reason).toContain('Looking up')
    rights.may('ivs:DeleteChannel', 'a')
    await new Promise<void>((done) => rights.watch(done))
    expect(asked).toEqual([['ivs:GetChannel', 'ivs:DeleteChannel']])
    expect(rights.may('ivs:GetChannel', 'a')).toEqual({ allowed: true })
    expect(rights.may('ivs:DeleteChannel', 'a')).toEqual({ allowed: false, reason: 'This key may not: no' })
  })
  it('is left to the server when that cannot say', async () => {
    const rights = new Rights(() => Promise.reject(new Error('away')))
    rights.may('a', 'b')
    await new Promise<void>((done) => rights.watch(done))
    expect(rights.may('a', 'b').allowed).toBe(true)
  })
})

describe('charts', () => {
  it('are as fine as fits the screen', () => {
    expect(finest(0, 600_000)).toBe(1)
    expect(finest(0, 3600_000)).toBe(5)
    expect(finest(0, 48 * 3600_000)).toBe(300)
    for (const hours of [1, 24, 24 * 60]) expect((hours * 3600) / finest(0, hours * 3600_000)).toBeLessThanOrEqual(1200)
  })
  it('fall back on what is kept longer', () => {
    expect(attempts(0, 600_000)).toEqual([1, 60, 3600])
    expect(attempts(0, 48 * 3600_000)).toEqual([300, 3600])
  })
  const from = (period: number, ...ms: number[]) => ({ period, series: { none: [], some: ms.map((x) => ({ x: new Date(x), y: 1 })) } })
  it('are asked for over a second at least', () => {
    const from = new Date('2026-01-02T03:04:05.100Z')
    expect(atLeast(from, new Date('2026-01-02T03:04:05.180Z')).toISOString()).toBe('2026-01-02T03:04:06.100Z')
    expect(atLeast(from, new Date('2026-01-02T03:05:05.000Z')).toISOString()).toBe('2026-01-02T03:05:05.000Z')
  })

  it('have their beginning if they begin at about the time asked for', () => {
    expect(whole(from(1, 3000, 4000), 0)).toBe(true)
    expect(whole(from(1, 400_000), 0)).toBe(false)
    expect(whole(from(1), 0)).toBe(false)
  })
  it('are the finest that have lost nothing of their beginning', () => {
    const minutes = from(60, 0, 60_000)
    expect(best([from(1, 400_000), minutes, from(3600, 0)])).toBe(minutes)
    const late = from(1, 110_000) // nothing was measured before
    expect(best([late, from(60, 60_000), from(3600, 0)])).toBe(late)
    expect(best([from(1), minutes])).toBe(minutes)
    expect(best([from(1), from(60)])).toBeUndefined()
  })
})

describe('numbers', () => {
  it('are said as people say them', () => {
    expect([bitrate(999), bitrate(2500e3), bitrate(46875), bitrate(8e6), bitrate(undefined)]).toEqual(['999 bit/s', '2.5 Mbit/s', '46.9 kbit/s', '8 Mbit/s', '–'])
    expect([length(0), length(61_000), length(3_600_000), length(90_061_000)]).toEqual(['0 s', '1 min 1 s', '1 h', '1 d 1 h'])
    expect([bytes(12), bytes(2048), bytes(5 << 20)]).toEqual(['12 bytes', '2.0 KiB', '5.0 MiB'])
  })
})

describe('events', () => {
  it('have a meaning each, and so have codes', () => {
    for (const name of knownEvents) expect(meaning(name).text).toMatch(/\.$/)
    for (const code of knownCodes) {
      const m = meaning('Session Ended', code)
      expect(m.kind).toBe('error')
      expect(m.cure).toBeTruthy()
    }
  })
  it('of a newer server are not hidden', () => {
    expect(meaning('Something New').text).toContain('does not know')
    expect(meaning('Session Ended', 'Odd').text).toContain('Odd')
  })
})

describe('errors', () => {
  it('say what to do', () => {
    expect(explain(new Refusal('UnrecognizedClientException', 403, 'x'))).toMatchObject({ signOut: true, title: 'The server does not know this access key' })
    expect(explain(new Refusal('InvalidSignatureException', 403, 'Signature expired: 2026')).title).toBe('The clocks differ')
    expect(explain(new TypeError('Failed to fetch')).title).toBe('The server cannot be reached')
    expect(explain('?').advice).toBeTruthy()
  })
})

describe('addresses', () => {
  it('have the ports that the server really has', () => {
    const at = addresses({ ingestEndpoint: 'h' }, { rtmps: 'rtmps://h:4500/app', rtmp: 'rtmp://h:4500/app' })
    expect(ffmpeg(at.rtmps, 'sk_x')).toContain('"rtmps://h:4500/app/sk_x"')
    expect(at.srt).toBe('')
  })
  it('have those of Amazon IVS where the key may not ask', () => {
    expect(addresses({ ingestEndpoint: 'h' }, {}).rtmps).toBe('rtmps://h:443/app')
  })
  it('carry the key and the passphrase of SRT', () => {
    expect(srtUrl('h:9000', 'sk&', 'p/')).toBe('srt://h:9000?streamid=sk%26&passphrase=p%2F')
  })
})

describe('tags', () => {
  it('are changed with what differs', () => {
    expect(changes({ a: '1', b: '2', c: '3' }, { a: '1', b: '9', d: '4' })).toEqual({ put: { b: '9', d: '4' }, remove: ['c'] })
    expect(toTags([{ key: '', value: 'x' }, { key: 'k', value: '' }])).toEqual({ k: '' })
  })
})

describe('timed metadata', () => {
  const frame = (text: string, owner = 'metadata.live-video.net') => {
    const body = new TextEncoder().encode(`\x03${owner}\0${text}`)
    return [...new TextEncoder().encode('TXXX'), 0, 0, body.length >> 7, body.length & 127, 0, 0, ...body]
  }
  const tag = (frames: number[]) => new Uint8Array([...new TextEncoder().encode('ID3'), 4, 0, 0, 0, 0, frames.length >> 7, frames.length & 127, ...frames])
  it('is read out of its tag', () => {
    expect(texts(tag([...frame('{"a":"ü"}'), ...frame('latency', 'x'), ...frame('b')]))).toEqual(['{"a":"ü"}', 'b'])
  })
  it('that is broken is left out', () => {
    const whole = tag(frame('abc'))
    for (let n = 0; n < whole.length; n++) expect(() => texts(whole.subarray(0, n))).not.toThrow()
    expect(texts(new Uint8Array([1, 2, 3]))).toEqual([])
  })
})

describe('names', () => {
  it('are those that the API takes', () => {
    expect(nameTrouble('a_B-9')).toBeUndefined()
    expect(nameTrouble('a b')).toContain('letters')
    expect(nameTrouble('x'.repeat(129))).toContain('129')
  })
})
