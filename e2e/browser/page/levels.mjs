// hls.js, sent from every level to every other, one switch after the other. Each
// is heard as a cue when a picture of the new level is shown.
import Hls from 'hls.js'
import { begin } from './watch.mjs'

begin((watch, url) => {
  const hls = new Hls({ startLevel: 0 })
  let way = null // the levels still to be shown, in order
  let last = null // what was loaded last
  let parts = 0
  hls.on(Hls.Events.ERROR, (_, e) => {
    const what = [e.type, e.details, e.response?.code, e.reason ?? e.error?.message].filter(Boolean).join(' ')
    if (e.fatal) watch.fail(what)
    else watch.note(what)
  })
  hls.on(Hls.Events.FRAG_LOADED, (_, { frag, part }) => {
    if (frag.type !== 'main' || frag.sn === 'initSegment') return
    if (part) parts++
    // Parts that the level before had too may be loaded again.
    const next = { sn: frag.sn, part: part ? part.index : 0 }
    if (last && (next.sn > last.sn + 1 || (next.sn === last.sn + 1 && next.part > 0))) {
      watch.holes.push(`${last.sn}.${last.part} to ${next.sn}.${next.part}`)
    }
    last = next
  })
  hls.on(Hls.Events.FRAG_CHANGED, (_, { frag }) => {
    way ??= round(hls.levels.length)
    if (frag.level !== way[0]) return
    const from = way.shift()
    if (way.length === 0) return
    watch.hear({ due: watch.video.currentTime, owner: 'level', text: `${hls.levels[from].height} to ${hls.levels[way[0]].height}` })
    hls.loadLevel = way[0]
  })
  hls.on(Hls.Events.MANIFEST_PARSED, () => (hls.loadLevel = 0))
  hls.loadSource(url)
  hls.attachMedia(watch.video)
  return {
    latency: () => (hls.playingDate ? (Date.now() - hls.playingDate) / 1000 : null),
    lowLatency: () => parts > 0,
    parts: () => parts,
  }
})

// round is a way from level 0 back to it that has every switch once: from each
// level there and back to those behind it, then on to the next.
function round(n) {
  const way = [0]
  for (let a = 0; a + 1 < n; a++) {
    for (let b = a + 2; b < n; b++) way.push(b, a)
    way.push(a + 1)
  }
  for (let a = n - 2; a >= 0; a--) way.push(a)
  return way
}
