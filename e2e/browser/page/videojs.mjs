// video.js with its defaults, which leave HLS to its own engine.
import videojs from 'video.js'
import { begin } from './watch.mjs'

begin((watch, url) => {
  const player = videojs(watch.video, { muted: true, html5: { vhs: { overrideNative: true } } })
  player.on('error', () => watch.fail(`video.js ${player.error()?.code} ${player.error()?.message}`))
  // Of a live stream the newest cue is as short as cues can be, so that it may be
  // over before anybody looks: what counts is that its time has come.
  const tracks = new Set()
  const heard = new Set()
  player.textTracks().on('addtrack', ({ track }) => {
    if (track.kind !== 'metadata') return
    track.mode = 'hidden'
    tracks.add(track)
  })
  player.on('timeupdate', () => {
    for (const track of tracks) {
      for (const { startTime, value } of Array.from(track.cues ?? [])) {
        const tag = `${startTime} ${value?.description} ${value?.data}`
        if (value?.key !== 'TXXX' || startTime > player.currentTime() || heard.has(tag)) continue
        heard.add(tag)
        watch.hear({ due: startTime, owner: value.description, text: value.data })
      }
    }
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
