// Goes through the web console in headless Chromium, as a person would. It is
// driven by lines of JSON on its standard input and answers each with one on its
// standard output, in order:
//
//   {"id":1,"do":"open","url":"http://...","dark":false,"width":1280}
//   {"id":2,"do":"signIn","keys":["AKIA...","secret"]}
//   {"id":3,"do":"report"}          -> {"text":"{...}"}
//
// What a step answers besides is text; what goes wrong is an error.
//
//   TMPDIR=... node console.mjs < commands
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const limit = 45_000 // milliseconds for anything to appear

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  chromiumSandbox: false,
  timeout: 60_000,
  args: [
    '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--autoplay-policy=no-user-gesture-required',
  ],
})

let page
let seen

const button = (name) => page.getByRole('button', { name, exact: true })
const within = (form) => (form ? page.getByRole('dialog') : page)
const heading = (name) => page.getByRole('heading', { name })

const commands = {
  async open({ url, dark, width = 1280 }) {
    await page?.context().close()
    const context = await browser.newContext({
      viewport: { width, height: 900 }, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'],
      ignoreHTTPSErrors: true,
    })
    page = await context.newPage()
    page.setDefaultTimeout(limit)
    const origin = new URL(url).origin
    seen = { errors: [], foreign: [], secrets: [], requests: 0 }
    page.on('request', (r) => {
      seen.requests++
      if (!r.url().startsWith(origin) && !/^(blob|data):/.test(r.url())) seen.foreign.push(r.url())
      if (/secret|sk_us/i.test(r.url())) seen.secrets.push(r.url())
    })
    // Cloudscape's charts look where the mouse is a moment after they have left the page.
    page.on('pageerror', (e) => /null \(reading 'svg'\)/.test(e) || seen.errors.push(String(e)))
    page.on('console', (m) => m.type() === 'error' && !m.text().startsWith('Failed to load resource') && seen.errors.push(m.text().slice(0, 300)))
    await page.goto(url)
  },
  async signIn({ keys: [id, secret] }) {
    await page.getByLabel('Access key ID').fill(id)
    await page.getByLabel('Secret access key').fill(secret)
    await button('Sign in').click()
  },
  async has({ text }) {
    await page.getByText(text).first().waitFor()
  },
  async create({ name }) {
    await button('Create channel').first().click()
    const form = page.getByRole('dialog')
    await form.getByLabel('Name', { exact: true }).fill(name)
    await form.getByRole('radio', { name: 'Basic' }).check()
    await form.getByRole('button', { name: 'Add a tag' }).click()
    await form.getByRole('textbox', { name: 'Key' }).fill('studio')
    await form.getByRole('textbox', { name: 'Value' }).fill('one')
    await form.getByRole('button', { name: 'Ad configuration' }).click()
    await page.getByRole('option', { name: 'ads' }).click()
    await form.getByRole('button', { name: 'Create channel' }).click()
    await heading(name).waitFor()
    await page.getByText('The channel is offline. Point an encoder').waitFor()
  },
  // copies where to publish to, which has no key in it until somebody asks for it.
  async copy() {
    await page.getByRole('tab', { name: 'ffmpeg' }).click()
    await page.getByText('/STREAM_KEY').first().waitFor()
    await button('Show stream key').click()
    await page.getByText(/\/sk_/).first().waitFor()
    await button('Copy the ffmpeg command').click()
    await page.waitForFunction(async () => (await navigator.clipboard.readText()).includes('/sk_'))
    const text = await page.evaluate(() => navigator.clipboard.readText())
    await button('Hide stream key').click()
    await page.getByText('/STREAM_KEY').first().waitFor()
    return text
  },
  // watches until the picture plays and its latency is known, without a reload.
  async watch() {
    await page.getByText('Live, healthy').first().waitFor()
    await page.waitForFunction(() => {
      const video = document.querySelector('video')
      const played = video && video.played.length > 0 && video.played.end(0) - video.played.start(0) > 2
      return played && /^[\d.]+ s$/.test(document.querySelector('[data-testid=latency]')?.textContent ?? '')
    })
    return page.getByTestId('latency').textContent()
  },
  async metadata({ text }) {
    await page.getByLabel('Text').fill(text)
    await button('Send metadata').click()
    await page.getByRole('log').getByText(text).waitFor()
  },
  // played plays a recording to its end, or for a few seconds if it is long.
  async played() {
    await button('Play').click()
    await page.waitForFunction(() => {
      const video = document.querySelector('video')
      return video && video.played.length > 0 && video.played.end(0) - video.played.start(0) > 2
    })
    return String(await page.evaluate(() => document.querySelector('video').duration))
  },
  async saved() {
    const [download] = await Promise.all([page.waitForEvent('download'), button('Export JSON').click()])
    return readFile(await download.path(), 'utf8')
  },
  async stop() {
    await button('Stop stream').first().click()
    await page.getByRole('dialog').getByRole('button', { name: 'Stop stream' }).click()
    await page.getByText('The stream was stopped.').waitFor()
    await page.getByText('The channel is offline. Point an encoder').waitFor()
  },
  async session({ text, also }) {
    await page.getByRole('link', { name: 'Stream sessions' }).first().click()
    await page.getByRole('link', { name: /^st-/ }).first().click()
    await page.getByText(text).first().waitFor()
    if (also) await page.getByText(also).waitFor()
    return page.locator('main').innerText()
  },
  // press, fill and choose act on what has a name, in the form that is open if any.
  async press({ name, form, role = 'button' }) {
    await within(form).getByRole(role, { name, exact: true }).first().click()
  },
  async fill({ label, text, form }) {
    const name = { name: label, exact: true }
    await within(form).getByRole('textbox', name).or(within(form).getByRole('searchbox', name)).fill(text)
  },
  async choose({ name, form, role = 'checkbox' }) {
    await within(form).getByRole(role, { name }).check()
  },
  async reload() {
    await page.reload()
  },
  async goto({ place }) {
    await page.evaluate((place) => (location.hash = place), place)
  },
  async disabled({ name }) {
    const b = button(name).first()
    await b.waitFor()
    await page.waitForFunction((b) => b.getAttribute('aria-disabled') === 'true' || b.disabled, await b.elementHandle())
    await b.hover()
    await page.getByText('This key may not').filter({ visible: true }).first().waitFor()
    await page.mouse.move(0, 0)
  },
  // look holds a place of the console, or what is there, to axe's rules and to the
  // width of the screen.
  async look({ place, heading: title }) {
    if (place) await page.evaluate((place) => (location.hash = place), place)
    await heading(title).first().waitFor()
    await page.waitForFunction(() => !/Loading|Asking whether/.test(document.querySelector('main')?.innerText ?? 'Loading'))
    await page.evaluate(axe)
    const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations)
    const bad = found.filter((v) => ['serious', 'critical'].includes(v.impact))
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    const said = bad.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 300)).join(' | ')}`)
    if (wide > 1) said.push(`it is ${wide} pixels wider than the screen`)
    return said.map((s) => `${title}: ${s}`).join('\n')
  },
  async shoot({ path }) {
    await page.screenshot({ path })
  },
  // first is the name of what a list begins with.
  async first() {
    const link = page.locator('main tbody tr').first().getByRole('link').first()
    await link.waitFor()
    return link.textContent()
  },
  // rows says how many a list shows, when it has the first of them.
  async rows({ text }) {
    await page.getByRole('link', { name: text, exact: true }).waitFor()
    return String(await page.locator('main tbody tr').count())
  },
  async count({ ms }) {
    const before = seen.requests
    await page.waitForTimeout(ms)
    return String(seen.requests - before)
  },
  async report() {
    return JSON.stringify(seen)
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: what, ...rest } = JSON.parse(line)
  await commands[what](rest).then(
    (text) => console.log(JSON.stringify({ id, text: text ?? '' })),
    async (err) => {
      const shown = await page?.locator('body').innerText().catch(() => '')
      console.log(JSON.stringify({ id, error: `${what}: ${err}\nThe page says:\n${shown}\n${JSON.stringify(seen)}` }))
    },
  )
}
await browser.close()
