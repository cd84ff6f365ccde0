// From a CLI's own words to an error class, and from the class to the reason that decides about retries.

import type { AttemptReason } from '../../core/reason.ts'
import type { ErrorClass } from '../../protocol/events.ts'
import { oneLine } from './cut.ts'
import type { ExitFacts, Failure } from './port.ts'

/** First match wins: "Quota exceeded. Check your plan and billing details." is a quota, not a bill. */
const phrases: readonly (readonly [ErrorClass, RegExp])[] = [
  ['quota', /usage limit|\bquota\b|hit your (?:\w+ )?limit|(?:session|daily|weekly|monthly) limit/i],
  ['billing', /credit balance|billing|payment required|(?:status:?|error:?|\()\s*402\b/i],
  [
    'auth',
    /(?:status:?|error:?|\()\s*401\b|unauthori[sz]ed|not logged in|\/login\b|codex login|authenticat|api key|missing environment variable|refresh token/i,
  ],
  [
    'model_invalid',
    /model\b.{0,80}(?:not found|not exist|not supported|unavailable)|(?:unknown|invalid) model|model_not_found/i,
  ],
  ['context_full', /prompt is too long|context (?:window|length)|maximum context|out of room/i],
  ['rate_limit', /(?:status:?|error:?|\()\s*429\b|rate.?limit|too many requests/i],
  ['overloaded', /overloaded|high demand|at capacity|server.?error|(?:status:?|error:?|\()\s*5\d\d\b/i],
  [
    'network',
    /ECONN\w+|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|network error|connection (?:error|refused|reset)|stream disconnected|fetch failed|unable to connect|error sending request|timed out/i,
  ],
  ['refused', /usage polic|content polic|safety|flagged/i],
]

/** What kind of failure a sentence tells of, or null when it does not say. */
export function classify(text: string): ErrorClass | null {
  return phrases.find(([, phrase]) => phrase.test(text))?.[0] ?? null
}

/**
 * A rate limit that outlasts the CLI's own retries parks the task like a spent quota: three quick attempts against one tired account
 * would fail a whole queue. Trouble at the other end (`transport`) is tried again with backoff.
 */
export function reasonOf(kind: ErrorClass | null): AttemptReason {
  switch (kind) {
    case 'quota':
    case 'rate_limit':
      return 'quota'
    case 'overloaded':
    case 'network':
      return 'transport'
    case 'auth':
      return 'auth'
    case 'billing':
      return 'billing'
    case 'model_invalid':
      return 'model_invalid'
    case 'context_full':
    case 'refused':
    case 'crashed':
    case null:
      return 'agent_failed'
  }
}

/** A failure with the reason that its class implies. */
export function failureOf(kind: ErrorClass | null, detail: string, resetAt: number | null = null): Failure {
  const reason = reasonOf(kind)
  return { ok: false, reason, detail: oneLine(detail, 500), class: kind, resetAt: reason === 'quota' ? resetAt : null }
}

/** `exit code 1`, `signal SIGKILL`, or that nobody knows. */
export function exitWords(exit: ExitFacts): string {
  if (exit.signal !== null) return `signal ${exit.signal}`
  return exit.code === null ? 'an unknown exit' : `exit code ${exit.code}`
}

/** The process is gone and never said how it went: never a success, whatever the exit code. */
export function crashOf(title: string, exit: ExitFacts, lastWords: string): Failure {
  const words = lastWords.trim() === '' ? '' : `: ${oneLine(lastWords.trim().split('\n').slice(-3).join(' '), 300)}`
  return failureOf('crashed', `${title} ended with ${exitWords(exit)} before it reported a result${words}`)
}

/**
 * Like `crashOf`, for a CLI that says on standard error why it would not begin (no key, no such model) and exits by itself with a code: the
 * class of those words then decides what follows.
 */
export function lastWordsFailure(title: string, exit: ExitFacts, lastWords: string): Failure {
  const crash = crashOf(title, exit, lastWords)
  if (exit.code === null || exit.code === 0) return crash
  const kind = classify(lastWords.trim().split('\n').slice(-5).join(' '))
  return kind === null ? crash : failureOf(kind, crash.detail)
}
