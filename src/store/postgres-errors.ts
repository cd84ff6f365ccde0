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

/**
 * Why a store could not be opened: what the address or the account is to be blamed for is the configuration's, an unreachable database is
 * away, anything else is thrown on as it is. Never names the password.
 */
export function unopened(error: unknown, url: string): unknown {
  const at = placeOf(url)
  const cause = error instanceof Problem && error.code === 'unavailable' ? error.cause : error
  if (cause instanceof Problem || !(cause instanceof Error)) return error
  const code = codeOf(cause)
  if (code === '3D000')
    return refused(`${at}: the database does not exist; make it with createdb, or correct --database`)
  if (code.startsWith('28') || /^SASL:/.test(cause.message))
    return refused(`${at} refuses the user or the password (${cause.message}); correct --database`)
  if (code === '42501')
    return refused(`${at}: the user may not make tables (${cause.message}); grant it CREATE on the schema`)
  if (code === 'ERR_INVALID_URL')
    return refused(`--database is not a valid address; it looks like postgres://user@host:5432/name`)
  if (/SSL|certificate|self.signed/i.test(`${code} ${cause.message}`))
    return refused(`${at}: TLS failed (${cause.message}); correct sslmode in --database`)
  if (!isOutage(cause)) return error
  return new Problem(
    'unavailable',
    `${at} cannot be reached (${saidBy(cause)}); start PostgreSQL, or correct --database`,
    {
      cause,
    },
  )

  function refused(detail: string): Problem {
    return new Problem('configuration', detail, { cause })
  }
}

function placeOf(url: string): string {
  const parsed = URL.parse(url)
  return parsed === null ? 'PostgreSQL' : `PostgreSQL ${parsed.host}${parsed.pathname}`
}

/** A host with several addresses fails with one error for each, and no words of its own. */
function saidBy(error: Error): string {
  const [first]: unknown[] = error instanceof AggregateError ? error.errors : []
  return first instanceof Error ? first.message : error.message
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
