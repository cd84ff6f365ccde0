// A conversation with a real process that asks, and daemons that follow it, die and start again.

import { join, resolve } from 'node:path'
import type { Harness, Reduced } from '../../../src/daemon/harness/port.ts'
import { shell } from '../../../src/daemon/harness/shell.ts'
import type { Journal } from '../../../src/daemon/journal/journal.ts'
import { openJournal } from '../../../src/daemon/journal/journal.ts'
import type { OutboxRow } from '../../../src/daemon/journal/outbox-rows.ts'
import type { Following } from '../../../src/daemon/run/agent.ts'
import { followAgent } from '../../../src/daemon/run/agent.ts'
import type { RunDeps } from '../../../src/daemon/run/deps.ts'
import { awaitExit } from '../../../src/daemon/run/ending.ts'
import type { Given } from '../../../src/daemon/run/inbox.ts'
import { Inbox } from '../../../src/daemon/run/inbox.ts'
import { inputSize } from '../../../src/daemon/run/input.ts'
import type { RunHandle } from '../../../src/daemon/supervisor/run.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import type { EventBody } from '../../../src/protocol/events.ts'
import type { Assignment } from '../../../src/protocol/link.ts'
import { RunWorld, text, until } from '../supervisor/run-world.ts'

const agentFile = resolve(import.meta.dirname, '../../fakes/asking-agent.ts')
export const attemptId = 'att_talk0001'
export const options = [
  { id: 'y', label: 'Allow', grants: 'allow' },
  { id: 'n', label: 'Deny', grants: 'deny' },
] as const

/** Speaks with test/fakes/asking-agent.ts. Its state counts what it read, so that a lost step would show. */
export const asking: Harness<number> = {
  ...shell,
  name: 'asking',
  initial: () => 0,
  reduce: (state, line): Reduced<number> => {
    if (line.stream === 'stderr') return { state, events: [{ type: 'text', text: `stderr ${line.text}` }] }
    const said = JSON.parse(line.text) as { type: string; id?: string; command?: string; line?: string } // the fake's
    const next = state + 1
    const event: EventBody = { type: 'text', text: `${next} ${said.type} ${said.id ?? said.line ?? ''}`.trim() }
    if (said.type === 'hello') return { state: next, events: [event], send: ['{"hello":1}'] }
    if (said.type === 'done') return { state: next, events: [event], endInput: true }
    if (said.type !== 'ask') return { state: next, events: [event] }
    const command = said.command ?? ''
    const ask = { key: said.id ?? '', kind: 'permission', title: command, body: { command }, options, command } as const
    return { state: next, events: [event], asks: [ask] }
  },
  answer: (state, { key, optionId, text: words }) => {
    const decision = optionId === 'y' ? 'allow' : 'deny'
    return { state, events: [], send: [JSON.stringify({ id: key, decision, ...(words === null ? {} : { words }) })] }
  },
  message: (state, words) => ({ state, events: [], send: [JSON.stringify({ words })] }),
  unread: () => [],
  cancel: (state) => ({ state, events: [] }),
  finish: () => ({ ok: true, usage: null, costUsd: null, model: null, sessionRef: null, lastText: null }),
}

/** One run of the asking agent. */
export class TalkWorld implements AsyncDisposable {
  readonly #run = new RunWorld()
  #handle: RunHandle | null = null
  /** How much of its standard input the agent was started with, bytes. */
  base: number | null = null

  get dir(): string {
    return this.#run.dir
  }

  get journalPath(): string {
    return join(this.dir, 'journal.sqlite')
  }

  get handle(): RunHandle {
    if (this.#handle === null) throw new Error('not started')
    return this.#handle
  }

  async start(script: readonly { id: string; command: string }[], deadlineAt: number | null = null): Promise<void> {
    const argv = [process.execPath, agentFile, JSON.stringify(script)] as const
    this.#handle = await this.#run.start(argv, { stdin: { kind: 'pipe', text: '{"first":1}\n' }, deadlineAt })
    this.base = inputSize(this.#handle.runDir)
  }

  daemon(more: DaemonOptions = {}): Daemon {
    return new Daemon(this, more)
  }

  /** What reached the agent, as it echoed it. */
  heard(): string[] {
    return text(this.handle, 'stdout.log')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { type: string; line?: string }) // the fake's
      .flatMap(({ type, line }) => (type === 'got' && line !== undefined ? [line] : []))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run[Symbol.asyncDispose]()
  }
}

export interface DaemonOptions extends Partial<Pick<Following, 'rules' | 'approvers'>> {
  readonly secrets?: Record<string, string>
  readonly harness?: Harness<number>
}

/** One start of the daemon. */
export class Daemon {
  readonly journal: Journal
  readonly events: EventBody[] = []
  readonly inbox = new Inbox()
  readonly standing: boolean[] = []
  readonly #gone = new AbortController()
  readonly ended: Promise<unknown>

  constructor(world: TalkWorld, more: DaemonOptions = {}) {
    this.journal = openJournal(world.journalPath, 1).journal
    this.journal.saveRun({ attemptId, taskId: 'task_a', epoch: 1, n: 1, step: 'started', data: null })
    const probe = { env: {}, which: () => null, output: async () => null, read: () => null, list: () => [] }
    const log = { warn: () => {}, info: () => {}, debug: () => {}, error: () => {} }
    const secrets = () => more.secrets ?? {}
    // only what following uses
    const deps = {
      journal: this.journal,
      clock: systemClock,
      env: {},
      secrets,
      probe: () => probe,
      poke: () => {},
      places: { dataDir: world.dir, capstanHome: world.dir, secretDir: null },
      log,
    }
    const task = { id: 'task_a', prompt: 'x', budgets: {}, autonomy: 'ask' }
    const assignment = { attemptId, epoch: 1, n: 1, task, profile: null } as unknown as Assignment // the same
    const { signal } = this.#gone
    this.ended = followAgent(deps as unknown as RunDeps, {
      assignment,
      runDir: world.handle.runDir,
      harness: (more.harness ?? asking) as Harness, // its state is its own affair
      workspace: null,
      cwd: world.dir,
      ended: awaitExit(world.handle.runDir, systemClock, signal),
      signal,
      inbox: this.inbox,
      rules: more.rules ?? [],
      approvers: more.approvers ?? null,
      inputBase: world.base,
      onUsed: () => {},
      onEvents: (said) => this.events.push(...said),
      onTalk: ({ standing }) => this.standing.push(standing),
    })
    this.ended.catch(() => {}) // killed
  }

  /** As kill -9 leaves it: nothing more is done or written. */
  async die(): Promise<void> {
    this.#gone.abort(new Error('killed'))
    await this.ended.catch(() => {})
    this.journal[Symbol.dispose]()
  }

  rows(kind: OutboxRow['kind']): OutboxRow[] {
    return this.journal.pending(-1).filter((row) => row.kind === kind)
  }

  requests() {
    return this.journal.pending(-1).flatMap((row) => (row.kind === 'request' ? [row.body] : []))
  }

  async asked(count: number): Promise<string[]> {
    await until(() => this.requests().length === count, `${count} requests`)
    return this.requests().map(({ requestId }) => requestId)
  }

  async answer(requestId: string | undefined, optionId: string | null, words: string | null = null): Promise<void> {
    await this.inbox.put(answerOf(requestId, optionId, words))
  }
}

export function answerOf(requestId: string | undefined, optionId: string | null, words: string | null = null): Given {
  return { kind: 'answer', requestId: requestId ?? '', optionId, text: words, by: 'user:ann' }
}

export const words = (seq: number, said: string): Given => ({ kind: 'message', seq, text: said, by: 'user:ann' })

export const two = [
  { id: 'a', command: 'touch a.txt' },
  { id: 'b', command: 'touch b.txt' },
]
export const greeting = ['{"first":1}', '{"hello":1}']
