// Claude Code's names of model errors as our classes.

import type { ErrorClass } from '../../protocol/events.ts'
import { classify } from './failure.ts'

const classes: Readonly<Record<string, ErrorClass>> = {
  rate_limit: 'rate_limit',
  authentication_failed: 'auth',
  oauth_org_not_allowed: 'auth',
  billing_error: 'billing',
  server_error: 'overloaded',
  overloaded: 'overloaded',
  model_not_found: 'model_invalid',
}

/** The CLI's own name of an error, made finer by its words: a `rate_limit` may be a spent quota. */
export function classOf(error: string | null, words: string): ErrorClass | null {
  const named = error !== null && Object.hasOwn(classes, error) ? (classes[error] ?? null) : null
  const told = classify(words)
  return named === null || (named === 'rate_limit' && told === 'quota') ? told : named
}
