// What is seen of a video element, whichever player feeds it.

const sampleEvery = 250 // milliseconds between two looks at the picture
const lastly = 20 // looks at the picture that are the last seconds
const settled = 0.5 // seconds shown before a wait is a stall
const tail = 0.5 // seconds before the end where waiting is no stall
const segments = 'segmentmetadata'
const dark = 128 // below this a block of the picture says 0

export class Watch {
  constructor(video, clock) {
    this.video = video
    this.clock = clock // {zero, period} in milliseconds and {bits}, or nothing
    this.opened = performance.now()
    this.started = 0 // milliseconds from open to the first picture that moves
    this.played = 0 // seconds shown, seeks not counted
    this.frames = 0
    this.freeze = 0 // the longest time between two pictures, in milliseconds
    this.stalls = []
    this.seeks = []
    this.errors = []
    this.notes = [] // what a player mends without anybody's noticing
    this.cues = []
    this.holes = []
    this.glass = [] // how old the shown picture was, in seconds
    this.claimed = [] // the same as the player says
    this.waits = new Set()
    this.ended = false
    this.observe()
  }

  observe() {
    const { video } = this
    let last = null
    const on = (name, f) => video.addEventListener(name, f)
    on('timeupdate', () => {
      const now = video.currentTime
      const step = last === null ? 0 : now - last
      if (step > 0 && !video.seeking) {
        this.started ||= Math.round(performance.now() - this.opened)
        this.played += Math.min(step, 1)
      }
      last = now
      this.changed()
    })
    on('seeking', () => {
      last = null
      if (this.started) this.seeks.push(this.moment())
    })
    on('waiting', () => {
      if (this.played >= settled && !video.seeking && !this.stall) this.stall = { ...this.moment(), ms: performance.now() }
    })
    const goesOn = () => {
      if (!this.stall) return
      this.stalls.push({ ...this.stall, ms: Math.round(performance.now() - this.stall.ms) })
      this.stall = null
    }
    on('playing', goesOn)
    on('ended', () => this.end())
    on('error', () => this.fail(`video ${video.error?.code} ${video.error?.message}`))
    this.look()
  }

  // look counts pictures and reads when they were made.
  look() {
    const canvas = document.createElement('canvas')
    const bits = this.clock?.bits ?? 0
    Object.assign(canvas, { width: Math.max(bits, 1), height: 1 })
    const pen = canvas.getContext('2d', { willReadFrequently: true })
    let shown = null
    let sampled = 0
    const frame = (now) => {
      this.frames++
      if (shown !== null && this.started) this.freeze = Math.max(this.freeze, Math.round(now - shown))
      shown = now
      if (bits && this.started && now - sampled >= sampleEvery) {
        sampled = now
        this.sample(pen, bits)
      }
      this.video.requestVideoFrameCallback(frame)
    }
    this.video.requestVideoFrameCallback(frame)
  }

  // sample reads the number that is painted in blocks along the upper edge, the
  // least bit first, each block a sixteenth of the width wide.
  sample(pen, bits) {
    const { videoWidth: width } = this.video
    const block = width / 16
    const now = Date.now()
    let n = 0
    for (let i = 0; i < bits; i++) pen.drawImage(this.video, (i + 0.25) * block, 0.25 * block, block / 2, block / 2, i, 0, 1, 1)
    const { data } = pen.getImageData(0, 0, bits, 1)
    for (let i = 0; i < bits; i++) if (data[4 * i] >= dark) n += 2 ** i
    const { zero, period, step } = this.clock
    const age = (((now - zero - n * step) % period) + period) % period
    this.glass.push(age / 1000)
    const claim = this.player?.latency?.()
    if (Number.isFinite(claim) && claim !== null) this.claimed.push(claim)
  }

  moment() {
    return { at: Math.round(performance.now() - this.opened), time: this.video.currentTime }
  }

  fail(what) {
    this.errors.push(what)
    this.changed()
  }

  note(what) {
    this.notes.push(what)
  }

  // hear takes a metadata cue when it is due. Those that the server adds about
  // its own segments are not for applications.
  hear(cue) {
    if (cue.owner === segments) return
    this.cues.push({ ...this.moment(), ...cue })
    this.changed()
  }

  // end says that the stream is over. A wait for its last pictures was none.
  end() {
    this.ended = true
    this.stall = null
    this.stalls = this.stalls.filter(({ time }) => time < this.video.currentTime - tail)
    this.changed()
  }

  changed() {
    for (const look of this.waits) look()
  }

  // until resolves to whether it came to pass within limit: so many seconds
  // shown in all, so many cues, the end.
  until({ seconds, cues, ended, limit }) {
    const reached = () => (!ended || this.ended) && this.played >= (seconds ?? 0) && this.cues.length >= (cues ?? 0)
    return new Promise((done) => {
      const settle = (ok) => {
        this.waits.delete(look)
        clearTimeout(timer)
        done(ok)
      }
      const look = () => reached() && settle(true)
      const timer = setTimeout(() => settle(false), limit)
      this.waits.add(look)
      look()
    })
  }

  report() {
    const { video } = this
    const quality = video.getVideoPlaybackQuality()
    const stalls = [...this.stalls]
    if (this.stall) stalls.push({ ...this.stall, ms: Math.round(performance.now() - this.stall.ms) })
    return {
      started: this.started,
      played: this.played,
      frames: this.frames,
      dropped: quality.droppedVideoFrames,
      freeze: this.freeze,
      width: video.videoWidth,
      height: video.videoHeight,
      rate: video.playbackRate,
      stalls,
      seeks: this.seeks,
      errors: this.errors,
      notes: this.notes,
      cues: this.cues,
      holes: this.holes,
      ended: this.ended,
      lowLatency: this.player?.lowLatency?.() ?? false,
      parts: this.player?.parts?.() ?? 0,
      glass: spread(this.glass),
      late: spread(this.glass.slice(-lastly)),
      claimed: spread(this.claimed),
    }
  }
}

// spread is what a list of numbers comes to.
function spread(list) {
  const s = [...list].sort((a, b) => a - b)
  const at = (q) => (s.length ? s[Math.min(s.length - 1, Math.floor(q * s.length))] : 0)
  return { n: s.length, p50: at(0.5), p95: at(0.95), max: at(1) }
}

// begin is what every page does: it offers the driver a way to open a URL.
// play(watch, url) starts a player and returns what can be asked of it.
export function begin(play) {
  window.open_ = async (url, clock) => {
    const video = document.querySelector('video')
    const watch = new Watch(video, clock)
    window.watch = watch
    watch.player = await play(watch, url)
    if (watch.player.plays !== false) await video.play().catch((e) => watch.note(`play: ${e.message}`))
  }
}
