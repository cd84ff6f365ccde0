// The files that a task brings for its agent: bytes that its team has uploaded.

import { Problem } from '../../core/problem.ts'
import type { Attachment } from '../../protocol/context.ts'
import { limits } from '../../protocol/names.ts'
import { addBlob, blobSize } from '../../store/blobs.ts'
import type { TaskSpec, Tx, Work } from '../../store/port.ts'

/** With their sizes. Throws `invalid_request` for one that was not uploaded, `too_large` for one that no agent may be given. */
export function* attached(
  tx: Tx,
  teamId: string,
  files: readonly Attachment[],
): Work<TaskSpec['attachments'][number][]> {
  const found: TaskSpec['attachments'][number][] = []
  for (const { name, cid } of files) {
    const bytes = yield* blobSize(tx, teamId, cid)
    if (bytes === null)
      throw new Problem('invalid_request', `attachment ${name}: ${cid} was not uploaded; upload it with POST /v1/blobs`)
    if (bytes > limits.attachmentBytes)
      throw new Problem(
        'too_large',
        `attachment ${name} has ${bytes} bytes; the limit is ${limits.attachmentBytes} bytes`,
      )
    yield* addBlob(tx, { teamId, cid, bytes }) // young again: housekeeping must not take it before the task names it
    found.push({ name, cid, bytes })
  }
  return found
}
