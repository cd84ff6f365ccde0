// The daemon link where sockets are blocked: frames as posts, rows by a long poll, at /v1/daemon/messages.
//
//   POST   one frame {id, type, body}           → {re, body} | {re, problem}; a registration's answer also has `connection`
//   GET    ?after=SEQ, held until there is a row → {frames: [{seq, type, body}], closed: {code, reason} | null}
//   DELETE                                       → 204: the daemon goes
//
// All but the first registration name their connection in a header. A problem as the HTTP answer itself ends the connection.

import { z } from 'zod'
import { Problem } from '../core/problem.ts'
import { limits } from '../protocol/names.ts'
import { check, readBytes } from './input.ts'
import type { Knock, Link } from './link.ts'
import { frameSlack } from './link.ts'
import type { HttpConnection } from './link-http-connection.ts'
import type { Line } from './link-line.ts'
import type { Plane } from './plane.ts'
import type { Web, WebContext } from './rest.ts'

export const linkMessagesPath = '/v1/daemon/messages'
const connectionHeader = 'capstan-connection'

const pollQuery = z.strictObject({ after: z.coerce.number().int().min(0).default(0) })

/** Adds the routes. */
export function addLinkRoutes(app: Web, link: Link, plane: Plane): void {
  app.post(linkMessagesPath, async (c) => {
    const knock = await knockOf(c, link)
    const text = decode(await readBytes(c.req.raw, limits.frameBytes + frameSlack, 'the frame'))
    const id = c.req.header(connectionHeader)
    const line = id === undefined ? link.openHttp(knock) : await link.httpLine(knock, id)
    return answer(await (id === undefined ? first(line, text) : line.wire.post(text)))
  })
  app.get(linkMessagesPath, async (c) => {
    const line = await lineOf(c, link)
    const { after } = check(pollQuery, c.req.query(), 'the query')
    const over = new AbortController()
    const signal = AbortSignal.any([c.req.raw.signal, over.signal])
    // Held by the clock, not by a timer of its own: tests turn it.
    const held = plane.clock.sleep(plane.settings.pollMs, signal).catch(() => {}) // the poll was answered
    void held.then(() => over.abort())
    const polled = await line.wire.poll(after, signal)
    over.abort()
    return answer(polled)
  })
  app.delete(linkMessagesPath, async (c) => {
    const line = await lineOf(c, link)
    line.wire.close(goodbye, 'bye')
    return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
  })
  app.all(linkMessagesPath, (c) => {
    throw new Problem('method_not_allowed', `${c.req.method} is not a method of ${linkMessagesPath}`)
  })
}

/** WebSocket's code for an end that was wanted. */
const goodbye = 1000

/** The first frame of a connection: unless it registers, there is none. */
async function first(line: Line<HttpConnection>, text: string): Promise<object> {
  try {
    return { ...(await line.wire.post(text)), connection: line.id }
  } finally {
    if (line.session === null) line.wire.terminate()
  }
}

async function lineOf(c: WebContext, link: Link): Promise<Line<HttpConnection>> {
  const knock = await knockOf(c, link)
  const id = c.req.header(connectionHeader)
  if (id === undefined)
    throw new Problem('invalid_request', `the header ${connectionHeader} is missing; register first`)
  return link.httpLine(knock, id)
}

/** A cookie does not speak for a daemon: only a bearer token does, so no page can. */
function knockOf(c: WebContext, link: Link): Promise<Knock> {
  return link.knock({ authorization: c.req.header('authorization'), cookie: undefined })
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Problem('malformed_json', 'the frame is not UTF-8', { cause })
  }
}

function answer(body: object): Response {
  return new Response(JSON.stringify(body), {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}
