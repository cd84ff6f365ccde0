// The stdio bridge: an agent's CLI starts it as an MCP server, it passes lines to and from the daemon's socket. It stays while the daemon
// restarts: what was not answered is sent again under the same id, and the daemon answers each id once. Alone in its file and its
// process: it imports nothing of Capstan, so that it starts as fast as Node does.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { createConnection } from 'node:net'
import { join } from 'node:path'

interface Directions {
  readonly socket: string
  readonly token: string
}

/** The daemon refuses longer lines; without this look it would be sent the same line again for ever. */
const longestLine = 1_048_576
/** Notifications that wait for the daemon. Requests are waited for by the agent, so they are few. */
const mostWaiting = 1_000
const firstWaitMs = 50
const longestWaitMs = 1_000
/** Directions may be absent for a moment while a new daemon writes them. */
const mostAbsences = 20

const folder = process.argv[2] ?? ''
const bridgeId = randomUUID()

/** Requests without an answer, by their id, in order. */
const unanswered = new Map<string, string>()
/** Notifications that could not be passed on. */
const waiting: string[] = []
/** The first request of the older protocol: a new daemon must hear it before all others. */
let opening: string | null = null
let opened = false
let connected: Socket | null = null
let waitMs = firstWaitMs
let absences = 0
/** Set when the run is over: every request is answered with it. */
let over: string | null = null

connect()
eachLine(process.stdin, fromAgent)
process.stdin.on('end', () => process.exit(0))
process.stdout.on('error', () => process.exit(0)) // the CLI is gone

function connect(): void {
  const directions = readDirections()
  if (directions === null) {
    absences += 1
    if (absences >= mostAbsences) end('the run is over: its MCP server is gone')
    else setTimeout(connect, firstWaitMs)
    return
  }
  absences = 0
  const socket = createConnection(directions.socket)
  let admitted = false
  socket.on('connect', () => socket.write(`${JSON.stringify({ hello: bridgeId, token: directions.token })}\n`))
  eachLine(socket, (line) => {
    if (admitted) return fromDaemon(line)
    const said = parse(line)
    if (said?.refused !== undefined) return end(String(said.refused))
    admitted = true
    waitMs = firstWaitMs
    connected = socket
    again(socket)
  })
  socket.on('error', () => {}) // 'close' follows
  socket.on('close', () => {
    connected = null
    if (over !== null) return
    setTimeout(connect, waitMs)
    waitMs = Math.min(waitMs * 2, longestWaitMs)
  })
}

/** What the daemon before this one may not have heard, or answered. */
function again(socket: Socket): void {
  if (opening !== null && opened) {
    socket.write(opening)
    socket.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
  }
  for (const line of unanswered.values()) socket.write(line)
  for (const line of waiting.splice(0)) socket.write(line)
}

function fromAgent(text: string): void {
  const message = parse(text)
  const line = `${text}\n`
  const { id, method } = message ?? {}
  const isRequest = id !== undefined && id !== null && typeof method === 'string'
  const refusal = text.length > longestLine ? `the message is longer than ${longestLine} characters` : over
  if (refusal !== null) {
    if (isRequest) refuse(id, refusal)
    return
  }
  if (isRequest) {
    if (method === 'initialize') opening = line
    unanswered.set(JSON.stringify(id), line)
  } else if (method === 'notifications/cancelled') forgetCancelled(message)
  if (connected !== null) connected.write(line)
  else if (!isRequest && waiting.length < mostWaiting) waiting.push(line)
}

/** The agent does not wait for it any more: a new daemon need not do it. */
function forgetCancelled(message: Record<string, unknown> | null): void {
  const { params } = message ?? {}
  const id = typeof params === 'object' && params !== null && 'requestId' in params ? params.requestId : undefined
  if (id !== undefined) unanswered.delete(JSON.stringify(id))
}

function fromDaemon(text: string): void {
  const message = parse(text)
  if (message === null) return
  const isAnswer = message.id !== undefined && message.method === undefined
  if (isAnswer) {
    const key = JSON.stringify(message.id)
    const asked = unanswered.get(key)
    if (asked === undefined) return // answered before: by the daemon before this one
    unanswered.delete(key)
    if (asked === opening) opened = true
  }
  process.stdout.write(`${text}\n`)
}

function end(why: string): void {
  over = why
  for (const key of unanswered.keys()) refuse(JSON.parse(key), why)
  unanswered.clear()
}

function refuse(id: unknown, message: string): void {
  const error = { code: -32_000, message }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, error })}\n`)
}

function readDirections(): Directions | null {
  try {
    return JSON.parse(readFileSync(join(folder, 'bridge.json'), 'utf8')) as Directions // the daemon wrote it whole
  } catch {
    return null
  }
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null // checked: an object
  } catch {
    return null
  }
}

function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk) => {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') take(line)
  })
}
