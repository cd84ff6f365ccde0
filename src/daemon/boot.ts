// One start of the daemon: its id, and the id of the start before it when that one is proven dead.

import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { readFileIfThere, writeFileAtomic } from '../lib/atomic-file.ts'
import { makeId } from '../lib/ids.ts'
import { bootId as bootOfHost } from '../lib/proc.ts'
import type { StateFolder } from './state-folder.ts'

const bootFile = z.object({ bootId: z.string(), host: z.string() })

export interface Boot {
  readonly id: string
  /** May be replaced at the server at once: it was a process of this folder on this running host, and its lock is ours now. */
  readonly replaces: string | null
}

/** To be called once per start, with the state folder locked. A copy of the folder on another host proves nothing. */
export function beginBoot(state: StateFolder, now: number): Boot {
  const path = join(state.dir, 'boot.json')
  const host = `${hostname()} ${bootOfHost()}`
  const id = makeId('boot', now)
  const before = readBoot(path)
  writeFileAtomic(path, JSON.stringify({ bootId: id, host }))
  return { id, replaces: before !== null && before.host === host ? before.bootId : null }
}

function readBoot(path: string): z.infer<typeof bootFile> | null {
  try {
    return bootFile.safeParse(JSON.parse(readFileIfThere(path) ?? 'null')).data ?? null
  } catch {
    return null // cut by a crash of the host: then nothing is proven
  }
}
