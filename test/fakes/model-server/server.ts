// A scripted model server on loopback: http://127.0.0.1:PORT/MODE is an Anthropic base URL, http://127.0.0.1:PORT/MODE/v1 an OpenAI one.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerMessages, refuseMessages } from './anthropic.ts'
import { answerResponses, refuseResponses } from './openai.ts'
import type { Mode } from './script.ts'
import { isMode, modes, refusalOf } from './script.ts'
import { readJson, sendJson } from './stream.ts'

export interface ModelServer extends AsyncDisposable {
  readonly port: number
  /** The base URL of one mode, without a slash at its end. */
  url(mode: Mode): string
  /** What was asked so far: `POST /write/v1/messages`, without query. */
  readonly requests: readonly string[]
}

/** Starts it on a free port. Dispose it: open (hanging) answers are cut then. */
export async function startModelServer(): Promise<ModelServer> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    requests.push(`${request.method} ${path}`)
    serve(request, response, path).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo // listening on TCP: never a string or null
  return {
    port,
    requests,
    url: (mode) => `http://127.0.0.1:${port}/${mode}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const [, mode = '', ...rest] = path.split('/')
  if (!isMode(mode)) {
    sendJson(response, 404, { error: { message: `No mode ${mode}: use one of ${modes.join(', ')}.` } })
    return
  }
  const body = await readJson(request)
  const endpoint = rest.join('/')
  if (request.method === 'GET') sendJson(response, 200, { object: 'list', data: [], models: [] })
  else if (endpoint === 'v1/messages/count_tokens') sendJson(response, 200, { input_tokens: 1 })
  else if (endpoint === 'v1/messages') serveMessages(response, body, mode)
  else if (endpoint === 'v1/responses') serveResponses(response, body, mode)
  else sendJson(response, 404, { error: { message: `Nothing is scripted at ${path}.` } })
}

function serveMessages(response: ServerResponse, body: Readonly<Record<string, unknown>>, mode: Mode): void {
  const refusal = refusalOf(mode)
  if (refusal === null) answerMessages(response, body, mode)
  else refuseMessages(response, refusal)
}

function serveResponses(response: ServerResponse, body: Readonly<Record<string, unknown>>, mode: Mode): void {
  const refusal = refusalOf(mode)
  if (refusal === null) answerResponses(response, body, mode)
  else refuseResponses(response, refusal)
}
