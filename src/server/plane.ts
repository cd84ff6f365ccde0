// What every use case works with: made once in server.ts and handed down.

import type { Blobs } from '../blob/port.ts'
import type { Clock } from '../core/clock.ts'
import type { Role } from '../core/role.ts'
import type { Log } from '../lib/log.ts'
import type { AccountKind, Scope } from '../protocol/access.ts'
import type { Store } from '../store/port.ts'
import type { ServerSettings } from './settings.ts'

export interface Plane {
  readonly store: Store
  readonly blobs: Blobs
  readonly clock: Clock
  readonly settings: ServerSettings
  readonly log: Log
  readonly version: string
}

/** Who asks, as far as the token says. */
export interface Caller {
  /** What the audit log says: `user:NAME`, `daemon:NAME`. */
  readonly actor: string
  readonly tokenId: string
  readonly teamId: string
  readonly scopes: readonly Scope[]
  readonly role: Role
  /** Whose the token is; null: of a token from before there were accounts. */
  readonly account: { readonly id: string; readonly name: string; readonly kind: AccountKind } | null
  /** The server's own administrators: admin tokens of the first team. Only they see and serve other teams. */
  readonly operator: boolean
}

/** A caller's request, checked: what a use case gets. */
export interface Asked<Params, Query, Body> {
  readonly caller: Caller
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly idempotencyKey: string | null
  /** `attempt.seq`, of followers that come back. */
  readonly lastEventId: string | null
}
