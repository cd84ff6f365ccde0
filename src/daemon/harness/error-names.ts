// Typed errors of the CLIs as our classes, whichever way each of them writes the names.

import type { ErrorClass } from '../../protocol/events.ts'
import { classify } from './failure.ts'
import { numberOf, objectOf, textOf } from './json.ts'

const classes: Readonly<Record<string, ErrorClass>> = {
  usage_limit_exceeded: 'quota',
  insufficient_quota: 'quota',
  rate_limit: 'rate_limit',
  rate_limit_exceeded: 'rate_limit',
  unauthorized: 'auth',
  auth_required: 'auth',
  authentication_failed: 'auth',
  authentication_required: 'auth',
  billing_error: 'billing',
  model_not_found: 'model_invalid',
  overloaded: 'overloaded',
  server_error: 'overloaded',
  server_overloaded: 'overloaded',
  internal_server_error: 'overloaded',
  http_connection_failed: 'network',
  response_stream_connection_failed: 'network',
  response_stream_disconnected: 'network',
  response_too_many_failed_attempts: 'network',
  context_window_exceeded: 'context_full',
  cyber_policy: 'refused',
  misalignment_policy_violation: 'refused',
}

/**
 * `named`: `usageLimitExceeded`, `usage_limit_exceeded`, or an object of one such name with the HTTP status inside. `words` make it finer:
 * a rate limit may be a spent quota.
 */
export function classOfError(named: unknown, words: string): ErrorClass | null {
  const told = classify(words)
  const known = nameOf(named)
  if (known === null) return told
  const byStatus = known.status === null ? null : classOfStatus(known.status)
  const byName = Object.hasOwn(classes, known.name) ? (classes[known.name] ?? null) : null
  const kind = byStatus ?? byName
  return kind === null || (kind === 'rate_limit' && told === 'quota') ? told : kind
}

/** What an HTTP status says by itself. */
export function classOfStatus(status: number): ErrorClass | null {
  if (status === 401 || status === 403) return 'auth'
  if (status === 402) return 'billing'
  if (status === 429) return 'rate_limit'
  return status >= 500 && status <= 599 ? 'overloaded' : null
}

function nameOf(named: unknown): { readonly name: string; readonly status: number | null } | null {
  const text = textOf(named)
  if (text !== null) return { name: snake(text), status: null }
  const [entry] = Object.entries(objectOf(named) ?? {})
  if (entry === undefined) return null
  const inside = objectOf(entry[1])
  return { name: snake(entry[0]), status: numberOf(inside?.httpStatusCode ?? inside?.http_status_code) }
}

function snake(name: string): string {
  return name.slice(0, 100).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
