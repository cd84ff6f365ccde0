// A run's MCP server: a socket in the run's folder, as long as its agent is followed. What comes over it is an agent's, so all is bounded.

import { chmodSync, rmSync } from 'node:fs'
import type { Socket, Server as SocketServer } from 'node:net'
import { createServer } from 'node:net'
import type { CallToolRequest, CallToolResult, ServerContext } from '@modelcontextprotocol/server'
import { Problem } from '../../core/problem.ts'
import { messageOf } from '../../lib/error-text.ts'
import type { RunUser } from '../../lib/exec.ts'
import type { Log } from '../../lib/log.ts'
import type { McpLibrary } from '../../lib/mcp-library.ts'
import { mcpLibrary } from '../../lib/mcp-library.ts'
import type { Signer } from '../signing/signer.ts'
import { Allowance } from './allowance.ts'
import { greet, SocketTransport } from './connection.ts'
import { layOut, lend, tokenOf } from './place.ts'
import { plainLines } from './plain.ts'
import { Signatures } from './signatures.ts'
import type { RunToolSpec } from './tool-specs.ts'
import { specsOf } from './tool-specs.ts'
import type { Call, RunToolsParts } from './tools.ts'
import { RunTools } from './tools.ts'

export interface RunServerParts extends RunToolsParts {
  readonly runDir: string
  /** The daemon's own secret. */
  readonly key: string
  readonly log: Log
  /** As whom the agent runs; null: as the daemon. */
  readonly user: RunUser | null
  /** Who signs what the agent commits; null: nobody. */
  readonly signer: Signer | null
}

/** Of this set of tools. */
const toolsVersion = '1'
/** An agent has one, and so have its sub-agents. */
const mostBridges = 16
/** Calls under way in one run: questions wait for hours. */
const mostCalls = 32
/** Lines of all bridges, and one more for each 16 KiB; a faster agent is read more slowly. */
const lines = { most: 400, perSecond: 100 }
const bytesPerLine = 16_384

export class RunServer implements AsyncDisposable {
  readonly #parts: RunServerParts
  readonly #tools: RunTools
  readonly #specs: readonly RunToolSpec[]
  readonly #token: string
  readonly #sockets = new Set<Socket>()
  readonly #pace: Allowance
  readonly #server: SocketServer
  readonly #signatures: Signatures
  #leaving = false
  #calls = 0

  constructor(parts: RunServerParts) {
    this.#parts = parts
    this.#tools = new RunTools(parts)
    const hostExec = parts.hostExec?.programs ?? []
    this.#specs = specsOf(parts.assignment, { tasks: parts.createTask !== null, hostExec })
    this.#signatures = new Signatures(parts)
    this.#token = tokenOf(parts.key, parts.assignment.attemptId)
    this.#pace = new Allowance(parts.clock, lines)
    this.#server = createServer((socket) => this.#welcome(socket))
  }

  /** Listens for bridges; those of an earlier start of the daemon come by themselves. */
  async open(): Promise<void> {
    const { socket } = layOut(this.#parts.runDir, this.#token, this.#parts.user)
    rmSync(socket, { recursive: true, force: true }) // of the start before, or what the agent put in its place
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(socket, resolve)
    })
    chmodSync(socket, 0o600)
    lend(socket, 0o660, this.#parts.user)
  }

  /** A question was answered: the call that waits for it goes on. */
  answered(call: string): void {
    this.#tools.answered(call)
  }

  /** Lets go: the bridges wait for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await this.#parts.hostExec?.[Symbol.asyncDispose]()
    await closed
  }

  #welcome(socket: Socket): void {
    socket.on('error', () => {}) // 'close' follows
    if (this.#sockets.size >= mostBridges) return void socket.destroy()
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    this.#serve(socket).catch((error) => {
      this.#parts.log.warn(
        { attemptId: this.#parts.assignment.attemptId, error: messageOf(error) },
        'bridge not served',
      )
      socket.destroy()
    })
  }

  async #serve(socket: Socket): Promise<void> {
    const early: string[] = []
    let take = (line: string): void => {
      early.push(line)
    }
    const caller = await greet(socket, this.#token, (line) => {
      this.#slow(socket, line)
      take(line)
    })
    if (caller === null) return
    if (caller.plain) take = this.#plain(socket, caller.id)
    else take = await this.#bridged(socket, caller.id)
    for (const line of early) take(line)
  }

  async #bridged(socket: Socket, bridge: string): Promise<(line: string) => void> {
    const library = await mcpLibrary()
    const transport = new SocketTransport(socket, library.parseJSONRPCMessage)
    const onerror = (error: Error) => this.#parts.log.debug({ error: error.message }, 'bridge said something odd')
    library.serveStdio(() => this.#protocolServer(library, bridge, socket), { transport, onerror, maxSubscriptions: 1 })
    return (line) => transport.receive(line)
  }

  /** Programs of ours in the run: git's signatures, and the command that starts a program on the host. */
  #plain(socket: Socket, caller: string): (line: string) => void {
    const { log, assignment } = this.#parts
    return plainLines(socket, {
      caller,
      calls: {
        sign: (call) => this.#signatures.sign(call),
        host_exec: (call) => this.#tools.hostExec({ ...call, cancelled: () => call.signal.aborted && !this.#leaving }),
      },
      failed: (error) => log.error({ attemptId: assignment.attemptId, error: messageOf(error) }, 'call failed'),
    })
  }

  /** Whoever floods is read more slowly; nothing is lost. */
  #slow(socket: Socket, line: string): void {
    const waitMs = this.#pace.debtMs(1 + line.length / bytesPerLine)
    if (waitMs === 0 || socket.isPaused()) return
    socket.pause()
    const over = new AbortController()
    socket.once('close', () => over.abort())
    this.#parts.clock.sleep(waitMs, over.signal).then(
      () => socket.resume(),
      () => {}, // it closed
    )
  }

  #protocolServer({ Server, ProtocolError, ProtocolErrorCode }: McpLibrary, bridge: string, socket: Socket) {
    const server = new Server({ name: 'capstan', version: toolsVersion }, { capabilities: { tools: {} } })
    server.setRequestHandler('tools/list', () => ({ tools: this.#specs.map((spec) => structuredClone(spec)) }))
    server.setRequestHandler('tools/call', async ({ params }, context) => {
      const spec = this.#specs.find((each) => each.name === params.name)
      if (spec === undefined)
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `there is no tool ${JSON.stringify(params.name)}`)
      return await this.#call(callOf({ spec, params, context, bridge, socket }))
    })
    return server
  }

  async #call(call: Call): Promise<CallToolResult> {
    if (this.#calls >= mostCalls) return problemAnswer(tooMany)
    this.#calls += 1
    try {
      return await this.#tools.call(call)
    } catch (error) {
      if (error instanceof Problem) return problemAnswer(error)
      this.#parts.log.error(
        { attemptId: this.#parts.assignment.attemptId, error: messageOf(error) },
        'tool call failed',
      )
      return problemAnswer(new Problem('internal', `${call.name} failed on the host`))
    } finally {
      this.#calls -= 1
    }
  }
}

const tooMany = new Problem('unavailable', `${mostCalls} calls of this run are under way; wait for one to end`)

interface Asked {
  readonly spec: RunToolSpec
  readonly params: CallToolRequest['params']
  readonly context: ServerContext
  readonly bridge: string
  readonly socket: Socket
}

function callOf({ spec, params, context, bridge, socket }: Asked): Call {
  const { id, signal } = context.mcpReq
  return {
    key: `${bridge}:${JSON.stringify(id)}`.slice(0, 140),
    name: spec.name,
    input: params.arguments ?? {},
    signal,
    cancelled: () => signal.aborted && !socket.destroyed,
  }
}

function problemAnswer({ code, detail, remedy }: Problem): CallToolResult {
  return {
    content: [{ type: 'text', text: `${code}: ${detail}\n${remedy}` }],
    structuredContent: { code, detail },
    isError: true,
  }
}
