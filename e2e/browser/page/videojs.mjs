// video.js with its defaults, which leave HLS to its own engine.
import videojs from 'video.js'
import { begin } from './watch.mjs'

begin((watch, url) => {
  const player = videojs(watch.video, { muted: true, html5: { vhs: { overrideNative: true } } })
  player.on('error', () => watch.fail(`video.js ${player.error()?.code} ${player.error()?.message}`))
  player.textTracks().on('addtrack', ({ track }) => {
    if (track.kind !== 'metadata') return
    track.mode = 'hidden'
    track.addEventListener('cuechange', () => {
      for (let i = 0; i < (track.activeCues?.length ?? 0); i++) {
        const { startTime, value } = track.activeCues[i]
        if (value?.key === 'TXXX') watch.hear({ due: startTime, owner: value.description, text: value.data })
      }
    })
  })
  player.src({ src: url, type: 'application/x-mpegURL' })
  let behind = null
  player.on('timeupdate', () => {
    player.tech({ IWillNotUseThisInPlugins: true }).vhs?.convertToProgramTime(player.currentTime(), (err, at) => {
      behind = err ? null : (Date.now() - new Date(at.programDateTime)) / 1000
    })
  })
  return { latency: () => behind }
})
