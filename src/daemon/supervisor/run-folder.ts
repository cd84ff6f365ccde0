// The files of one run: what the daemon writes for its supervisor, and how what the supervisor wrote is read.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import type { Launch } from '../harness/port.ts'
import type { ContainmentName } from './containment/port.ts'

/** A run as plain JSON: enough to follow, feed and stop it after any restart of the daemon. */
export interface RunHandle {
  readonly runDir: string
  readonly marker: string
  /** The host's boot; a handle of another boot names nothing. */
  readonly boot: string
  /** The supervisor. */
  readonly pid: number
  readonly startTime: string
  readonly agentPid: number
  readonly agentStartTime: string
  /** The agent's process group; equals `pid` on hosts where the agent could not get one of its own. */
  readonly groupId: number
  /** Feeds stdin.log to the agent; null unless its stdin is a pipe. */
  readonly pump: { readonly pid: number; readonly startTime: string } | null
  readonly containment: ContainmentName
  readonly cgroup: string | null
}

/** What is left of a run whose supervisor never wrote its `pid` file: only the marker finds its processes. */
export interface Stray {
  readonly runDir: string
  readonly marker: string
  readonly pid: null
  readonly containment: ContainmentName
  readonly cgroup: string | null
}

export interface ExitRecord {
  /** As the shell reads it: 128+n when signal n ended the agent; 126 or 127 when it could not be executed. */
  readonly code: number
  /** The name of that signal; null when the code stands for none. */
  readonly signal: string | null
  /** `deadline` and `orphaned`: the supervisor ended the agent's tree by itself. `hangup`: its terminal went away first. */
  readonly cause: 'exited' | 'deadline' | 'orphaned' | 'hangup'
  /** When the agent ended, in the unit of start times. */
  readonly ended: string
}

export interface RunFolderInput {
  readonly runDir: string
  readonly marker: string
  readonly stdin: Launch['stdin']
  readonly deadlineAt: number | null
  readonly orphanAfterMs: number | null
  readonly graceMs: number
  readonly cgroup: string | null
  readonly now: number
  /** It runs in the foreground of a terminal. */
  readonly terminal?: boolean
}

/**
 * Makes the folder (0700) with everything the supervisor reads. Refuses one that a run has used. As few files as can be: making one costs
 * up to a millisecond, and the agent waits for it.
 */
export function makeRunFolder(input: RunFolderInput): void {
  const { runDir, stdin } = input
  mkdirSync(runDir, { recursive: true, mode: 0o700 })
  if (readFileIfThere(join(runDir, 'run')) !== null) {
    throw new Problem('invalid_state', `The run folder "${runDir}" was used before; each run needs a fresh one.`)
  }
  const fields = {
    marker: input.marker,
    cgroup: input.cgroup ?? '',
    grace: seconds(input.graceMs),
    orphan: seconds(input.orphanAfterMs),
    deadline: seconds(input.deadlineAt),
    touched: seconds(input.now),
    terminal: input.terminal === true ? '1' : '',
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}=${value}\n`)
  writeNew(runDir, 'run', lines.join(''))
  writeNew(runDir, 'stdout.log', '')
  writeNew(runDir, 'stderr.log', '')
  if (stdin.kind === 'file') writeNew(runDir, 'stdin.txt', stdin.text)
  if (stdin.kind === 'pipe') writeNew(runDir, 'stdin.log', stdin.text)
}

/**
 * Writes a time for the supervisor as whole seconds, rounded up; null: none. Replaced by rename, so that no half number is read; not
 * synced, because after a power loss the run is gone too.
 */
export function replaceSeconds(runDir: string, name: 'deadline' | 'touched', atMs: number | null): void {
  replace(runDir, name, seconds(atMs))
}

/** No deadline for now: the supervisor takes what is no number for none. Kept is what was left of the time, ms. */
export function replaceWithHeld(runDir: string, leftMs: number): void {
  replace(runDir, 'deadline', `held ${Math.max(0, Math.ceil(leftMs))}`)
}

/** What was left of the time when the deadline was taken away, ms; null: it was not. */
export function readHeld(runDir: string): number | null {
  const held = /^held (\d+)\s*$/.exec(readFileIfThere(join(runDir, 'deadline')) ?? '')
  return held === null ? null : Number(held[1])
}

function replace(runDir: string, name: string, text: string): void {
  const beside = join(runDir, `${name}.new`)
  rmSync(beside, { recursive: true, force: true }) // the agent may have put a folder or a pipe there
  writeFileSync(beside, `${text}\n`, { mode: 0o644, flag: 'wx' }) // the supervisor may be another user's; the folder is 0700
  renameSync(beside, join(runDir, name))
}

/** When the supervisor will end the run, ms since the epoch; null: never. */
export function readDeadline(runDir: string): number | null {
  const replaced = readFileIfThere(join(runDir, 'deadline'))
  const text = replaced ?? readFields(readFileIfThere(join(runDir, 'run')) ?? '').get('deadline') ?? ''
  return /^\d+$/.test(text.trim()) ? Number(text.trim()) * 1_000 : null
}

/** What the folder says about its run; null when no run was started in it. */
export function readHandle(runDir: string): RunHandle | Stray | null {
  const settings = readFields(readFileIfThere(join(runDir, 'run')) ?? '')
  const marker = settings.get('marker')
  if (marker === undefined || marker === '') return null
  const cgroup = settings.get('cgroup') || null
  const place = { runDir, marker, containment: cgroup === null ? ('sweep' as const) : ('cgroup' as const), cgroup }
  const text = readFileIfThere(join(runDir, 'pid'))
  // Whole with its last line: it is not made aside and renamed, which would be another process to wait for.
  if (text === null || !/^pump=.*\n/m.test(text)) return { ...place, pid: null }
  const fields = readFields(text)
  const [supervisor, agent, pump] = ['supervisor', 'agent', 'pump'].map((name) => reference(fields.get(name)))
  if (supervisor == null || agent == null) return { ...place, pid: null }
  return {
    ...place,
    boot: fields.get('boot') ?? '',
    pid: supervisor.pid,
    startTime: supervisor.startTime,
    agentPid: agent.pid,
    agentStartTime: agent.startTime,
    groupId: Number(fields.get('group')),
    pump: pump ?? null,
  }
}

/** The exit file, or null while there is none. */
export function readExit(runDir: string): ExitRecord | null {
  const text = readFileIfThere(join(runDir, 'exit'))
  if (text === null) return null
  const fields = readFields(text)
  const code = Number(fields.get('code'))
  const cause = fields.get('cause')
  return {
    code,
    signal: signalName(code),
    cause: cause === 'deadline' || cause === 'orphaned' || cause === 'hangup' ? cause : 'exited',
    ended: fields.get('ended') ?? '',
  }
}

/** Rounded up: a supervisor never acts early. */
function seconds(ms: number | null): string {
  return ms === null ? '' : String(Math.ceil(ms / 1_000))
}

function signalName(code: number): string | null {
  if (code <= 128) return null
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0] ?? null
}

function writeNew(runDir: string, name: string, text: string): void {
  writeFileSync(join(runDir, name), text, { mode: 0o600, flag: 'wx' })
}

function readFields(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=')
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const]
    }),
  )
}

function reference(field: string | undefined): { pid: number; startTime: string } | null {
  const found = /^(\d+) (.*)$/.exec(field ?? '')
  return found === null ? null : { pid: Number(found[1]), startTime: found[2] ?? '' }
}
