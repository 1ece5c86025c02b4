// Opens the page of a channel that is offline in headless Chromium, prints a line
// when the page says so, and waits until it has played for three seconds and says
// how far behind live it is. Prints what it said then as JSON; leaves with 1 if
// that does not happen.
//
//   node watch.mjs URL USER_DATA_DIR
import { chromium } from 'playwright-core'

const [url, profile] = process.argv.slice(2)
const limit = 60_000 // milliseconds for all of it

const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  chromiumSandbox: false,
  timeout: limit,
  args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
const errors = []
let seen
try {
  const tab = await browser.newPage()
  tab.on('pageerror', (e) => errors.push(String(e)))
  tab.on('console', (m) => {
    // Chromium reports each answer of 400 and above; those are the page's to explain.
    if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) errors.push(m.text())
  })
  await tab.goto(url)
  await tab.waitForFunction(() => document.getElementById('say').textContent.includes('offline'), null, { timeout: limit })
  console.log('offline')
  seen = await tab.evaluate(watch, limit)
} finally {
  await browser.close()
}
console.log(JSON.stringify({ ...seen, errors }))
if (!seen.played) process.exitCode = 1

// watch runs in the page.
function watch(limit) {
  const text = (id) => document.getElementById(id).textContent
  const video = document.querySelector('video')
  const said = []
  const begin = performance.now()
  return new Promise((done) => {
    const look = setInterval(() => {
      if (said.at(-1) !== text('say')) said.push(text('say'))
      const played = video.played.length > 0 && video.played.end(0) - video.played.start(0) > 3
      const latency = parseFloat(text('latency'))
      if ((played && latency > 0) || performance.now() - begin > limit) {
        clearInterval(look)
        done({ played, said, latency, width: video.videoWidth, dropped: text('dropped') })
      }
    }, 100)
  })
}
