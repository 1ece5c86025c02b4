// Numbers and times as people read them.

export function bitrate(bitsPerSecond: number | undefined): string {
  if (bitsPerSecond === undefined) return '–'
  if (bitsPerSecond >= 1e6) return trim(bitsPerSecond / 1e6) + ' Mbit/s'
  if (bitsPerSecond >= 1e3) return trim(bitsPerSecond / 1e3) + ' kbit/s'
  return Math.round(bitsPerSecond) + ' bit/s'
}

function trim(n: number): string {
  return n >= 100 ? String(Math.round(n)) : n.toFixed(n >= 10 ? 1 : 2).replace(/\.?0+$/, '')
}

export function bytes(n: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let at = 0
  for (; n >= 1024 && at < units.length - 1; at++) n /= 1024
  return (at === 0 ? String(n) : n.toFixed(1)) + ' ' + units[at]
}

/** A length of time, of milliseconds. */
export function length(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000))
  const parts = [
    [Math.floor(s / 86400), 'd'],
    [Math.floor(s / 3600) % 24, 'h'],
    [Math.floor(s / 60) % 60, 'min'],
    [s % 60, 's'],
  ] as const
  const first = parts.findIndex(([n]) => n > 0)
  return first < 0 ? '0 s' : parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`).join(' ')
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

/** A moment, in the time zone of the device. */
export function moment(at: Date | string | undefined): string {
  return at ? full.format(new Date(at)) : '–'
}

export function timeOfDay(at: Date): string {
  return clock.format(at)
}

const counts = new Intl.NumberFormat()

export function count(n: number | undefined): string {
  return n === undefined ? '–' : counts.format(n)
}
