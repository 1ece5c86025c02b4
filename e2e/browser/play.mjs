// Plays HLS URLs in headless Chromium, each in a tab of its own, on pages of
// another origin than the media. It is driven by lines of JSON on its standard
// input and answers each with one on its standard output, in any order:
//
//   {"id":1,"do":"open","tab":"a","player":"hls","url":"http://...","clock":{...}}
//   {"id":2,"do":"until","tab":"a","seconds":10,"limit":30000}   -> {"ok":true}
//   {"id":3,"do":"report","tab":"a"}                              -> {"report":{...}}
//   {"id":4,"do":"close","tab":"a"}
//
//   TMPDIR=... node play.mjs < commands
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'

const here = dirname(fileURLToPath(import.meta.url))
const assets = join(dirname(createRequire(import.meta.url).resolve('amazon-ivs-player')), 'assets')
const players = ['hls', 'ivs', 'levels', 'native', 'shaka', 'videojs']
const limit = 60_000 // milliseconds for the browser to start

const bundles = new Map()

// bundle is the script of a player's page, made when it is first asked for.
function bundle(player) {
  if (!bundles.has(player)) bundles.set(player, make(player))
  return bundles.get(player)
}

async function make(player) {
  const made = await build({
    entryPoints: [join(here, 'page', `${player}.mjs`)],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    define: { global: 'window' },
    external: ['util'],
    logLevel: 'error',
  })
  return made.outputFiles[0].contents
}

const types = { js: 'text/javascript', wasm: 'application/wasm' }

// answer returns the body of a path of this site, and its type.
async function answer(path) {
  const [, name, ext] = /^\/([\w.-]+?)(?:\.(js|wasm))?$/.exec(path) ?? []
  if (!ext && players.includes(name)) {
    const html = `<!doctype html><meta charset=utf-8><title>${name}</title>
<video muted playsinline crossorigin=anonymous width=640 height=360></video><script src=/${name}.js></script>`
    return ['text/html', html]
  }
  if (ext === 'js' && players.includes(name)) return [types.js, await bundle(name)]
  if (ext && name.startsWith('amazon-ivs-wasmworker')) return [types[ext], await readFile(join(assets, `${name}.${ext}`))]
  return null
}

const site = createServer((req, res) => {
  answer(req.url).then(
    (found) => {
      if (!found) return res.writeHead(404).end()
      res.writeHead(200, { 'Content-Type': found[0] }).end(found[1])
    },
    (err) => res.writeHead(500).end(String(err)),
  )
})
await new Promise((ready) => site.listen(0, '127.0.0.1', ready))
const origin = `http://localhost:${site.address().port}`

const browser = await chromium.launch({
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
    '--disable-background-timer-throttling',
    '--disable-backgrounding-occluded-windows',
    '--disable-renderer-backgrounding',
  ],
})

const tabs = new Map()

const commands = {
  async origin() {
    return { origin } // of every player's page
  },
  async open({ tab, player, url, clock, refused }) {
    const page = await (await browser.newContext()).newPage() // its own window, so that none is hidden
    const media = new URL(url).origin
    const failed = []
    const told = []
    const of = (request) => request.url().startsWith(media)
    page.on('response', (r) => of(r.request()) && r.status() >= 400 && failed.push(`${r.status()} ${r.url()}`))
    page.on('console', (m) => m.type() === 'error' && told.push(m.text()))
    page.on('pageerror', (e) => told.push(String(e)))
    tabs.set(tab, { page, failed, told })
    await page.goto(`${origin}/${player}`)
    // A player that is refused never begins to play, which is what opening waits for.
    await page.evaluate(([url, clock, refused]) => {
      const opened = window.open_(url, clock)
      return refused ? null : opened
    }, [url, clock, refused])
    return {}
  },
  async until({ tab, ...what }) {
    return { ok: await tabs.get(tab).page.evaluate((what) => window.watch.until(what), what) }
  },
  async close({ tab }) {
    await tabs.get(tab).page.context().close()
    tabs.delete(tab)
    return {}
  },
  async report({ tab }) {
    const { page, failed, told } = tabs.get(tab)
    return { report: { ...(await page.evaluate(() => window.watch.report())), failed, told } }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: what, ...rest } = JSON.parse(line)
  commands[what](rest).then(
    (answer) => console.log(JSON.stringify({ id, ...answer })),
    (err) => console.log(JSON.stringify({ id, error: String(err) })),
  )
}
await browser.close()
site.close()
