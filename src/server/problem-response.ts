// How a failure is answered: RFC 9457 with an instance id that the log has too.

import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { ProblemBody } from '../core/problem.ts'
import { Problem } from '../core/problem.ts'
import type { Log } from '../lib/log.ts'

/** Turns whatever was thrown into a problem's body. What nobody expected is logged with its instance and told as `internal`. */
export function describeFailure(error: unknown, log: Log): ProblemBody {
  const instance = `urn:uuid:${randomUUID()}`
  if (error instanceof Problem) {
    if (error.status >= 500) log.error({ err: error, instance }, 'request failed')
    return error.toBody(instance)
  }
  log.error({ err: error, instance }, 'request failed unexpectedly')
  return new Problem('internal', `something unexpected happened; the server's log has it as ${instance}`).toBody(
    instance,
  )
}

/** A problem as a fetch response. */
export function problemResponse(body: ProblemBody, headers: Record<string, string> = {}): Response {
  // What is left of a body that was too large is not read: the connection cannot be used again, and says so.
  const unread = body.status === 413 ? { connection: 'close' } : {}
  return new Response(JSON.stringify(body), {
    status: body.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...unread, ...headers },
  })
}

/** The same on a bare response of node, where no route was reached. */
export function sendProblem(response: ServerResponse, body: ProblemBody): void {
  const text = JSON.stringify(body)
  response.writeHead(body.status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    connection: 'close',
  })
  response.end(text)
}
