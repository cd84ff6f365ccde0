// One run of a real CLI exactly as its adapter asks for it, read by the adapter, without the rest of Capstan.

import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { passedBy, runEnvironment } from '../../src/daemon/harness/environment.ts'
import { nothingGiven } from '../../src/daemon/harness/given.ts'
import type { Brief, Given, Line, RunInput, Verdict } from '../../src/daemon/harness/port.ts'
import { makeHostProbe } from '../../src/daemon/harness/probe.ts'
import { processEnv } from '../../src/lib/env.ts'
import { exec } from '../../src/lib/exec.ts'
import type { EventBody } from '../../src/protocol/events.ts'
import { linesOf } from '../fakes/agent-play.ts'
import type { Mode } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import type { Peer } from './peers.ts'

export interface Outcome {
  readonly version: string | null
  readonly verdict: Verdict
  readonly events: readonly EventBody[]
  readonly exit: string
  readonly wallMs: number
  readonly workspace: string
  /** The files in which the adapter says the conversation is kept; null: it does not say. */
  readonly sessionFiles: readonly string[] | null
}

export interface RunOptions {
  readonly root: string
  readonly server: ModelServer
  readonly mode: Mode
  readonly autonomy: 'full' | 'edit'
  /** After this the run's group gets SIGKILL, ms. */
  readonly timeoutMs?: number
  /** The session and the home of an earlier outcome, to resume it. */
  readonly resume?: { readonly sessionRef: string; readonly workspace: string; readonly home: string }
  readonly prompt?: string
  /** What it is given beside the prompt. */
  readonly given?: Given
  /** Whether the repository's own configuration counts; default true. */
  readonly trusted?: boolean
  /** Fills the workspace before the run. */
  fill?(workspace: string): Promise<void>
}

export const firstPrompt = 'Write one line into a file, then say that you are done.'

/** A run that takes longer is ended and counts as cut, ms. */
const runMs = 60_000

/** PATH with the peer first, then this Node: the system's may be too old for a peer. */
export function pathFor(peer: Peer): string {
  const own = join(peer.folder, 'node_modules', '.bin')
  return [own, dirname(process.execPath), processEnv().PATH ?? ''].join(delimiter)
}

export async function runPeer(peer: Peer, options: RunOptions): Promise<Outcome> {
  const { harness } = peer
  const folder = await mkdtemp(join(options.root, `${harness.name}-${options.mode}-`))
  const home = options.resume?.home ?? join(folder, 'home')
  const workspace = options.resume?.workspace ?? join(folder, 'workspace')
  const tmpDir = join(folder, 'tmp')
  for (const made of [home, workspace, tmpDir]) mkdirSync(made, { recursive: true })
  await options.fill?.(workspace)
  const own = peer.configure(home, options.server, options.mode)
  const host = { PATH: pathFor(peer), HOME: home, TERM: 'dumb', LANG: 'C.UTF-8', ...own }
  const probe = makeHostProbe(host)
  const found = await harness.detect(probe)
  if (!found.ready) throw new Error(`${harness.name} is not ready: ${found.problem}`)
  const run = { runId: 'run_peer', taskId: 'task_peer', attempt: 1, tmpDir }
  const base = { host, secrets: {}, harness: passedBy(harness, probe), profile: [], run }
  const input = runInput(folder, workspace, options, runEnvironment({ ...base, switches: {} }))
  const launch = harness.launch(input)
  mkdirSync(input.filesDir, { recursive: true })
  for (const { name, text } of launch.files ?? []) {
    const path = join(input.filesDir, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text, { mode: 0o600 })
  }
  const env = runEnvironment({ ...base, switches: launch.env })
  const [program, ...args] = launch.argv
  const stdin = launch.stdin.kind === 'null' ? '' : launch.stdin.text
  const startedAt = performance.now()
  const timeoutMs = options.timeoutMs ?? runMs
  const ran = await exec(probe.which(program) ?? program, args, { cwd: workspace, env, input: stdin, timeoutMs })
  const wallMs = performance.now() - startedAt
  const lines = [...linesOf(ran.stdout.toString('utf8'), 'stdout'), ...linesOf(ran.stderr, 'stderr')]
  const read = reduceAll(peer, lines, input)
  const verdict = harness.finish(read.state, { code: ran.code, signal: ran.signal })
  const exit = ran.signal ?? String(ran.code)
  const session = { ref: verdict.sessionRef ?? '', cwd: workspace }
  const sessionFiles = harness.sessionFiles?.(probe, session) ?? null
  return { version: found.version, verdict, events: read.events, exit, wallMs, workspace, sessionFiles }
}

function reduceAll(peer: Peer, lines: readonly Line[], brief: Brief): { state: unknown; events: readonly EventBody[] } {
  let state = peer.harness.initial()
  const events: EventBody[] = []
  for (const line of lines) {
    const step = peer.harness.reduce(state, line, brief)
    state = step.state
    events.push(...step.events)
  }
  return { state, events }
}

function runInput(folder: string, cwd: string, options: RunOptions, env: Record<string, string>): RunInput {
  const prompt = options.prompt ?? firstPrompt
  const promptFile = join(folder, 'prompt')
  writeFileSync(promptFile, prompt, { mode: 0o600 })
  return {
    prompt,
    promptFile,
    cwd,
    model: null,
    autonomy: options.autonomy,
    maxTurns: null,
    sessionRef: options.resume?.sessionRef ?? null,
    trusted: options.trusted ?? true,
    asRoot: process.getuid?.() === 0,
    env,
    mcp: null,
    filesDir: join(folder, 'files'),
    given: options.given ?? nothingGiven,
  }
}
