// What a failure is to a shell: one exit code and two lines, from one table.

import type { ProblemCode } from '../core/problem.ts'
import { Problem } from '../core/problem.ts'
import { oneLine } from './render/visible.ts'

export const exitCodes = {
  ok: 0,
  taskFailed: 1,
  taskCancelled: 3,
  daemonRunning: 5,
  versionTooOld: 7,
  usage: 64,
  unreachable: 69,
  /** A fault in Capstan itself (sysexits' EX_SOFTWARE). */
  software: 70,
  restart: 75,
  notAuthorised: 77,
  configuration: 78,
  timedOut: 124,
  interrupted: 130,
  terminated: 143,
} as const

/** What the user typed is 64, what the state of things forbids is 1, what the server cannot do now is 69. */
const codeOfProblem: Readonly<Partial<Record<ProblemCode, number>>> = {
  already_exists: 1,
  invalid_state: 1,
  in_use: 1,
  idempotency_conflict: 1,
  lease_lost: 1,
  workspace_failed: 1,
  daemon_running: exitCodes.daemonRunning,
  protocol_unsupported: exitCodes.versionTooOld,
  not_connected: exitCodes.unreachable,
  unavailable: exitCodes.unreachable,
  internal: exitCodes.unreachable,
  unauthorized: exitCodes.notAuthorised,
  forbidden: exitCodes.notAuthorised,
  origin_refused: exitCodes.notAuthorised,
  host_refused: exitCodes.notAuthorised,
  pool_connector_mismatch: exitCodes.notAuthorised,
  policy_refused: exitCodes.notAuthorised,
  configuration: exitCodes.configuration,
}

export function exitCodeOf(problem: Problem): number {
  return codeOfProblem[problem.code] ?? exitCodes.usage
}

/** Two lines: what failed with its value, and what to do. `remedy` takes the place of the table's, which a detail may already carry. */
export function failureLines(problem: Problem, remedy = problem.remedy): readonly string[] {
  const said = oneLine(problem.detail)
  const again = said.toLowerCase().endsWith(`; ${remedy.toLowerCase()}`)
  const detail = again ? said.slice(0, -remedy.length - 2) : said
  return [`capstan: ${detail || problem.message}`, `  ${remedy}`]
}

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EADDRINUSE: 'the address is in use by another program',
  EADDRNOTAVAIL: 'this machine does not have that address',
}

/** What the operating system refused, as a problem of the configuration; null for anything else. */
export function problemOfSystem(error: unknown): Problem | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  const why = words[String(error.code)]
  if (why === undefined) return null
  const what = 'path' in error ? String(error.path) : 'port' in error ? `port ${String(error.port)}` : error.message
  return new Problem('configuration', `cannot use ${what}: ${why}`, { cause: error })
}
