// Which team has which blob: rows beside the bytes, so that a content id alone opens nothing.

import type { Tx, Work } from './port.ts'
import { change, first } from './query.ts'

export interface NewBlob {
  readonly cid: string
  readonly teamId: string
  readonly bytes: number
}

/** Notes that the team has these bytes. Adding it again makes it young again: whoever brings it is about to refer to it. */
export function* addBlob(tx: Tx, { cid, teamId, bytes }: NewBlob): Work<void> {
  const insert = tx.db.insertInto('blobs').values({ team_id: teamId, cid, bytes, created_at: tx.now })
  yield* change(insert.onConflict((on) => on.columns(['team_id', 'cid']).doUpdateSet({ created_at: tx.now })).compile())
}

/** How many bytes it has; null: the team has no such blob. */
export function* blobSize(tx: Tx, teamId: string, cid: string): Work<number | null> {
  const query = tx.db.selectFrom('blobs').select('bytes').where('team_id', '=', teamId).where('cid', '=', cid)
  return (yield* first(query.compile()))?.bytes ?? null
}

export function* hasBlob(tx: Tx, teamId: string, cid: string): Work<boolean> {
  const query = tx.db.selectFrom('blobs').select('cid').where('team_id', '=', teamId).where('cid', '=', cid)
  return (yield* first(query.compile())) !== null
}
