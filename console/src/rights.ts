// What the key somebody signed in with may do. Asked of the server, many at a time.
import type { Api } from './api'

export type Verdict = { allowed: boolean; reason?: string }
type Check = { action: string; resource: string }

const most = 100 // checks of a request
const pending: Verdict = { allowed: false, reason: 'Looking up what this key may do…' }

export class Rights {
  private known = new Map<string, Verdict>()
  private wanted = new Map<string, Check>()
  private watchers = new Set<() => void>()

  constructor(private readonly ask: (checks: Check[]) => Promise<{ results: (Check & Verdict)[] }>) {}

  /** Says whether an action is allowed; until that is known, that it is not. */
  may(action: string, resource: string): Verdict {
    const key = action + ' ' + resource
    const found = this.known.get(key)
    if (found) return found
    if (!this.wanted.has(key)) {
      if (this.wanted.size === 0) queueMicrotask(() => void this.settle())
      this.wanted.set(key, { action, resource })
    }
    return pending
  }

  watch = (f: () => void): (() => void) => {
    this.watchers.add(f)
    return () => this.watchers.delete(f)
  }

  private async settle() {
    const checks = [...this.wanted.values()]
    this.wanted.clear()
    for (let at = 0; at < checks.length; at += most) {
      const some = checks.slice(at, at + most)
      try {
        for (const { action, resource, allowed, reason } of (await this.ask(some)).results) {
          this.known.set(action + ' ' + resource, allowed ? { allowed } : { allowed, reason: `This key may not: ${reason ?? action}` })
        }
      } catch {
        // The server decides in any case; it says why when it refuses.
        for (const c of some) this.known.set(c.action + ' ' + c.resource, { allowed: true })
      }
    }
    for (const f of this.watchers) f()
  }
}

export const rightsOf = (api: Api) => new Rights((checks) => api.ask('POST', 'permissions', {}, { checks }))
