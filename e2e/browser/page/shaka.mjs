// Shaka Player with its defaults.
import shaka from 'shaka-player'
import { begin } from './watch.mjs'

begin(async (watch, url) => {
  shaka.polyfill.installAll()
  const player = new shaka.Player()
  const told = (e) => {
    const what = `shaka ${e.category} ${e.code} ${e.data?.map((d) => d?.message ?? d).join(' ')}`
    if (e.severity === shaka.util.Error.Severity.CRITICAL) watch.fail(what)
    else watch.note(what)
  }
  player.addEventListener('error', ({ detail }) => told(detail))
  // Shaka tells of a tag for each of the tracks that its segment has, at times that
  // are a little apart, and again when it loads the segment again.
  const heard = []
  player.addEventListener('metadata', ({ startTime, payload, metadataType }) => {
    const cue = { due: startTime, owner: payload.description, text: payload.data, kind: metadataType }
    if (heard.some((c) => c.owner === cue.owner && c.text === cue.text && Math.abs(c.due - cue.due) < 0.1)) return
    heard.push(cue)
    watch.hear(cue)
  })
  await player.attach(watch.video)
  await player.load(url).catch(told)
  return {
    latency: () => {
      const date = player.getPlayheadTimeAsDate()
      return date ? (Date.now() - date) / 1000 : null
    },
    lowLatency: () => player.getConfiguration().streaming.lowLatencyMode,
  }
})
