// One run of an agent, from outside: started so that it outlives the daemon, looked at, fed. What it does is in supervisor.sh.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import type { RunUser } from '../../lib/exec.ts'
import { startDetached } from '../../lib/exec.ts'
import { bootId, findProcess, isAlive, signalProcess } from '../../lib/proc.ts'
import type { Launch } from '../harness/port.ts'
import { makeCgroup, removeCgroup } from './containment/cgroup.ts'
import type { ContainmentChoice } from './containment/port.ts'
import { markerName } from './containment/sweep.ts'
import { checkProgram } from './program.ts'
import {
  type ExitRecord,
  makeRunFolder,
  type RunHandle,
  readDeadline,
  readExit,
  readHandle,
  readHeld,
  replaceSeconds,
  replaceWithHeld,
  type Stray,
} from './run-folder.ts'
import { installScript } from './script.ts'

export type { ExitRecord, RunHandle, Stray } from './run-folder.ts'

export interface RunStart {
  /** Made here, 0700; one per run. */
  readonly runDir: string
  /** Where the supervisor's script is kept. */
  readonly stateDir: string
  readonly argv: readonly [string, ...string[]]
  /** The agent's whole environment; the marker is added to it. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: Launch['stdin']
  /** The run's id, in the environment of the whole tree: the attempt's id. */
  readonly marker: string
  /** When the supervisor ends the tree by itself, ms since the epoch. */
  readonly deadlineAt: number | null
  /** The supervisor ends a run that no daemon has touched for this long; null: never. */
  readonly orphanAfterMs: number | null
  /** Between TERM and KILL when the supervisor ends the tree. Default 10 s. */
  readonly graceMs?: number
  /** From `chooseContainment`, asked once when the daemon starts. */
  readonly containment: ContainmentChoice
  /** Run supervisor and agent as this user; null: as the daemon's own. */
  readonly user?: RunUser | null
  /** Opens a terminal in which the given command runs; null or absent: it runs without one. `argv` must then be script(1)'s, see the script. */
  readonly terminal?: ((argv: readonly string[], env: RunStart['env']) => Promise<void>) | null
  /** Called with the run's cgroup, if it has one, before anything is in it. */
  readonly onCgroup?: (place: string) => void
  readonly clock: Clock
}

export type Look =
  | { readonly state: 'running'; readonly handle: RunHandle }
  | ({ readonly state: 'exited'; readonly handle: RunHandle | Stray | null } & ExitRecord)
  /** Neither a living supervisor nor an exit file. `left`: what to stop; null when the folder holds no run at all. */
  | { readonly state: 'lost'; readonly left: RunHandle | Stray | null }

const defaultGraceMs = 10_000
/** The supervisor writes its pid within 10 ms; a host that needs this long is not one to start agents on. */
const startTimeoutMs = 15_000
const startPauseMs = 1
/** Between the two looks that make a run lost. */
const secondLookMs = 1_000
const markerShape = /^[\w.-]{8,100}$/

/**
 * Starts the agent under a supervisor of its own and returns when both run (or the agent has ended already: ask `look`). Throws
 * `not_executable` when there is no such program or folder, `invalid_state` when the folder was used, and an Error with the supervisor's own
 * words when it does not come up.
 */
export async function startRun(start: RunStart): Promise<RunHandle> {
  const { runDir, clock, marker } = start
  if (!markerShape.test(marker)) throw new Error(`"${marker}" cannot mark a run: 8 to 100 letters, digits, _ . or -`)
  checkProgram(start.argv[0], start.env.PATH ?? '', start.cwd)
  const script = installScript(start.stateDir)
  const cgroup = start.containment.name === 'cgroup' ? makeCgroup(start.containment.root, marker) : null
  try {
    if (cgroup !== null) start.onCgroup?.(cgroup)
    const terminal = start.terminal ?? null
    const graceMs = start.graceMs ?? defaultGraceMs
    makeRunFolder({ ...start, graceMs, cgroup, now: clock.now(), terminal: terminal !== null })
    const { [markerName]: _, ...env } = start.env // the supervisor itself must not look like one of the run's processes
    const logPath = join(runDir, 'supervisor.log')
    const { cwd, user = null } = start
    if (user !== null) giveTo(user, { runDir, script, cgroup })
    const argv = [script, runDir, '--', ...start.argv]
    if (terminal !== null) {
      writeFileSync(logPath, '', { mode: 0o600 })
      await terminal(['/bin/sh', ...argv], env)
      return await awaitHandle(runDir, null, clock)
    }
    const pid = await startDetached('/bin/sh', argv, { cwd, env, logPath, user })
    return await awaitHandle(runDir, pid, clock)
  } catch (error) {
    if (cgroup !== null && readHandle(runDir)?.pid == null) await removeCgroup(cgroup, clock)
    throw error
  }
}

/** The run's folder is its supervisor's to write; the script that it runs stays the daemon's. */
function giveTo(
  user: RunUser,
  { runDir, script, cgroup }: { readonly runDir: string; readonly script: string; readonly cgroup: string | null },
): void {
  chmodSync(dirname(script), 0o711)
  chmodSync(script, 0o755)
  for (const name of ['', ...readdirSync(runDir)]) {
    const path = join(runDir, name)
    if (name === '' || lstatSync(path).isFile()) lchownSync(path, user.uid, user.gid)
  }
  if (cgroup !== null) chownSync(join(cgroup, 'cgroup.procs'), user.uid, user.gid)
}

/** What became of the run. Throws when that could not be seen: a failed look says nothing. */
export async function look(runDir: string): Promise<Look> {
  const handle = readHandle(runDir)
  const before = readExit(runDir)
  if (before !== null) return { state: 'exited', handle, ...before }
  if (handle !== null && handle.pid !== null && handle.boot === bootId()) {
    if (await isAlive(handle.pid, handle.startTime)) return { state: 'running', handle }
  }
  const after = readExit(runDir) // it may have ended between the two reads
  if (after !== null) return { state: 'exited', handle, ...after }
  return { state: 'lost', left: handle }
}

/** Looks, and looks again a second later if the run seems lost. Only a `lost` from here may be acted upon. */
export async function confirmLost(runDir: string, clock: Clock, signal?: AbortSignal): Promise<Look> {
  const first = await look(runDir)
  if (first.state !== 'lost') return first
  await clock.sleep(secondLookMs, signal)
  return await look(runDir)
}

/** Tells the supervisor that a daemon lives. To be called with each heartbeat. */
export function touchRun(runDir: string, now: number): void {
  replaceSeconds(runDir, 'touched', now)
}

/** Moves the deadline; null: none. The supervisor reads it within 30 s, or at the old deadline if that is sooner. */
export function setDeadline(runDir: string, at: number | null): void {
  replaceSeconds(runDir, 'deadline', at)
}

/** Moves the deadline, if there is one, by so much: the clock it is told in was set, or the host slept. */
export function shiftDeadline(runDir: string, byMs: number): void {
  const at = readDeadline(runDir)
  if (at !== null) replaceSeconds(runDir, 'deadline', at + byMs)
}

/** Takes the deadline away while the agent waits for a person; what was left of its time is kept in its place. May be repeated. */
export function holdDeadline(runDir: string, now: number): void {
  const at = readDeadline(runDir)
  if (at !== null) replaceWithHeld(runDir, at - now)
}

/** The agent goes on with the time it had left. Nothing happens when its deadline was not held. */
export function releaseDeadline(runDir: string, now: number): void {
  const leftMs = readHeld(runDir)
  if (leftMs !== null) replaceSeconds(runDir, 'deadline', now + leftMs)
}

/** Appends to the agent's standard input. Throws `invalid_state` unless it is a pipe that is still open. */
export async function appendStdin(runDir: string, text: string): Promise<void> {
  mustBeOpenPipe(runDir)
  appendFileSync(join(runDir, 'stdin.log'), text)
  await pokePump(runDir)
}

/** Gives the agent end-of-file once it has read all that was appended. May be repeated. */
export async function endStdin(runDir: string): Promise<void> {
  if (existsSync(join(runDir, 'stdin.end'))) return await pokePump(runDir)
  mustBeOpenPipe(runDir)
  writeFileSync(join(runDir, 'stdin.end'), '', { mode: 0o600 })
  await pokePump(runDir)
}

/** Makes the pump look now. After taking over a run from a dead daemon: that one may have died between append and poke. */
export async function pokePump(runDir: string): Promise<void> {
  const handle = readHandle(runDir)
  if (handle === null || handle.pid === null || handle.pump === null || handle.boot !== bootId()) return
  const pump = await findProcess(handle.pump.pid)
  if (pump !== null && pump.startTime === handle.pump.startTime) await signalProcess(pump, 'SIGUSR1')
}

function mustBeOpenPipe(runDir: string): void {
  if (!existsSync(join(runDir, 'stdin.log'))) {
    throw new Problem('invalid_state', `The run in "${runDir}" takes no further input: its stdin is not a pipe.`)
  }
  if (existsSync(join(runDir, 'stdin.end'))) {
    throw new Problem('invalid_state', `The run in "${runDir}" takes no further input: its stdin was ended.`)
  }
}

/** `pid`: the supervisor's; null where it is not known. */
async function awaitHandle(runDir: string, pid: number | null, clock: Clock): Promise<RunHandle> {
  const begun = clock.monotonic()
  while (clock.monotonic() - begun < startTimeoutMs) {
    const handle = readHandle(runDir)
    if (handle !== null && handle.pid !== null) return handle
    if (pid !== null && (await findProcess(pid)) === null && readHandle(runDir)?.pid == null) break
    await clock.sleep(startPauseMs)
  }
  const words = readFileSync(join(runDir, 'supervisor.log'), 'utf8').trim()
  throw new Error(`the supervisor of ${runDir} did not come up: ${words === '' ? 'it said nothing' : words}`)
}
