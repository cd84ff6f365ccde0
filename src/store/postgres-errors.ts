// What PostgreSQL's failures mean to a caller: try again, come back later, or a defect of ours.

import { Problem } from '../core/problem.ts'

/** Serialization failure, deadlock: the database chose a victim; the same command again succeeds. */
const conflicts = new Set(['40001', '40P01'])
/** Admin shutdown, crash shutdown, cannot connect now, too many connections, query cancelled, idle or transaction timeout, disk full. */
const outages = new Set(['57P01', '57P02', '57P03', '53300', '57014', '25P03', '25P04', '53100', '25006'])

const pgWords =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout e|Query read timeout|Cannot use a pool)/

/** True when running the whole command again is the remedy. */
export function isConflict(error: unknown): boolean {
  return conflicts.has(codeOf(error))
}

/** Problems pass; a database that is away becomes Problem `unavailable`; anything else is thrown on as it is. */
export function translated(error: unknown): unknown {
  if (!isOutage(error) && !isConflict(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new Problem('unavailable', `PostgreSQL could not answer: ${message}`, { cause: error })
}

/** True when the database or the way to it failed, not the command. */
export function isOutage(error: unknown): boolean {
  if (error instanceof Problem) return false
  const code = codeOf(error)
  return code.startsWith('08') || outages.has(code) || isSocketFailure(code, error)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function isSocketFailure(code: string, error: unknown): boolean {
  if (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_)/.test(code)) return true
  // pg's own words have no code.
  return code === '' && error instanceof Error && pgWords.test(error.message)
}
