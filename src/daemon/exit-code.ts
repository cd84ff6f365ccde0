// What a server's refusal means for this process: the exit code, and whose mistake it is.

import { Problem } from '../core/problem.ts'

/** A name that the server does not know is this host's own configuration. */
export function asOurs(error: unknown): unknown {
  const named = error instanceof Problem && (error.code === 'unknown_pool' || error.code === 'unknown_profile')
  return named ? new Problem('configuration', error.detail, { cause: error }) : error
}

/** SPEC 6: 5 another daemon has this id, 7 version too old, 77 not authorised, 69 server unreachable, 78 configuration. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof Problem)) return 75
  if (error.code === 'daemon_running') return 5
  if (error.code === 'protocol_unsupported') return 7
  if (['unauthorized', 'forbidden', 'pool_connector_mismatch'].includes(error.code)) return 77
  return error.code === 'not_connected' ? 69 : 78
}
