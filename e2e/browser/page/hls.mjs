// hls.js with its defaults.
import Hls from 'hls.js'
import { begin } from './watch.mjs'

begin((watch, url) => {
  const hls = new Hls()
  let last = null // the part or segment that was loaded last
  let parts = 0
  hls.on(Hls.Events.ERROR, (_, e) => {
    const what = [e.type, e.details, e.response?.code, e.reason ?? e.error?.message].filter(Boolean).join(' ')
    if (e.details === 'bufferSeekOverHole' && hls.media?.played.length === 0) return // it looked before it had sought
    if (e.fatal) watch.fail(what)
    else watch.note(what)
  })
  hls.on(Hls.Events.FRAG_LOADED, (_, { frag, part }) => {
    if (frag.type !== 'main' || frag.sn === 'initSegment') return
    if (part) parts++
    const next = { sn: frag.sn, part: part ? part.index : null, cc: frag.cc }
    const over = hls.latestLevelDetails?.live === false // then hls.js makes sure of the last part
    if (last && !follows(last, next) && !(over && again(last, next))) watch.holes.push(`${name(last)} to ${name(next)}`)
    last = next
  })
  hls.on(Hls.Events.FRAG_PARSING_METADATA, (_, { samples }) => {
    for (const { data, pts } of samples) for (const cue of texts(data)) due(watch, pts, cue)
  })
  hls.loadSource(url)
  hls.attachMedia(watch.video)
  return {
    latency: () => (hls.playingDate ? (Date.now() - hls.playingDate) / 1000 : null),
    lowLatency: () => parts > 0,
    parts: () => parts,
  }
})

// follows reports whether nothing is left out between two loads.
function follows(a, b) {
  if (b.sn === a.sn + 1) return b.part === null || b.part === 0
  return b.sn === a.sn && b.part !== null && (a.part === null || b.part === a.part + 1)
}

// again reports whether b was there before a.
function again(a, b) {
  return b.sn < a.sn || (b.sn === a.sn && (b.part ?? 0) <= (a.part ?? 0))
}

const name = ({ sn, part }) => (part === null ? `${sn}` : `${sn}.${part}`)

// due raises a cue when its time is shown.
function due(watch, time, cue) {
  const { video } = watch
  const look = () => {
    if (video.currentTime < time) return
    video.removeEventListener('timeupdate', look)
    watch.hear({ due: time, ...cue })
  }
  video.addEventListener('timeupdate', look)
}

// texts reads the TXXX frames of an ID3v2.4 tag.
function texts(tag) {
  const out = []
  const size = (at) => (tag[at] << 21) | (tag[at + 1] << 14) | (tag[at + 2] << 7) | tag[at + 3]
  for (let at = 10; at + 10 <= tag.length; ) {
    const id = String.fromCharCode(...tag.subarray(at, at + 4))
    const body = tag.subarray(at + 10, at + 10 + size(at + 4))
    if (id === 'TXXX') {
      const [owner, text] = new TextDecoder().decode(body.subarray(1)).split('\0')
      out.push({ owner, text })
    }
    at += 10 + size(at + 4)
  }
  return out
}
