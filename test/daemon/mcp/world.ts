// One run's MCP server with a real journal, and agents that reach it as they do: through the bridge, with the protocol's own client.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CallToolResult } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { Journal } from '../../../src/daemon/journal/journal.ts'
import { openJournal } from '../../../src/daemon/journal/journal.ts'
import type { HandedIn } from '../../../src/daemon/mcp/output.ts'
import { handedIn } from '../../../src/daemon/mcp/output.ts'
import { bridgeOf, clearOut, placeOf } from '../../../src/daemon/mcp/place.ts'
import type { RunServerParts } from '../../../src/daemon/mcp/server.ts'
import { RunServer } from '../../../src/daemon/mcp/server.ts'
import type { RunToolsParts } from '../../../src/daemon/mcp/tools.ts'
import type { OwnStep } from '../../../src/daemon/run/talk-step.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Assignment } from '../../../src/protocol/link.ts'

export const attemptId = 'att_tools'

export interface WorldOptions {
  readonly task?: Partial<Assignment['task']>
  readonly createTask?: RunToolsParts['createTask']
  /** Inserted into the run folder's path. */
  readonly deep?: string
  readonly signer?: RunServerParts['signer']
  /** Made for each start of the daemon. */
  readonly hostExec?: (world: World) => RunServerParts['hostExec']
}

export class World {
  readonly dir = mkdtempSync(join(tmpdir(), 'capstan-mcp-'))
  readonly runDir: string
  readonly journal: Journal
  readonly steps: OwnStep[] = []
  readonly #options: WorldOptions
  readonly #clients: Client[] = []
  #server: RunServer | null = null

  constructor(options: WorldOptions = {}) {
    this.#options = options
    this.runDir = join(this.dir, options.deep ?? '', 'runs', attemptId)
    mkdirSync(join(this.runDir, 'tmp'), { recursive: true })
    this.journal = openJournal(join(this.dir, 'journal.db'), 1).journal
    this.journal.saveRun({ attemptId, taskId: 'task_a', epoch: 1, n: 1, step: 'started', data: null })
  }

  /** A start of the daemon. */
  async open(): Promise<void> {
    const task = { id: 'task_a', expect: 'nothing', outputSchema: null, ...this.#options.task }
    this.#server = new RunServer({
      assignment: { attemptId, epoch: 1, n: 1, task, profile: null } as unknown as Assignment, // only what the server reads
      runDir: this.runDir,
      calls: this.journal.calls,
      clock: systemClock,
      own: (step) => this.own(step),
      createTask: this.#options.createTask ?? null,
      key: 'key-of-the-daemon',
      log: silentLog,
      user: null,
      signer: this.#options.signer ?? null,
      hostExec: this.#options.hostExec?.(this) ?? null,
    })
    await this.#server.open()
  }

  /** The daemon's end, whatever is under way. */
  async leave(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
    this.#server = null
  }

  /** The run's end. */
  async finish(): Promise<void> {
    await this.leave()
    clearOut(this.runDir)
  }

  /** A person's answer, as the run's conversation keeps it. */
  answer(
    key: string,
    answer: { readonly label: string | null; readonly text: string | null; readonly by?: string },
  ): void {
    this.journal.calls.keep(attemptId, key, answer)
    this.#server?.answered(key)
  }

  handedIn(schema: Assignment['task']['outputSchema']): Promise<HandedIn> {
    return handedIn(this.runDir, schema, this.journal.calls.output(attemptId))
  }

  async agent(): Promise<Client> {
    const { command, args } = bridgeOf(this.runDir)
    const client = new Client({ name: 'agent', version: '1' })
    await client.connect(new StdioClientTransport({ command, args: [...args] }))
    this.#clients.push(client)
    return client
  }

  /** A program that speaks to the socket by itself. */
  async stranger(greeting: Record<string, unknown>): Promise<Stranger> {
    return new Stranger(connect(placeOf(this.runDir).socket), greeting)
  }

  token(): string {
    return (JSON.parse(readFileSync(placeOf(this.runDir).directions, 'utf8')) as { token: string }).token
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close()
    await this.finish()
    this.journal[Symbol.dispose]()
    rmSync(this.dir, { recursive: true, force: true })
  }

  /** What the daemon says of the run. */
  own(step: OwnStep): void {
    this.steps.push(step)
    if (step.call !== undefined) this.journal.calls.keep(attemptId, step.call.key, step.call.answer)
  }
}

export class Stranger {
  readonly lines: string[] = []
  readonly closed: Promise<void>
  readonly socket: Socket

  constructor(socket: Socket, greeting: Record<string, unknown>) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => {})
    let rest = ''
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      this.lines.push(...lines)
    })
    this.say(greeting)
  }

  say(message: unknown): void {
    this.socket.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`)
  }
}

export async function call(client: Client, name: string, args: Record<string, unknown>): Promise<CallToolResult> {
  return (await client.callTool({ name, arguments: args }, { timeout: 60_000 })) as CallToolResult
}

export async function until(what: string, look: () => boolean, ms = 30_000): Promise<void> {
  for (const end = performance.now() + ms; !look(); await systemClock.sleep(10))
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
}

export function makePipe(path: string): void {
  execFileSync('mkfifo', [path])
}
