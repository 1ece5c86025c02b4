// Plays an HLS URL with hls.js in headless Chromium, on a page of another
// origin, until three seconds of it have been shown. Prints what was seen as
// JSON; leaves with 1 if that does not happen.
//
//   node play.mjs URL USER_DATA_DIR
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const [url, profile] = process.argv.slice(2)
const wanted = 3 // seconds of media
const limit = 45_000 // milliseconds for all of it

const hls = readFileSync(createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js'))
const page = `<!doctype html><meta charset=utf-8><title>play</title>
<video muted autoplay playsinline></video><script src=/hls.js></script>`

const server = createServer((req, res) => {
  const script = req.url === '/hls.js'
  res.setHeader('Content-Type', script ? 'text/javascript' : 'text/html')
  res.end(script ? hls : page)
})
await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
const origin = `http://localhost:${server.address().port}/`

const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  chromiumSandbox: false,
  timeout: limit,
  args: [
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--autoplay-policy=no-user-gesture-required',
  ],
})
let seen
try {
  const tab = await browser.newPage()
  await tab.goto(origin)
  seen = await tab.evaluate(watch, { url, wanted, limit })
} finally {
  await browser.close()
  server.close()
}
console.log(JSON.stringify(seen))
if (seen.seconds < wanted) process.exitCode = 1

// watch runs in the page.
function watch({ url, wanted, limit }) {
  const video = document.querySelector('video')
  const errors = []
  const player = new window.Hls()
  return new Promise((done) => {
    let from = null
    const end = () =>
      done({
        seconds: from === null ? 0 : video.currentTime - from,
        frames: video.getVideoPlaybackQuality().totalVideoFrames,
        width: video.videoWidth,
        height: video.videoHeight,
        errors,
      })
    player.on(window.Hls.Events.ERROR, (_, e) => {
      if (!e.fatal) return
      errors.push(`${e.type} ${e.details}`)
      end()
    })
    video.addEventListener('timeupdate', () => {
      from ??= video.currentTime
      if (video.currentTime - from >= wanted) end()
    })
    setTimeout(end, limit)
    player.loadSource(url)
    player.attachMedia(video)
    video.play().catch(() => {})
  })
}
