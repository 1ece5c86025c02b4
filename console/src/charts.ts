// Which measurements are asked for, and how fine.

export const metrics = [
  { name: 'IngestBitrate', title: 'Bitrate', unit: 'Mbit/s', scale: 1e-6 },
  { name: 'IngestFramerate', title: 'Frame rate', unit: 'frames/s', scale: 1 },
  { name: 'KeyframeInterval', title: 'Keyframe interval', unit: 's', scale: 1 },
  { name: 'ConcurrentViews', title: 'Views', unit: 'viewers', scale: 1 },
] as const

/** The periods that Amazon CloudWatch knows, in seconds, the finest first. */
const periods = [1, 5, 10, 30, 60, 300, 900, 3600]

const points = 1200 // of a chart: more than a screen has room for

/** The finest period of which a span has no more points than a chart shows. */
export function finest(fromMs: number, toMs: number): number {
  const seconds = Math.max(1, (toMs - fromMs) / 1000)
  return periods.find((p) => seconds / p <= points) ?? Math.ceil(seconds / points / 3600) * 3600
}

/** The end of what is asked for: no span is shorter than the finest period, however soon
 *  a session was over. */
export function atLeast(from: Date, to: Date): Date {
  return new Date(Math.max(to.getTime(), from.getTime() + 1000))
}

/** The periods to ask for, until one has the beginning: fine ones are not kept for long. */
export function attempts(fromMs: number, toMs: number): number[] {
  const first = finest(fromMs, toMs)
  return [first, ...[60, 3600].filter((p) => p > first)]
}

export type Point = { x: Date; y: number }

/** What was measured in a session, one point for each period of seconds. */
export type Drawn = { period: number; series: Record<string, Point[]> }

/** When the first point is, in milliseconds. */
function beginning({ series }: Drawn): number | undefined {
  const firsts = Object.values(series).flatMap((s) => s.slice(0, 1).map((p) => p.x.getTime()))
  return firsts.length ? Math.min(...firsts) : undefined
}

const late = 60_000 // milliseconds that the first point may come after the beginning

/** Whether nothing of the beginning is lost. */
export function whole(drawn: Drawn, fromMs: number): boolean {
  const first = beginning(drawn)
  return first !== undefined && first <= fromMs + Math.max(late, drawn.period * 1000)
}

/** Of measurements, the finest first, the finest that begin no later than the coarser
 *  ones. Those that do have lost their beginning, as fine ones are not kept for long. */
export function best(tried: Drawn[]): Drawn | undefined {
  return tried.find((drawn, i) => {
    const first = beginning(drawn)
    if (first === undefined) return false
    return tried.slice(i + 1).every((coarser) => {
      const other = beginning(coarser)
      return other === undefined || first < other + coarser.period * 1000
    })
  })
}
