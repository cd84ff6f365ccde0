// MCP over streamable HTTP at /mcp: each request stands alone, so any replica answers it. A tool is a call of the REST app with the same token.

import type { AuthInfo, McpHttpHandler, McpRequestContext } from '@modelcontextprotocol/server'
import { isProblemCode, Problem } from '../core/problem.ts'
import type { Reach } from '../mcp/reach.ts'
import type { SplitArguments } from '../mcp/tools.ts'
import { limits } from '../protocol/names.ts'
import type { Operation } from '../protocol/operations.ts'
import { bearer, requireScope } from './auth.ts'
import { parseJson, readBytes } from './input.ts'
import type { Caller } from './plane.ts'
import { describeFailure, problemResponse } from './problem-response.ts'
import type { RestParts, Web, WebContext } from './rest.ts'
import { credentialsOf } from './rest.ts'

/** Calls under way for one token and for all. A call of task_wait may be held for minutes. */
const mostPerToken = 64
const mostInAll = 2_000

/** What a request brings to the server that is made for it. */
interface Visit {
  readonly caller: Caller
  readonly authorization: string
  /** The request, and whom a proxy saw: where its calls come from. */
  readonly incoming: WebContext['env']['incoming']
  readonly forwardedFor: string | undefined
  /** Ends its calls: the client left, the token was revoked, or this server goes away. */
  readonly ends: AbortSignal
}

export class McpFace {
  readonly #parts: RestParts
  readonly #app: Web
  readonly #closing = new AbortController()
  readonly #underWay = new Map<string, number>()
  #handler: Promise<McpHttpHandler> | null = null

  constructor(app: Web, parts: RestParts) {
    this.#app = app
    this.#parts = parts
  }

  /** Answers calls under way with `unavailable`; new ones get the same. */
  close(): void {
    this.#closing.abort(new Problem('unavailable', 'this server goes away; call again in a moment'))
  }

  /** Throws Problem: without a bearer token that has scope user, for a body that is none, or when too much is under way. */
  async answer(c: WebContext): Promise<Response> {
    const credentials = credentialsOf(c)
    const authorization = credentials.authorization ?? ''
    // No cookies: a page of another origin must not be able to ride on a signed-in browser.
    if (bearer(authorization) === null) return challenge(this.#parts)
    const caller = await this.#parts.auth.caller({ authorization, cookie: undefined })
    requireScope(caller, 'user', '/mcp')
    const parsedBody = c.req.method === 'POST' ? await readMessage(c) : undefined
    this.#enter(caller)
    const left = new AbortController()
    const unwatch = this.#parts.auth.watch(caller, credentials, () =>
      left.abort(new Problem('unauthorized', 'the token was revoked')),
    )
    c.env.outgoing.once('close', () => {
      unwatch()
      this.#leave(caller)
      left.abort(new Problem('unavailable', 'the client is gone'))
    })
    const { incoming } = c.env
    const forwardedFor = c.req.header('x-forwarded-for')
    const ends = AbortSignal.any([left.signal, this.#closing.signal])
    const visit: Visit = { caller, authorization, incoming, forwardedFor, ends }
    const { url, method, headers } = c.req.raw
    const handler = await this.#opened()
    return await handler.fetch(new Request(url, { method, headers }), { authInfo: infoOf(visit), parsedBody })
  }

  /** The library is loaded by the first that asks: a server that nobody asks so starts without it. */
  #opened(): Promise<McpHttpHandler> {
    this.#handler ??= this.#open()
    return this.#handler
  }

  async #open(): Promise<McpHttpHandler> {
    const [{ createMcpHandler }, { makeToolServer }] = await Promise.all([
      import('@modelcontextprotocol/server'),
      import('../mcp/serve.ts'),
    ])
    const { clock, version, log } = this.#parts.plane
    const unexpected = (error: unknown) => {
      const { detail, instance } = describeFailure(error, log)
      return new Problem('internal', detail, { instance })
    }
    const factory = ({ authInfo }: McpRequestContext) => {
      const visit = visitOf(authInfo)
      return makeToolServer({ reach: this.#reachOf(visit), clock, version, unexpected, ends: visit.ends })
    }
    const onerror = (error: Error) => log.debug({ err: error }, 'mcp request went wrong')
    // Nothing of ours ever changes its list of tools, so there is nothing to subscribe to.
    return createMcpHandler(factory, { legacy: 'stateless', onerror, maxSubscriptions: 1 })
  }

  #reachOf({ caller, authorization, incoming, forwardedFor }: Visit): Reach {
    const headers = { authorization, ...(forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }) }
    return {
      scopes: async () => caller.scopes,
      send: async (operation, given, signal) => {
        const response = await this.#app.fetch(requestOf(operation, given, headers), { incoming }, undefined)
        signal.throwIfAborted()
        if (!response.ok) throw await problemOf(response)
        return new Uint8Array(await response.arrayBuffer())
      },
    }
  }

  #enter({ tokenId }: Caller): void {
    const own = this.#underWay.get(tokenId) ?? 0
    const all = this.#underWay.values().reduce((sum, each) => sum + each, 0)
    if (own >= mostPerToken || all >= mostInAll)
      throw new Problem('unavailable', `${own} MCP calls of this token are under way; wait for one to end`)
    this.#underWay.set(tokenId, own + 1)
  }

  #leave({ tokenId }: Caller): void {
    const own = this.#underWay.get(tokenId) ?? 1
    if (own > 1) this.#underWay.set(tokenId, own - 1)
    else this.#underWay.delete(tokenId)
  }
}

/** Adds /mcp to the app. */
export function addMcp(app: Web, parts: RestParts): McpFace {
  const face = new McpFace(app, parts)
  app.all('/mcp', (c) => face.answer(c))
  return face
}

/** The header tells clients that a token is what is missing. */
function challenge({ plane }: RestParts): Response {
  const problem = new Problem('unauthorized', '/mcp needs a token; send Authorization: Bearer cap_…')
  return problemResponse(describeFailure(problem, plane.log), { 'www-authenticate': 'Bearer realm="capstan"' })
}

async function readMessage(c: WebContext): Promise<unknown> {
  const bytes = await readBytes(c.req.raw, limits.bodyBytes, 'the message')
  return parseJson(bytes, 'the message')
}

/** The library hands `extra` through as it is. */
function infoOf(visit: Visit): AuthInfo {
  const { tokenId, scopes } = visit.caller
  return { token: '', clientId: tokenId, scopes: [...scopes], extra: { visit } }
}

function visitOf(info: AuthInfo | undefined): Visit {
  const visit = info?.extra?.visit
  if (visit === undefined) throw new Error('a request without its visit')
  return visit as Visit // put there by infoOf
}

function requestOf(operation: Operation, given: SplitArguments, visiting: Readonly<Record<string, string>>): Request {
  const { params, query, body, idempotencyKey } = given
  const path = operation.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const url = new URL(path, 'http://localhost')
  for (const [key, value] of Object.entries(query))
    for (const each of [value].flat()) url.searchParams.append(key, String(each))
  const headers = new Headers(visiting)
  if (idempotencyKey !== null) headers.set('idempotency-key', idempotencyKey)
  if (operation.body === undefined) return new Request(url, { method: operation.method, headers })
  headers.set('content-type', 'application/json')
  return new Request(url, { method: operation.method, headers, body: JSON.stringify(body) })
}

async function problemOf(response: Response): Promise<Problem> {
  const body = (await response.json()) as { code?: unknown; detail?: unknown; instance?: unknown } // our own problem
  const instance = typeof body.instance === 'string' ? body.instance : undefined
  return new Problem(isProblemCode(body.code) ? body.code : 'internal', String(body.detail ?? ''), { instance })
}
