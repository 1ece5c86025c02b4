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
  const heard = new Set() // Shaka tells of a tag again when it loads its segment again
  player.addEventListener('metadata', ({ startTime, payload, metadataType }) => {
    const tag = `${startTime.toFixed(2)} ${payload.description} ${payload.data}`
    if (heard.has(tag)) return
    heard.add(tag)
    watch.hear({ due: startTime, owner: payload.description, text: payload.data, kind: metadataType })
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
