// One agent at a time renews a credential store: while it is about to expire, the agents that use it start one after the other.
//
// Two CLIs that renew one OAuth token together each get a new one, and the server takes back the other's: from then on that account is signed out.
// A store that is fresh, and a key, need no turn. Held from the start to the agent's first word: by then it has spoken to its model.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { capstanHome } from '../../lib/env.ts'
import { withLock } from '../../lib/lock.ts'
import type { Harness } from '../harness/port.ts'
import { renewalMs } from '../harness/renewal.ts'
import type { RunDeps } from './deps.ts'
import { signalOf } from './signal-of.ts'

/** An agent that has said nothing for so long is not renewing any more. */
const longestMs = 60_000
/** Whoever waited so long goes on without a turn: a late start is worse than a small risk. */
const patienceMs = 180_000

export type TurnDeps = Pick<RunDeps, 'clock' | 'log' | 'env' | 'probe'>

/** True when a start of the harness now may renew its credentials. */
export function mayRenew(deps: TurnDeps, harness: Harness): boolean {
  const store = harness.credentials?.(deps.probe()) ?? null
  return store !== null && (store.freshUntil === null || store.freshUntil - deps.clock.now() < renewalMs)
}

/**
 * Waits for this start's turn; the result ends it, and may be called again. `tell` is called when there is somebody to wait for. Throws only the signal's
 * reason. The lock is one file per credential store, shared by all daemons of this user.
 */
export async function credentialTurn(
  deps: TurnDeps,
  harness: Harness,
  { signal, tell }: { readonly signal: AbortSignal; tell(message: string): void },
): Promise<() => void> {
  const store = mayRenew(deps, harness) ? (harness.credentials?.(deps.probe()) ?? null) : null
  if (store === null) return () => {}
  const name = createHash('sha256').update(store.path).digest('hex').slice(0, 16)
  const path = join(capstanHome(deps.env), 'locks', `credentials-${name}.lock`)
  const [held, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const waiting = new AbortController()
  deps.clock.sleep(1_000, waiting.signal).then(
    () => tell(`waits for another agent that may be renewing the sign-in of ${harness.title}`),
    () => {}, // its turn came at once
  )
  withLock(path, { timeoutMs: patienceMs, signal }, async () => {
    held.resolve()
    // Renewed by the one before: no turn is needed any more.
    if (mayRenew(deps, harness)) await Promise.race([over.promise, deps.clock.sleep(longestMs, signalOf(over.promise))])
  }).catch((error: unknown) => {
    if (signal.aborted) return held.reject(signal.reason)
    deps.log.warn({ harness: harness.name, error: String(error) }, 'agent started without its turn at the credentials')
    held.resolve()
  })
  try {
    await held.promise
  } finally {
    waiting.abort()
  }
  return () => over.resolve()
}
