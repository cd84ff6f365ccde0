// Server-sent events and JSON answers, written by hand on node:http.

import type { IncomingMessage, ServerResponse } from 'node:http'

/** Begins an event stream; the function it returns sends one event. */
export function startStream(
  response: ServerResponse,
): (event: string, data: Readonly<Record<string, unknown>>) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  return (event, data) => {
    response.write(`event: ${event}\ndata: ${JSON.stringify({ type: event, ...data })}\n\n`)
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

/** The body as a JSON object; an empty or broken body is an empty object. */
export async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  try {
    return asObject(JSON.parse(Buffer.concat(chunks).toString('utf8')))
  } catch {
    return {} // nothing to answer from; the CLI sees a plain text answer
  }
}

export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Readonly<Record<string, unknown>>) : {} // checked on the line above
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
