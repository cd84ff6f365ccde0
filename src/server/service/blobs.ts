// Blobs: bytes under their content id, each visible to the teams that brought it.

import { Problem } from '../../core/problem.ts'
import { openAttempt } from '../../core/task.ts'
import { cidOf } from '../../lib/cid.ts'
import { cidRule } from '../../protocol/operations.ts'
import { addBlob, hasBlob } from '../../store/blobs.ts'
import { taskOfAttempt } from '../../store/tasks.ts'
import type { Caller, Plane } from '../plane.ts'
import { continuationOf } from './continuing.ts'

/** Stores bytes; the blob store recomputes their id and refuses another. The row is written last: what is listed is there. */
export async function putBlob(
  plane: Plane,
  caller: Caller,
  cid: string,
  bytes: Uint8Array,
): Promise<{ cid: string; bytes: number }> {
  requireCid(cid)
  await plane.blobs.put(cid, bytes)
  await plane.store.run((tx) => addBlob(tx, { teamId: caller.teamId, cid, bytes: bytes.length }))
  // housekeeping may have taken the bytes between the two: from the row on it leaves them
  if (!(await plane.blobs.has(cid))) await plane.blobs.put(cid, bytes)
  return { cid, bytes: bytes.length }
}

/** What a person uploads: the server names it. */
export async function uploadBlob(
  plane: Plane,
  caller: Caller,
  bytes: Uint8Array,
): Promise<{ cid: string; bytes: number }> {
  return putBlob(plane, caller, cidOf(bytes), bytes)
}

/** Throws `not_found` for bytes that another team brought. */
export async function getBlob(plane: Plane, teamId: string, cid: string): Promise<Uint8Array> {
  requireCid(cid)
  const known = await plane.store.read((tx) => hasBlob(tx, teamId, cid))
  const bytes = known ? await plane.blobs.get(cid) : null
  if (known && bytes === null)
    throw new Problem('not_found', `blob ${cid} is not in this server's data folder; all replicas have to share one`)
  if (bytes === null) throw new Problem('not_found', `there is no blob ${cid}`)
  return bytes
}

/** For the host that runs an attempt: only what that attempt goes on from, and its task's files. Throws `not_found` for all else. */
export async function getAttemptBlob(
  plane: Plane,
  teamId: string,
  { id, cid }: { readonly id: string; readonly cid: string },
): Promise<Uint8Array> {
  const named = await plane.store.read(function* (tx) {
    const record = yield* taskOfAttempt(tx, teamId, id)
    const open = record === null ? null : openAttempt(record.task)
    if (record === null || open?.id !== id) return []
    const from = yield* continuationOf(tx, record)
    return [from?.diffCid, from?.sessionCid, ...record.spec.attachments.map((each) => each.cid)]
  })
  if (!named.includes(cid)) throw new Problem('not_found', `attempt ${id} needs no blob ${cid}`)
  return getBlob(plane, teamId, cid)
}

function requireCid(cid: string): void {
  if (!cidRule.test(cid))
    throw new Problem('invalid_request', `${JSON.stringify(cid)} is not a content id: sha256- and 64 hex digits`)
}
