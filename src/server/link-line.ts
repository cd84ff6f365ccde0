// One daemon's line, from its handshake on: its wire, its session once it has registered, and the rows that were pushed on it.

import { openAttempt } from '../core/task.ts'
import { fromServer } from '../protocol/link.ts'
import { openAttemptsOf } from '../store/attempts.ts'
import type { PendingMessage } from '../store/messages.ts'
import { ackMessage, pendingMessages } from '../store/messages.ts'
import { check } from './input.ts'
import type { LinkSession } from './link-session.ts'
import type { LinkWire } from './link-wire.ts'
import type { Caller, Plane } from './plane.ts'

/** `session` is null until it has registered. */
export interface Line<W extends LinkWire = LinkWire> {
  readonly id: string
  readonly caller: Caller
  readonly wire: W
  session: LinkSession | null
  /** The registration under way, or the last one: they are taken one after the other. */
  registering: Promise<unknown>
  /** Rows up to this seq were pushed on this wire. */
  pushed: number
  pushing: boolean
  pushAgain: boolean
}

/** Pushes the rows that this wire has not seen. One look at a time; a note during it leads to another. */
export function pushRows(plane: Plane, line: Line): void {
  line.pushAgain = true
  if (line.pushing) return
  line.pushing = true
  void pushAll(plane, line)
    .catch((error: unknown) => plane.log.warn({ err: error }, 'messages could not be read')) // re-sent at reconnect
    .finally(() => {
      line.pushing = false
    })
}

async function pushAll(plane: Plane, line: Line): Promise<void> {
  const { session, wire } = line
  if (session === null) return
  while (line.pushAgain && wire.open) {
    line.pushAgain = false
    const { daemonId } = session.seat
    const rows = await plane.store.read((tx) => pendingMessages(tx, daemonId))
    const fresh = rows.filter(({ seq }) => seq > line.pushed)
    const stale = await staleGrants(plane, daemonId, fresh)
    for (const row of fresh) {
      line.pushed = row.seq
      if (stale.has(row.seq)) continue
      if (row.type === 'drain') session.seat.draining = check(fromServer.drain, row.body, 'drain').on
      wire.push(row.seq, row.type, row.body)
    }
  }
}

/**
 * Grants that were also told by a reply and are over by now: a daemon that has forgotten them would run them once more. They are
 * acknowledged in its name.
 */
async function staleGrants(plane: Plane, daemonId: string, rows: readonly PendingMessage[]): Promise<Set<number>> {
  const grants = rows.filter((row) => row.type === 'assigned')
  if (grants.length === 0) return new Set()
  return plane.store.run(function* (tx) {
    const open = yield* openAttemptsOf(tx, daemonId)
    const alive = new Set<string | undefined>(open.map((record) => openAttempt(record.task)?.id))
    const stale = new Set<number>()
    for (const { seq, body } of grants) {
      if (alive.has(check(fromServer.assigned, body, 'assigned').assignment.attemptId)) continue
      stale.add(seq)
      yield* ackMessage(tx, daemonId, seq)
    }
    return stale
  })
}
