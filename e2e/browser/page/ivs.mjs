// The Amazon IVS player, as a customer's page has it from npm.
import * as ivs from 'amazon-ivs-player'
import { begin } from './watch.mjs'

begin((watch, url) => {
  const player = ivs.create({
    wasmWorker: `${location.origin}/amazon-ivs-wasmworker.min.js`,
    wasmBinary: `${location.origin}/amazon-ivs-wasmworker.min.wasm`,
  })
  const { PlayerEventType: on, PlayerState: state } = ivs
  let before = true // nothing has been shown yet
  player.addEventListener(state.PLAYING, () => (before = false))
  player.addEventListener(state.ENDED, () => watch.end())
  player.addEventListener(state.IDLE, () => !before && watch.note('idle'))
  player.addEventListener(on.REBUFFERING, () => watch.stalls.push({ ...watch.moment(), ms: 0, by: 'player' }))
  player.addEventListener(on.ERROR, (e) => watch.fail(`${e.source} ${e.type} ${e.code} ${e.message}`))
  player.addEventListener(on.TEXT_METADATA_CUE, ({ startTime, owner, description, text }) =>
    watch.hear({ due: startTime, owner, description, text }),
  )
  player.attachHTMLVideoElement(watch.video)
  player.setAutoplay(true)
  player.setMuted(true)
  player.load(url)
  return {
    plays: false, // by itself
    latency: () => player.getLiveLatency() || null,
    lowLatency: () => player.isLiveLowLatency(),
  }
})
