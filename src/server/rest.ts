// REST from the operations table: one loop gives every operation its scope check, its parsing, its answer and its problems.

import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context, Hono } from 'hono'
import { Problem } from '../core/problem.ts'
import { limits } from '../protocol/names.ts'
import type { Operation, OperationName } from '../protocol/operations.ts'
import { operations } from '../protocol/operations.ts'
import type { Auth, Credentials } from './auth.ts'
import { bearer, requireRight } from './auth.ts'
import type { Handlers, Streaming } from './handler.ts'
import { check, parseJson, readBytes } from './input.ts'
import type { Metrics } from './metrics.ts'
import type { Asked, Plane } from './plane.ts'
import { describeFailure, problemResponse } from './problem-response.ts'
import { beginCall } from './service/audit.ts'

export type Web = Hono<{ Bindings: HttpBindings }>
export type WebContext = Context<{ Bindings: HttpBindings }>

export interface RestParts {
  readonly plane: Plane
  readonly auth: Auth
  readonly metrics: Metrics
  readonly handlers: Handlers
  /** X-Forwarded-For was written by a proxy of ours. */
  readonly trustProxy: boolean
}

/** Any handler, as the loop sees it: the table has paired its types already. */
type AnyHandler = (asked: Asked<Record<string, string>, unknown, unknown>) => Promise<unknown>

/** Adds every operation to the app, then 405 for their paths, 404 for others, and problems for failures. */
export function addOperations(app: Web, parts: RestParts): void {
  for (const name of Object.keys(operations) as OperationName[]) addOperation(app, parts, name) // keys of a constant table
  for (const path of new Set(Object.values(operations).map((each) => each.path))) {
    app.all(path, (c) => {
      throw new Problem('method_not_allowed', `${c.req.method} is not a method of ${path}`)
    })
  }
  app.notFound((c) => {
    throw new Problem('not_found', `there is nothing at ${c.req.path}`)
  })
  app.onError((error) => problemResponse(describeFailure(error, parts.plane.log)))
}

function addOperation(app: Web, parts: RestParts, name: OperationName): void {
  const operation: Operation = operations[name]
  const handle = parts.handlers[name] as unknown as AnyHandler // see AnyHandler: the loop checks what the handler's type asks
  app.on(operation.method, operation.path, async (c) => {
    const began = parts.plane.clock.monotonic()
    let status = 500
    try {
      const response = await answer(c, parts, { name, operation, handle })
      status = response.status
      return response
    } catch (error) {
      status = error instanceof Problem ? error.status : 500
      throw error
    } finally {
      const seconds = (parts.plane.clock.monotonic() - began) / 1_000
      parts.metrics.http.observe({ operation: name, status: String(status) }, seconds)
    }
  })
}

interface Route {
  readonly name: OperationName
  readonly operation: Operation
  readonly handle: AnyHandler
}

async function answer(c: WebContext, parts: RestParts, { name, operation, handle }: Route): Promise<Response> {
  const credentials = credentialsOf(c)
  const caller = await parts.auth.caller(credentials)
  requireRight(caller, operation, name)
  refuseForgery(c, credentials)
  const query = readQuery(c, operation)
  const body = await readBody(c, operation, parts.plane.settings.blobBytes)
  const idempotencyKey = operation.idempotent === true ? readIdempotencyKey(c) : null
  const asked = { caller, params: c.req.param(), query, body, idempotencyKey, lastEventId: readLastEventId(c) }
  const given = await recorded(c, parts, { name, operation, asked, handle })
  if (operation.answer === 'events') {
    const response = c.env.outgoing
    const end = (given as Streaming)(response) // an operation that answers events gives this
    response.once('close', parts.auth.watch(caller, credentials, end))
    return RESPONSE_ALREADY_SENT
  }
  return write(operation, given)
}

/** The call, between the beginning and the end of its line in the audit log. What failed for another reason than a refusal may have been done. */
async function recorded(
  c: WebContext,
  { plane, trustProxy }: RestParts,
  { name, operation, asked, handle }: Route & { readonly asked: Parameters<AnyHandler>[0] },
): Promise<unknown> {
  const { caller, params, body } = asked
  const line = await beginCall(plane, { caller, name, operation, params, body, address: addressOf(c, trustProxy) })
  if (line === null) return await handle(asked)
  try {
    const given = await handle(asked)
    await line.done(given)
    return given
  } catch (error) {
    if (error instanceof Problem && error.status < 500) await line.refused()
    throw error
  }
}

/** Who is at the other end of the connection. Behind a trusted proxy: whom that saw, which it wrote last into the header. */
function addressOf(c: WebContext, trustProxy: boolean): string | null {
  const forwarded = trustProxy ? c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined
  const env: Partial<HttpBindings> = c.env // a call over MCP has that request's connection and header, and no answer of its own
  const address = forwarded ?? env.incoming?.socket.remoteAddress
  return address === undefined || address.length > 100 ? null : address.replace(/^::ffff:/, '')
}

export function credentialsOf(c: WebContext): Credentials {
  return { authorization: c.req.header('authorization'), cookie: c.req.header('cookie') }
}

/**
 * A browser names its origin on everything that changes something; a cookie without one is not a browser's own page. Only a bearer token
 * proves that the cookie was not what let the caller in.
 */
function refuseForgery(c: WebContext, { authorization }: Credentials): void {
  const reads = c.req.method === 'GET' || c.req.method === 'HEAD'
  if (reads || bearer(authorization) !== null || c.req.header('origin') !== undefined) return
  throw new Problem('origin_refused', 'a signed-in browser must name its origin')
}

function readQuery(c: WebContext, { query }: Operation): unknown {
  const given = Object.entries(c.req.queries()).map(([key, values]) => [key, values.length === 1 ? values[0] : values])
  if (query !== undefined) return check(query, Object.fromEntries(given), 'the query')
  const [first] = given
  if (first !== undefined) throw new Problem('unknown_field', `the query has no field ${JSON.stringify(first[0])}`)
  return null
}

async function readBody(c: WebContext, operation: Operation, blobBytes: number): Promise<unknown> {
  if (operation.upload === true) return await readBytes(c.req.raw, operation.maxBytes ?? blobBytes, 'the upload')
  if (operation.body === undefined) return null
  const bytes = await readBytes(c.req.raw, limits.bodyBytes, 'the body')
  const type = c.req.header('content-type')
  // Nothing at all stands for an object without fields: `curl -X POST …/cancel`.
  if (bytes.length === 0 && type === undefined) return check(operation.body, {}, 'the body')
  if (!/^application\/json *(;|$)/i.test(type ?? ''))
    throw new Problem('unsupported_media_type', `content-type ${JSON.stringify(type ?? '')} is not application/json`)
  return check(operation.body, parseJson(bytes, 'the body'), 'the body')
}

function readIdempotencyKey(c: WebContext): string | null {
  const key = c.req.header('idempotency-key')
  if (key === undefined) return null
  if (!/^[\x21-\x7e]{1,200}$/.test(key))
    throw new Problem('invalid_request', 'Idempotency-Key must be 1 to 200 printable characters without spaces')
  return key
}

function readLastEventId(c: WebContext): string | null {
  return c.req.header('last-event-id') ?? null
}

function write(operation: Operation, given: unknown): Response {
  const headers = { 'cache-control': 'no-store' }
  switch (operation.answer) {
    case 'none':
      return new Response(null, { status: 204, headers })
    case 'json':
      return new Response(JSON.stringify(given), {
        status: operation.status ?? 200,
        headers: { ...headers, 'content-type': 'application/json' },
      })
    case 'patch':
      return bytes(given, 'text/x-diff; charset=utf-8')
    case 'bytes':
      return bytes(given, 'application/octet-stream')
    case 'events':
      throw new Error('a stream is not written here') // answer() has taken it
  }
}

/** As an attachment: what an agent made must not run as a page of this server. */
function bytes(given: unknown, type: string): Response {
  const body = new Uint8Array(given as Uint8Array) // an operation that answers bytes gives these
  return new Response(body, {
    headers: { 'content-type': type, 'content-disposition': 'attachment', 'cache-control': 'no-store' },
  })
}
