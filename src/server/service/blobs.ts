// Blobs: bytes under their content id, each visible to the teams that brought it.

import { Problem } from '../../core/problem.ts'
import { cidRule } from '../../protocol/operations.ts'
import { addBlob, hasBlob } from '../../store/blobs.ts'
import type { Caller, Plane } from '../plane.ts'

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

function requireCid(cid: string): void {
  if (!cidRule.test(cid))
    throw new Problem('invalid_request', `${JSON.stringify(cid)} is not a content id: sha256- and 64 hex digits`)
}
