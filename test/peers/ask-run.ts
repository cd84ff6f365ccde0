// One run of a real CLI that holds a conversation: the adapter's words go in, a test answers what it asks.

import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { passedBy, runEnvironment } from '../../src/daemon/harness/environment.ts'
import { nothingGiven } from '../../src/daemon/harness/given.ts'
import type { Ask, RunInput } from '../../src/daemon/harness/port.ts'
import { makeHostProbe } from '../../src/daemon/harness/probe.ts'
import type { Autonomy } from '../../src/protocol/task.ts'
import type { Conversed } from '../fakes/converse.ts'
import { converse } from '../fakes/converse.ts'
import type { Mode } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import { pathFor } from './adapter-run.ts'
import type { Peer } from './peers.ts'

export interface AskOptions {
  readonly root: string
  readonly server: ModelServer
  readonly mode: Mode
  readonly autonomy: Autonomy
  /** What a person says to whatever is asked. */
  readonly says: 'allow' | 'deny' | 'nothing'
  readonly timeoutMs?: number
  /** Whether the repository's own configuration counts; default true. */
  readonly trusted?: boolean
  /** Fills the workspace before the run. */
  fill?(workspace: string): Promise<void>
  /** The session of an earlier run, to resume it where it was. */
  readonly resume?: { readonly sessionRef: string; readonly run: AskRun }
}

export interface AskRun extends Conversed {
  readonly workspace: string
  readonly home: string
  readonly wallMs: number
}

/** A run that takes longer is ended and counts as cut, ms. */
const runMs = 60_000

/** Gemini CLI needs up to a second to write its conversation down, ms. */
const leaveMs = 3_000

export async function askPeer(peer: Peer, options: AskOptions): Promise<AskRun> {
  const { harness } = peer
  const folder = await mkdtemp(join(options.root, `${harness.name}-ask-${options.mode}-`))
  const { home, workspace } = options.resume?.run ?? {
    home: join(folder, 'home'),
    workspace: join(folder, 'workspace'),
  }
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
  const input = inputOf(folder, workspace, options, runEnvironment({ ...base, switches: {} }))
  const launch = harness.launch(input)
  writeFiles(input.filesDir, launch.files ?? [])
  const [program, ...args] = launch.argv
  const startedAt = performance.now()
  const talked = await converse({
    harness,
    argv: [probe.which(program) ?? program, ...args],
    env: runEnvironment({ ...base, switches: launch.env }),
    cwd: workspace,
    brief: input,
    opening: launch.stdin.kind === 'null' ? '' : launch.stdin.text,
    answer: (ask) => answerTo(ask, options.says),
    graceMs: leaveMs,
    timeoutMs: options.timeoutMs ?? runMs,
  })
  return { ...talked, workspace, home, wallMs: performance.now() - startedAt }
}

function answerTo(ask: Ask, says: AskOptions['says']) {
  if (says === 'nothing') return null
  const option = ask.options.find(({ grants }) => grants === says)
  return { optionId: option?.id ?? null, text: null }
}

function writeFiles(folder: string, files: readonly { readonly name: string; readonly text: string }[]): void {
  if (files.length === 0) return
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const { name, text } of files) writeFileSync(join(folder, name), text, { mode: 0o600 })
}

function inputOf(folder: string, cwd: string, options: AskOptions, env: Record<string, string>): RunInput {
  const prompt = 'Write one line into a file, then say that you are done.'
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
    given: nothingGiven,
  }
}
