// Ends the whole process tree of a run, whatever it forked, and proves it.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { bootId, isAlive, listProcesses, type ProcessInfo, signalProcess } from '../../lib/proc.ts'
import { cgroup } from './containment/cgroup.ts'
import type { Containment } from './containment/port.ts'
import { supervisorAndHelpers, sweep } from './containment/sweep.ts'
import type { RunHandle, Stray } from './run-folder.ts'

export interface StopOptions {
  /** Between TERM and KILL. 0: KILL at once. */
  readonly graceMs: number
  readonly clock: Clock
  readonly signal?: AbortSignal
}

const firstPauseMs = 10
const longestPauseMs = 200
/** KILL needs a few milliseconds; what lives after this is in the kernel (a dead network disk) or another user's. */
const killTimeoutMs = 5_000
const killPauseMs = 10
const cleanLooks = 2
/** The supervisor writes its exit file within a few milliseconds of the agent's end. */
const exitTimeoutMs = 2_000

/**
 * TERM to every process of the run, grace, KILL until two looks in a row find none. Returns the pids that are still alive (empty: proven
 * gone). The supervisor is spared, so that it writes `exit`, which is waited for; if it is dead, its helpers are ended too. Also for
 * leftovers after a normal end; may be repeated. Rejects with the signal's reason when that aborts, and when the process table cannot be read.
 */
export async function stopTree(
  run: RunHandle | Stray,
  options: StopOptions,
): Promise<{ survivors: readonly number[] }> {
  const target = ofThisBoot(run)
  const containment = containmentOf(target, options.clock)
  const looked = options.graceMs > 0 && (await terminate(containment, options)) ? 1 : 0
  const survivors = await kill(containment, options, looked)
  if (survivors.length === 0) {
    await containment.release()
    await settleSupervisor(target, options)
  }
  return { survivors: survivors.map((each) => each.pid) }
}

/** After a reboot pids and groups mean other processes; only the marker may still be believed, and the cgroup is gone. */
function ofThisBoot(run: RunHandle | Stray): RunHandle | Stray {
  if (run.pid === null || run.boot === bootId()) return run
  const { runDir, marker, containment, cgroup: place } = run
  return { runDir, marker, containment, cgroup: place, pid: null }
}

function containmentOf(run: RunHandle | Stray, clock: Clock): Containment {
  return run.cgroup === null ? sweep(run) : cgroup(run, run.cgroup, clock)
}

/** True when its last look found none. */
async function terminate(containment: Containment, { graceMs, clock, signal }: StopOptions): Promise<boolean> {
  const end = clock.monotonic() + graceMs
  const told = new Map<number, string>()
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const members = await containment.members()
    if (members.length === 0) return true
    for (const each of members) {
      if (told.get(each.pid) === each.startTime) continue
      told.set(each.pid, each.startTime)
      await signalProcess(each, 'SIGTERM')
      // A stopped process would take its TERM only when continued.
      if (each.state === 'T') await signalProcess(each, 'SIGCONT')
    }
    const left = end - clock.monotonic()
    if (left <= 0) return false
    await clock.sleep(Math.min(pauseMs, left), signal)
  }
}

/** `looked`: how many looks in a row have found none already. */
async function kill(
  containment: Containment,
  { clock, signal }: StopOptions,
  looked: number,
): Promise<readonly ProcessInfo[]> {
  const end = clock.monotonic() + killTimeoutMs
  let clean = looked
  while (true) {
    const members = await containment.members()
    clean = members.length === 0 ? clean + 1 : 0
    if (clean === cleanLooks || (clean === 0 && clock.monotonic() >= end)) return members
    if (clean > 0) continue
    await containment.killAtOnce()
    for (const each of members) await signalProcess(each, 'SIGKILL')
    await clock.sleep(killPauseMs, signal)
  }
}

async function settleSupervisor(run: RunHandle | Stray, options: StopOptions): Promise<void> {
  const { clock, signal } = options
  if (run.pid === null) return
  const end = clock.monotonic() + exitTimeoutMs
  while (!existsSync(join(run.runDir, 'exit'))) {
    if (!(await isAlive(run.pid, run.startTime))) return await endHelpers(run, options)
    if (clock.monotonic() >= end) return
    await clock.sleep(killPauseMs, signal)
  }
}

/** A supervisor that was killed leaves its ticker and pump, which nobody needs now. Fathers first, so that none starts another sleep. */
async function endHelpers(run: RunHandle, { clock, signal }: StopOptions): Promise<void> {
  const all = await listProcesses()
  const helpers = await supervisorAndHelpers(run, all)
  const rank = (each: ProcessInfo) => (helpers.has(each.ppid) ? 1 : 0)
  const fathersFirst = all.filter((each) => helpers.has(each.pid)).sort((a, b) => rank(a) - rank(b))
  for (const each of fathersFirst) await signalProcess(each, 'SIGKILL')
  const end = clock.monotonic() + exitTimeoutMs
  for (const each of fathersFirst) {
    while (clock.monotonic() < end && (await isAlive(each.pid, each.startTime))) await clock.sleep(killPauseMs, signal)
  }
}
