// What a restore leaves behind: daemons told things between the backup and the restore that this database has never heard.

import type { NumberedEvent } from '../protocol/events.ts'
import type { Tx, Work } from './port.ts'
import { getSetting, setSetting } from './settings.ts'

const name = 'restored'

export function* noteRestore(tx: Tx, backupAt: number): Work<void> {
  yield* setSetting(tx, name, { backupAt, at: tx.now })
}

/**
 * Notices in the place of events that were acknowledged after the backup and are gone with the old database; empty for a gap that has
 * another reason. Without them the attempt's transcript would end here: its daemon does not have those events any more.
 */
export function* bridgeOfRestore(
  tx: Tx,
  attempt: { readonly claimed_at: number; readonly event_count: number },
  events: readonly NumberedEvent[],
): Work<NumberedEvent[]> {
  const from = attempt.event_count + 1
  const to = (events[0]?.seq ?? from) - 1
  if (to < from) return []
  const restored = (yield* getSetting(tx, name)) as { readonly at: number } | null // noteRestore wrote it
  if (restored === null || attempt.claimed_at > restored.at) return []
  const lost = `${to - from + 1} events were told between the backup and its restore; they are lost`
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    seq: from + i,
    at: restored.at,
    type: 'notice' as const,
    level: i === 0 ? ('warning' as const) : ('info' as const),
    message: i === 0 ? lost : 'lost at the restore',
  }))
}
