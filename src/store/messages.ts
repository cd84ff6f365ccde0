// Messages to daemons: rows with a seq per daemon, sent again until each is acknowledged.

import type { FromServer, FromServerBody } from '../protocol/link.ts'
import type { Tx, Work } from './port.ts'
import { all, change, first, parseJson } from './query.ts'

export interface PendingMessage {
  readonly seq: number
  readonly type: FromServer
  readonly body: unknown
}

/** Queues a message; gives its seq, or null when there is no such daemon. */
export function* sendMessage<T extends FromServer>(
  tx: Tx,
  daemonId: string,
  type: T,
  body: FromServerBody<T>,
): Work<number | null> {
  const update = tx.db.updateTable('daemons').set((of) => ({ message_seq: of('message_seq', '+', 1) }))
  const raised = yield* first(update.where('id', '=', daemonId).returning('message_seq').compile())
  if (raised === null) return null
  const row = { daemon_id: daemonId, seq: raised.message_seq, type, body: JSON.stringify(body), created_at: tx.now }
  yield* change(tx.db.insertInto('daemon_messages').values(row).compile())
  tx.notify({ kind: 'message', daemonId })
  return row.seq
}

/** What a daemon has not acknowledged, oldest first. */
export function* pendingMessages(tx: Tx, daemonId: string): Work<PendingMessage[]> {
  const query = tx.db.selectFrom('daemon_messages').select(['seq', 'type', 'body']).where('daemon_id', '=', daemonId)
  const rows = yield* all(query.orderBy('seq').compile())
  // `type` was written from the table of messages.
  return rows.map(({ seq, type, body }) => ({ seq, type: type as FromServer, body: parseJson<unknown>(body) }))
}

/** Forgets one message. False: it was acknowledged before. */
export function* ackMessage(tx: Tx, daemonId: string, seq: number): Work<boolean> {
  const query = tx.db.deleteFrom('daemon_messages').where('daemon_id', '=', daemonId).where('seq', '=', seq)
  return (yield* change(query.compile())) > 0
}
