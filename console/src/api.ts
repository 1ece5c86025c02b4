// The server's APIs, as any AWS client calls them.
import { Sha256 } from '@aws-crypto/sha256-js'
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import { IvsClient } from '@aws-sdk/client-ivs'
import { SignatureV4 } from '@smithy/signature-v4'
import { region } from './here'
import type { Keys } from './keys'
import { Refusal } from './trouble'

/** What a signed-in page calls. */
export class Api {
  readonly ivs: IvsClient
  private made?: CloudWatchClient
  private readonly signer: SignatureV4

  constructor(readonly keys: Keys) {
    this.ivs = new IvsClient({ region, endpoint: location.origin, credentials: keys, maxAttempts: 2 })
    this.signer = new SignatureV4({ service: 'openivs', region, credentials: keys, sha256: Sha256 })
  }

  get cloudwatch(): CloudWatchClient {
    return (this.made ??= new CloudWatchClient({ region, endpoint: location.origin, credentials: this.keys, maxAttempts: 2 }))
  }

  /** Sends a signed request to /openivs/v1/. What it answers is a success. */
  async send(method: string, path: string, query: Record<string, string> = {}, input?: unknown, accept = 'application/json', signal?: AbortSignal) {
    const body = input === undefined ? undefined : JSON.stringify(input)
    const signed = await this.signer.sign({
      method,
      protocol: location.protocol,
      hostname: location.hostname,
      port: location.port ? Number(location.port) : undefined,
      path: '/openivs/v1/' + path,
      query,
      headers: { host: location.host, accept },
      body,
    })
    const headers = { ...signed.headers }
    delete headers.host // the browser's own
    const text = new URLSearchParams(query).toString().replaceAll('+', '%20')
    return answered(await fetch('/openivs/v1/' + path + (text && '?' + text), { method, headers, body, signal, cache: 'no-store' }))
  }

  async ask<T>(method: string, path: string, query: Record<string, string> = {}, input?: unknown): Promise<T> {
    return (await this.send(method, path, query, input)).json() as Promise<T>
  }
}

async function answered(response: Response): Promise<Response> {
  if (response.ok) return response
  const said = (await response.json().catch(() => ({}))) as { code?: string; message?: string }
  throw new Refusal(said.code ?? 'Unknown', response.status, said.message ?? `The server answered ${response.status}.`)
}

/** Exchanges the code of a link that signs in once. */
export async function useLink(code: string): Promise<Keys> {
  const response = await answered(
    await fetch('/openivs/v1/sign-in-links/use', { method: 'POST', body: JSON.stringify({ code }), cache: 'no-store' }),
  )
  const { accessKeyId, secretAccessKey, sessionToken } = (await response.json()) as Keys
  return { accessKeyId, secretAccessKey, sessionToken }
}

export type Caller = { accessKeyId: string; arn: string; name: string; policies: string[] }

/** Says who somebody is that has these keys, or throws. */
export const whoIs = (api: Api) => api.ask<Caller>('GET', 'caller')
