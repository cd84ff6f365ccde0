// Plays an adapter's part against a real agent process: its lines in, the adapter's lines out, a test's answers to what is asked.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Answer, Ask, Brief, ExitFacts, Harness, Line, Reduced, Verdict } from '../../src/daemon/harness/port.ts'
import type { EventBody } from '../../src/protocol/events.ts'

export interface Converse {
  readonly harness: Harness
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** As whom it runs; default: as the test does. */
  readonly user?: { readonly uid: number; readonly gid: number } | null
  readonly brief: Brief
  /** The first words, as `Launch.stdin` has them. */
  readonly opening: string
  /** What a person says to an ask; null: nothing, ever. */
  answer?(ask: Ask): Omit<Answer, 'key'> | null
  /** Called after each step; may say something more. */
  onStep?(step: Reduced<unknown>, say: (text: string) => void): void
  /** The adapter's state passes through JSON after each line, as at a restart of the daemon. */
  readonly restarts?: true
  /** What stays after `done` is ended after this, ms. */
  readonly graceMs?: number
  /** Then it is killed, ms. */
  readonly timeoutMs?: number
}

export interface Conversed {
  readonly verdict: Verdict
  readonly exit: ExitFacts
  readonly events: readonly EventBody[]
  readonly asks: readonly Ask[]
  readonly withdrawn: readonly string[]
  readonly sent: readonly string[]
  readonly lines: readonly Line[]
  readonly stderr: readonly string[]
  /** The adapter said that the work is over. */
  readonly done: boolean
  readonly timedOut: boolean
}

const defaultGraceMs = 300

export async function converse(input: Converse): Promise<Conversed> {
  const { harness, brief } = input
  const [file, ...args] = input.argv
  const as = input.user == null ? {} : { uid: input.user.uid, gid: input.user.gid }
  const child = spawn(file, args, { cwd: input.cwd, env: { ...input.env }, detached: true, stdio: 'pipe', ...as })
  const events: EventBody[] = []
  const asks: Ask[] = []
  const withdrawn: string[] = []
  const sent: string[] = []
  const lines: Line[] = []
  let state = harness.initial()
  let done = false
  let timedOut = false
  let grace: NodeJS.Timeout | null = null
  const killAll = () => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {
      // gone already
    }
  }
  const apply = (step: Reduced<unknown>) => {
    state = input.restarts === true ? JSON.parse(JSON.stringify(step.state)) : step.state
    events.push(...step.events)
    withdrawn.push(...(step.withdrawn ?? []))
    for (const line of step.send ?? []) {
      sent.push(line)
      child.stdin.write(`${line}\n`)
    }
    if (step.endInput === true) child.stdin.end()
    if (step.done === true && !done) {
      done = true
      grace = setTimeout(killAll, input.graceMs ?? defaultGraceMs)
    }
    input.onStep?.(step, (text) => {
      if (harness.message !== undefined) apply(harness.message(state, text, brief))
    })
    for (const ask of step.asks ?? []) {
      asks.push(ask)
      const answer = input.answer?.(ask) ?? null
      if (answer !== null && harness.answer !== undefined)
        apply(harness.answer(state, { key: ask.key, ...answer }, brief))
    }
  }
  const read = (stream: Line['stream']) => (text: string) => {
    const line = { stream, text }
    lines.push(line)
    apply(harness.reduce(state, line, brief))
  }
  child.stdin.on('error', () => {}) // an agent that left is judged by its words
  child.stdin.write(input.opening)
  createInterface({ input: child.stdout }).on('line', read('stdout'))
  createInterface({ input: child.stderr }).on('line', read('stderr'))
  const timer = setTimeout(() => {
    timedOut = true
    killAll()
  }, input.timeoutMs ?? 45_000)
  const exit = await new Promise<ExitFacts>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  clearTimeout(timer)
  if (grace !== null) clearTimeout(grace)
  const verdict = harness.finish(state, exit)
  const stderr = lines.filter((line) => line.stream === 'stderr').map((line) => line.text)
  return { verdict, exit, events, asks, withdrawn, sent, lines, stderr, done, timedOut }
}
