// How tools reach the server: through the typed client on one face, through the server's own app on the other.

import type { Scope } from '../protocol/access.ts'
import type { Operation, Output } from '../protocol/operations.ts'
import { operations } from '../protocol/operations.ts'
import type { SplitArguments } from './tools.ts'

export interface Reach {
  /** Whether calls can do what the scope admits; what they cannot is not listed. Never throws: when nobody knows, the user's. */
  scopes(signal: AbortSignal): Promise<readonly Scope[]>
  /** The answer's bytes. Throws Problem: what the server said, or why it cannot be reached. */
  send(operation: Operation, given: SplitArguments, signal: AbortSignal): Promise<Uint8Array>
}

type JsonName = 'getTask' | 'listEvents'

/** Calls an operation that answers JSON. Throws as `Reach.send`. */
export async function ask<N extends JsonName>(
  reach: Reach,
  name: N,
  given: Pick<SplitArguments, 'params'> & Partial<SplitArguments>,
  signal: AbortSignal,
): Promise<Output<N>> {
  const bytes = await reach.send(operations[name], { query: {}, body: {}, idempotencyKey: null, ...given }, signal)
  return JSON.parse(new TextDecoder().decode(bytes)) as Output<N> // the server speaks by the same table
}
