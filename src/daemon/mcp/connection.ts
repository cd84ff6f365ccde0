// One bridge's connection: its greeting checked, then lines to messages and back. A transport for the protocol's own server.

import { timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server'
import { limits } from '../../protocol/names.ts'

/** A line of an agent. Its output and a prompt fit; more is an attack. */
export const longestLine = limits.frameBytes
/** What an agent that does not read may leave here, bytes. */
const mostUnread = 4_194_304
const greetingMs = 5_000

/** Reads lines of bounded length; hangs up on a longer one. */
export function readLines(socket: Socket, take: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of [...lines, rest]) if (line.length > longestLine) return void socket.destroy()
    for (const line of lines) if (line.trim() !== '' && !socket.destroyed) take(line)
  })
}

/** Who is at the other end. `plain`: a program of the run that makes a call of ours, and speaks no MCP. */
export interface Caller {
  readonly id: string
  readonly plain: boolean
}

/** Resolves to the caller, or null when it does not know the token in time; then it has been told. Further lines go to `take`. */
export function greet(socket: Socket, token: string, take: (line: string) => void): Promise<Caller | null> {
  const { promise, resolve } = Promise.withResolvers<Caller | null>()
  let greeted = false
  const late = setTimeout(() => socket.destroy(), greetingMs)
  socket.once('close', () => {
    clearTimeout(late)
    resolve(null)
  })
  readLines(socket, (line) => {
    if (greeted) return take(line)
    greeted = true
    clearTimeout(late)
    const caller = admitted(line, token)
    if (caller === null) socket.end('{"refused":"the token is not of this run; the run is over"}\n')
    else socket.write('{"admitted":true}\n')
    resolve(caller)
  })
  return promise
}

function admitted(line: string, token: string): Caller | null {
  const { hello, token: given, plain } = parseObject(line) ?? {}
  if (typeof hello !== 'string' || typeof given !== 'string' || !/^[\w-]{1,64}$/.test(hello)) return null
  const [own, other] = [Buffer.from(token), Buffer.from(given)]
  return own.length === other.length && timingSafeEqual(own, other) ? { id: hello, plain: plain === true } : null
}

export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null // checked: an object
  } catch {
    return null
  }
}

/** Messages over a greeted socket. `receive` is for the lines that `greet` hands on. */
export class SocketTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  readonly #socket: Socket
  readonly #parse: (value: unknown) => JSONRPCMessage
  #early: string[] | null = []

  /** `parse` is the library's; it throws for what is no message. */
  constructor(socket: Socket, parse: (value: unknown) => JSONRPCMessage) {
    this.#socket = socket
    this.#parse = parse
    socket.once('close', () => this.onclose?.())
  }

  start(): Promise<void> {
    const early = this.#early ?? []
    this.#early = null
    for (const line of early) this.receive(line)
    return Promise.resolve()
  }

  receive(line: string): void {
    if (this.#early !== null) return void this.#early.push(line)
    const value = parseObject(line)
    try {
      this.onmessage?.(this.#parse(value))
    } catch (error) {
      this.#refuse(value)
      this.onerror?.(error instanceof Error ? error : new Error(String(error)))
    }
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (this.#socket.writableLength > mostUnread) this.#socket.destroy()
    else if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`)
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#socket.end()
    return Promise.resolve()
  }

  #refuse(value: Record<string, unknown> | null): void {
    const { id } = value ?? {}
    const known = typeof id === 'string' || typeof id === 'number' ? id : null
    const error = value === null ? { code: -32_700, message: 'not JSON' } : { code: -32_600, message: 'not a message' }
    this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: known, error })}\n`)
  }
}
