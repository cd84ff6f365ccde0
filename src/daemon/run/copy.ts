// A second copy of a run's memory, in the run's own folder: what a daemon goes on from when its journal was damaged or lost.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import type { RunState, Step } from './state.ts'

const name = 'state.json'

/** Replaced as a whole, not synced: the journal is the truth. A full disk, or a folder that the agent tampered with, leaves it as it was. */
export function keepCopy(runDir: string, state: RunState): void {
  const beside = join(runDir, `${name}.new`)
  try {
    mkdirSync(runDir, { recursive: true, mode: 0o700 })
    rmSync(beside, { recursive: true, force: true })
    writeFileSync(beside, JSON.stringify(state), { mode: 0o600, flag: 'wx' })
    renameSync(beside, join(runDir, name))
  } catch {
    // the journal has it
  }
}

/** To be called once the server has all of the run: what has no copy is not gone on with. */
export function dropCopy(runDir: string): void {
  rmSync(join(runDir, name), { force: true })
}

/** True while the run may have to be gone on with. */
export function hasCopy(runDir: string): boolean {
  return existsSync(join(runDir, name))
}

/**
 * The copies in the folder of all runs that are further than what the journal knows, made ready to go on from. What cannot be read is left
 * alone. A damaged journal may have been opened as it was some time ago.
 */
export function copiesBeside(runs: string, known: ReadonlyMap<string, RunState>): RunState[] {
  return readdirSync(runs).flatMap((attemptId) => {
    const state = readCopy(join(runs, attemptId))
    if (state?.assignment.attemptId !== attemptId) return []
    const journalled = known.get(attemptId)
    return journalled === undefined || isFurther(state, journalled) ? [toReplay(state)] : []
  })
}

const order: readonly Step[] = ['claimed', 'prepared', 'started', 'ended', 'captured', 'reported']

function isFurther(copy: RunState, journalled: RunState): boolean {
  const steps = order.indexOf(copy.step) - order.indexOf(journalled.step)
  return steps > 0 || (steps === 0 && copy.followSeq !== null && journalled.followSeq === null)
}

function readCopy(runDir: string): RunState | null {
  try {
    const text = readFileIfThere(join(runDir, name))
    return text === null ? null : (JSON.parse(text) as RunState) // written whole by keepCopy
  } catch {
    return null // a folder that is no run's, or a copy that a crash of the host cut
  }
}

/** Events that were not delivered were in the lost journal only: the output is read again from its start, with the same numbers. */
function toReplay(state: RunState): RunState {
  switch (state.step) {
    case 'claimed':
    case 'prepared':
    case 'started':
      return state
    case 'ended':
    case 'captured':
      return { ...state, step: 'started', replayOf: state.step }
    case 'reported':
      return { ...state, step: 'started', replayOf: 'captured' }
  }
}
