// Plays the channel of this page, says how far behind live it is, and says in
// words why it does not play. It goes on trying by itself.
'use strict'

const video = document.getElementById('video')
const playback = new URL(document.querySelector('meta[name=playback]').content)
playback.search = location.search // such as a private channel's token

const tryAgain = 3000 // milliseconds
let serverAhead = 0 // milliseconds that the server's clock is ahead of this computer's
let shown = null // () => Date of the picture on screen, or null
let ended = null // what to do at the end of the stream

function show(id, text) {
  const at = document.getElementById(id)
  if (at.textContent !== text) at.textContent = text
}

// What the server says, and what a person can do about it.
const words = {
  transcode_does_not_exist: 'The channel is offline. This page starts by itself when it is live.',
  channel_not_found: 'There is no such channel: check the address.',
  invalid_playback_auth_token: 'The channel is private: add ?token=… with a valid playback token to the address.',
  concurrent_viewers_limit: 'Too many people are watching. This page tries again by itself.',
  service_unavailable: 'The server is not ready yet. This page tries again by itself.',
}

function say(status, body) {
  let code = ''
  try {
    code = JSON.parse(body)[0].error_code
  } catch {
    // not one of the server's own answers
  }
  if (words[code]) return words[code]
  if (status === 403) return 'This viewing session is over. This page starts another.'
  if (status) return `The server answered ${status}. This page tries again by itself.`
  return 'The server cannot be reached. This page tries again by itself.'
}

function plays() {
  show('say', video.muted ? 'Playing without sound: unmute it in the picture.' : 'Playing')
}
video.addEventListener('playing', plays)
video.addEventListener('volumechange', () => { if (!video.paused) plays() })
video.addEventListener('waiting', () => show('say', 'Waiting for media'))
video.addEventListener('ended', () => ended?.())
video.addEventListener('pause', () => { if (!video.ended) show('say', 'Paused') })

function start() {
  video.play().catch((e) => {
    if (e.name === 'NotAllowedError') show('say', 'Press play: the browser does not start by itself.')
  })
}

function withHls() {
  const hls = new Hls({ lowLatencyMode: true })
  let again = 0
  const restart = (why) => {
    show('say', why)
    shown = null
    hls.destroy()
    clearTimeout(again)
    again = setTimeout(withHls, tryAgain)
  }
  hls.on(Hls.Events.MANIFEST_LOADED, (_, data) => {
    const said = Number(data.sessionData?.['SERVER-TIME']?.VALUE)
    if (said > 0) serverAhead = said * 1000 - Date.now()
  })
  ended = () => restart('The stream has ended. This page starts by itself when there is another.')
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (!data.fatal) return
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR) {
      restart(`This browser cannot play what is sent: ${data.details}. This page tries again by itself.`)
      return
    }
    let body = ''
    try {
      body = data.networkDetails?.responseText ?? ''
    } catch {
      // the answer was media, not text
    }
    restart(say(data.response?.code ?? 0, body))
  })
  shown = () => hls.playingDate
  hls.loadSource(playback.href)
  hls.attachMedia(video)
  start()
}

async function withoutHls() {
  shown = () => {
    const start = video.getStartDate?.()
    return start && !isNaN(start) ? new Date(start.getTime() + video.currentTime * 1000) : null
  }
  const restart = async () => {
    let why = say(0, '')
    try {
      const res = await fetch(playback)
      why = res.ok ? 'The stream was interrupted. This page tries again by itself.' : say(res.status, await res.text())
    } catch {
      // it cannot be reached
    }
    show('say', why)
    setTimeout(withoutHls, tryAgain)
  }
  video.addEventListener('error', restart, { once: true })
  video.src = playback.href
  start()
}

setInterval(() => {
  const date = video.readyState > 1 ? shown?.() : null
  show('latency', date ? `${((Date.now() + serverAhead - date.getTime()) / 1000).toFixed(2)} s` : '–')
  const b = video.buffered
  show('buffer', b.length ? `${Math.max(0, b.end(b.length - 1) - video.currentTime).toFixed(1)} s` : '–')
  show('picture', video.videoWidth ? `${video.videoWidth} × ${video.videoHeight}` : '–')
  show('dropped', String(video.getVideoPlaybackQuality?.().droppedVideoFrames ?? '–'))
}, 250)

if (window.Hls?.isSupported()) withHls()
else if (video.canPlayType('application/vnd.apple.mpegurl')) withoutHls()
else show('say', 'This browser can play no HLS.')
