// How and when a run ended, in its own folder: what retention goes by once the journal has forgotten the run.

import { join } from 'node:path'
import { z } from 'zod'
import { readFileIfThere, writeFileAtomic } from '../../lib/atomic-file.ts'

const shape = z.object({
  attemptId: z.string(),
  taskId: z.string(),
  mode: z.enum(['worktree', 'shared', 'scratch']).nullable(),
  outcome: z.enum(['completed', 'failed']),
  at: z.number(),
  /** The profile's workspaceTtlMs: its folder may go after so long, also where the host would keep it longer. */
  keepMs: z.number().optional(),
  /** The host's own word for folders of sessions, in place of its retention. */
  warmMs: z.number().optional(),
  /** The folder in its workspace where its agent worked; absent: at the top. */
  subfolder: z.string().optional(),
})
export type EndRecord = z.infer<typeof shape>

const name = 'end.json'

/** To be written before the last report enters the outbox. `at`: ms since the epoch. */
export function writeEndRecord(runDir: string, record: EndRecord): void {
  writeFileAtomic(join(runDir, name), JSON.stringify(record))
}

/** Null when there is none: the run ended under an older version, its daemon never said so, or the file is damaged. */
export function readEndRecord(runDir: string): EndRecord | null {
  const text = readFileIfThere(join(runDir, name))
  if (text === null) return null
  try {
    const read = shape.safeParse(JSON.parse(text))
    return read.success ? read.data : null
  } catch {
    return null // cut short by a crash of the host; then as if it were not there
  }
}
