// A scripted model server on loopback: http://127.0.0.1:PORT/MODE is a base URL of Anthropic's and Google's kind, with /v1 one of OpenAI's.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerMessages, refuseMessages } from './anthropic.ts'
import { answerChat, refuseChat } from './chat.ts'
import { answerGemini, refuseGemini } from './gemini.ts'
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
  /** What came with each POST, as text, in the same order: shows whether a resumed conversation was sent again. */
  readonly bodies: readonly string[]
}

/** Starts it on a free port. Dispose it: open (hanging) answers are cut then. */
export async function startModelServer(): Promise<ModelServer> {
  const requests: string[] = []
  const bodies: string[] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    requests.push(`${request.method} ${path}`)
    serve(request, response, { path, bodies }).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo // listening on TCP: never a string or null
  return {
    port,
    requests,
    bodies,
    url: (mode) => `http://127.0.0.1:${port}/${mode}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

interface Asked {
  readonly path: string
  readonly bodies: string[]
}

async function serve(request: IncomingMessage, response: ServerResponse, { path, bodies }: Asked): Promise<void> {
  const [, mode = '', ...rest] = path.split('/')
  if (!isMode(mode)) {
    sendJson(response, 404, { error: { message: `No mode ${mode}: use one of ${modes.join(', ')}.` } })
    return
  }
  const body = await readJson(request)
  const endpoint = rest.join('/')
  if (request.method === 'GET') {
    sendJson(response, 200, { object: 'list', data: [], models: [] })
    return
  }
  bodies.push(JSON.stringify(body))
  const [, action] = /^v1(?:beta)?\/models\/[^:]+:(\w+)$/.exec(endpoint) ?? []
  const ask = { response, body, mode, refusal: refusalOf(mode) }
  if (endpoint === 'v1/messages/count_tokens') sendJson(response, 200, { input_tokens: 1 })
  else if (endpoint === 'v1/messages') serveMessages(ask)
  else if (endpoint === 'v1/responses') serveResponses(ask)
  else if (endpoint === 'v1/chat/completions') serveChat(ask)
  else if (action === 'countTokens') sendJson(response, 200, { totalTokens: 1 })
  else if (action !== undefined) serveGemini(ask, action === 'streamGenerateContent')
  else sendJson(response, 404, { error: { message: `Nothing is scripted at ${path}.` } })
}

interface Ask {
  readonly response: ServerResponse
  readonly body: Readonly<Record<string, unknown>>
  readonly mode: Mode
  readonly refusal: ReturnType<typeof refusalOf>
}

function serveMessages({ response, body, mode, refusal }: Ask): void {
  if (refusal === null) answerMessages(response, body, mode)
  else refuseMessages(response, refusal)
}

function serveResponses({ response, body, mode, refusal }: Ask): void {
  if (refusal === null) answerResponses(response, body, mode)
  else refuseResponses(response, refusal)
}

function serveChat({ response, body, mode, refusal }: Ask): void {
  if (refusal === null) answerChat(response, body, mode)
  else refuseChat(response, refusal)
}

function serveGemini({ response, body, mode, refusal }: Ask, streaming: boolean): void {
  if (refusal === null) answerGemini(response, body, { mode, streaming })
  else refuseGemini(response, refusal)
}
