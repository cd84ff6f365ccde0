// How long what a run leaves behind is kept: the [retention] table of daemon.toml.

import { parse } from 'smol-toml'
import { z } from 'zod'
import { Problem } from '../../core/problem.ts'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import { parseDuration } from '../../lib/duration.ts'
import { messageOf } from '../../lib/error-text.ts'

export interface Retention {
  /** Workspace and logs of a completed run: its work is on a branch and in a checkpoint. */
  readonly completedMs: number
  /** Of any other end: people look into those. */
  readonly failedMs: number
  /** A task's branch after it was merged. */
  readonly branchesMs: number
  /** Ready worktrees kept for each large repository; 0: none. */
  readonly warm: number
  /** A repository is large when its base holds more files than this. */
  readonly warmFiles: number
  /** A ready worktree that no run took for this long goes. */
  readonly warmMs: number
}

const hourMs = 3_600_000
export const defaultRetention: Retention = {
  completedMs: 24 * hourMs,
  failedMs: 168 * hourMs,
  branchesMs: 168 * hourMs,
  warm: 2, // one in use tomorrow, one for the task beside it; each is a whole checkout on the disk
  warmFiles: 5_000, // below, `git worktree add` takes under 200 ms
  warmMs: 168 * hourMs,
}

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text)
  if (ms === null) context.addIssue({ code: 'custom', message: `must be a duration such as 90s or 24h, not "${text}"` })
  return ms ?? z.NEVER
})

const table = z.strictObject({
  completed: duration.optional(),
  failed: duration.optional(),
  branches: duration.optional(),
  warm: z.number().int().min(0).max(20).optional(),
  warmFiles: z.number().int().min(0).optional(),
  warmIdle: duration.optional(),
})

/** Reads the table; what it does not name is as by default. Throws `configuration` naming the key and what it must be. */
export function readRetention(path: string): Retention {
  const text = readFileIfThere(path)
  const read = table.safeParse(text === null ? {} : (parsed(path, text).retention ?? {}))
  if (!read.success) {
    const said = z.prettifyError(read.error).replaceAll('\n', ' ')
    throw new Problem('configuration', `${path}, [retention]: ${said}`)
  }
  const { completed, failed, branches, warm, warmFiles, warmIdle } = read.data
  return {
    completedMs: completed ?? defaultRetention.completedMs,
    failedMs: failed ?? defaultRetention.failedMs,
    branchesMs: branches ?? defaultRetention.branchesMs,
    warm: warm ?? defaultRetention.warm,
    warmFiles: warmFiles ?? defaultRetention.warmFiles,
    warmMs: warmIdle ?? defaultRetention.warmMs,
  }
}

function parsed(path: string, text: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (cause) {
    throw new Problem('configuration', `${path} is not TOML: ${messageOf(cause).split('\n')[0]}`, { cause })
  }
}
