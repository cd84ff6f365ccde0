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
  const row = {
    daemon_id: daemonId,
    seq: raised.message_seq,
    type,
    body: JSON.stringify(body),
    created_at: tx.now,
    acked_at: null,
  }
  yield* change(tx.db.insertInto('daemon_messages').values(row).compile())
  tx.notify({ kind: 'message', daemonId })
  return row.seq
}

/** What a daemon has not acknowledged, oldest first. */
export function* pendingMessages(tx: Tx, daemonId: string): Work<PendingMessage[]> {
  const query = tx.db.selectFrom('daemon_messages').select(['seq', 'type', 'body']).where('daemon_id', '=', daemonId)
  const rows = yield* all(query.where('acked_at', 'is', null).orderBy('seq').compile())
  // `type` was written from the table of messages.
  return rows.map(({ seq, type, body }) => ({ seq, type: type as FromServer, body: parseJson<unknown>(body) }))
}

/** The daemon has it, so it is not sent again. Only words for an agent are kept a while longer. False: it was acknowledged before. */
export function* ackMessage(tx: Tx, daemonId: string, seq: number): Work<boolean> {
  const gone = tx.db.deleteFrom('daemon_messages').where('daemon_id', '=', daemonId).where('seq', '=', seq)
  if ((yield* change(gone.where('type', '<>', 'message').compile())) > 0) return true
  const kept = tx.db.updateTable('daemon_messages').set({ acked_at: tx.now }).where('daemon_id', '=', daemonId)
  return (yield* change(kept.where('seq', '=', seq).where('acked_at', 'is', null).compile())) > 0
}

/** Takes words for an agent back, acknowledged or not; null: they were taken back before, or are no longer known. */
export function* takeWords(tx: Tx, daemonId: string, seq: number): Work<FromServerBody<'message'> | null> {
  const gone = tx.db.deleteFrom('daemon_messages').where('daemon_id', '=', daemonId).where('seq', '=', seq)
  const row = yield* first(gone.where('type', '=', 'message').returning('body').compile())
  return row === null ? null : parseJson(row.body)
}

export interface OldWords extends FromServerBody<'message'> {
  readonly daemonId: string
  readonly seq: number
}

/** Words of before that their daemon has not acknowledged. */
export function* wordsUnheard(tx: Tx, before: number, limit: number): Work<OldWords[]> {
  const query = tx.db
    .selectFrom('daemon_messages')
    .select(['daemon_id', 'seq', 'body'])
    .where('type', '=', 'message')
    .where('acked_at', 'is', null)
    .where('created_at', '<', before)
  const rows = yield* all(query.orderBy('created_at').limit(limit).compile())
  return rows.map((row) => ({
    ...parseJson<FromServerBody<'message'>>(row.body),
    daemonId: row.daemon_id,
    seq: row.seq,
  }))
}
