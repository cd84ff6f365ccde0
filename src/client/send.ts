// One request to the server: its URL, its headers, a timeout, and its failure as a Problem.

import { isProblemCode, Problem } from '../core/problem.ts'
import type { Operation } from '../protocol/operations.ts'

export interface ClientOptions {
  /** Where the server listens, such as http://127.0.0.1:7420. */
  readonly url: string
  readonly token: string | null
  /** Default: the global one. */
  readonly fetch?: typeof fetch
  /** For every call but `follow`. Default 30 s. */
  readonly timeoutMs?: number
}

/** What a call says, whatever its operation. */
export interface Sent {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: unknown
  readonly body?: unknown
  readonly bytes?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

const defaultTimeoutMs = 30_000

/** Sends and reads the whole answer within the timeout. Throws what the server said, or `not_connected`. */
export async function send<T>(
  options: ClientOptions,
  operation: Operation,
  sent: Sent,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = sent.signal === undefined ? timeout : AbortSignal.any([sent.signal, timeout])
  try {
    return await read(await open(options, operation, { ...sent, signal }))
  } catch (error) {
    if (error instanceof Problem) throw error
    sent.signal?.throwIfAborted()
    if (timeout.aborted)
      throw new Problem('not_connected', `${options.url} did not answer within ${timeoutMs} ms`, { cause: error })
    throw unreachable(options.url, error)
  }
}

/** Sends; resolves with the answer's head when it is a success, else throws its problem. */
export async function open(
  options: ClientOptions,
  operation: Pick<Operation, 'method' | 'path' | 'body'>,
  sent: Sent,
): Promise<Response> {
  const doFetch = options.fetch ?? fetch
  const headers: Record<string, string> = { ...sent.headers }
  if (options.token !== null) headers.authorization = `Bearer ${options.token}`
  const init: RequestInit = { method: operation.method, headers, redirect: 'error' }
  if (sent.signal !== undefined) init.signal = sent.signal
  if (sent.bytes !== undefined) {
    headers['content-type'] = 'application/octet-stream'
    init.body = new Uint8Array(sent.bytes)
  } else if (operation.body !== undefined) {
    headers['content-type'] = 'application/json'
    init.body = JSON.stringify(sent.body ?? {})
  }
  const response = await doFetch(address(options.url, operation.path, sent), init)
  if (!response.ok) throw await problemOf(response, options.url)
  return response
}

/** The failure of a fetch in words. */
export function unreachable(url: string, error: unknown): Problem {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const said = cause instanceof Error ? cause.message : String(cause)
  const why = code === 'ECONNREFUSED' ? 'connection refused' : said === '' ? code : said
  return new Problem('not_connected', `${url}: ${why}; start it with: capstan up`, { cause: error })
}

function address(base: string, path: string, { params, query }: Sent): string {
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params?.[name] ?? ''))
  const url = new URL(base.replace(/\/+$/, '') + filled)
  for (const [key, value] of Object.entries((query ?? {}) as Record<string, unknown>)) {
    // a query is an object by its schema
    const values: unknown[] = Array.isArray(value) ? value : [value]
    for (const each of values) if (each !== undefined) url.searchParams.append(key, String(each))
  }
  return url.href
}

async function problemOf(response: Response, url: string): Promise<Problem> {
  const text = await response.text()
  const body = parse(text)
  const instance = typeof body?.instance === 'string' ? body.instance : undefined
  if (isProblemCode(body?.code)) return new Problem(body.code, String(body.detail ?? ''), { instance })
  const said = text.slice(0, 200).replace(/\s+/g, ' ').trim()
  return new Problem('unavailable', `${url} answered ${response.status} and not as Capstan does: ${said}`)
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null // checked: an object
  } catch {
    return null // not JSON: a proxy's page, told as it is
  }
}
