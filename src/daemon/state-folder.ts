// Where one daemon keeps what must outlive it: its key, its journal, its runs. One folder per identity and workspace.

import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { Problem } from '../core/problem.ts'
import { readFileIfThere, writeFileAtomic } from '../lib/atomic-file.ts'
import { makeSecret } from '../lib/ids.ts'

export interface StateFolder {
  /** 0700; everything below is the daemon's own. */
  readonly dir: string
  readonly runs: string
  readonly journal: string
  /** Worktrees and scratch folders. */
  readonly workspaces: string
  readonly hostId: string
  /** The daemon's own secret: the server knows this daemon again by it. */
  readonly key: string
  readonly name: string
}

const identityFile = z.object({ hostId: z.string(), key: z.string() })

export interface StateFolderOptions {
  readonly dataDir: string
  readonly identity: string
  readonly workspace: string
  readonly hostId: string | null
  readonly name: string | null
}

/** Opens the folder, making it and its key the first time. Throws `configuration` when it cannot be written. */
export function openStateFolder(options: StateFolderOptions): StateFolder {
  const { dataDir, identity, workspace } = options
  const dir = join(dataDir, 'daemon', `${identity}-${shortHash(workspace)}`)
  const workspaces = join(dataDir, 'worktrees')
  try {
    for (const folder of [dir, join(dir, 'runs'), workspaces]) mkdirSync(folder, { recursive: true, mode: 0o700 })
    const kept = openIdentity(dir, options.hostId)
    const name = options.name ?? `${hostname()}:${basename(workspace)}`
    return { dir, runs: join(dir, 'runs'), journal: join(dir, 'journal.db'), workspaces, name, ...kept }
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Problem(
      'configuration',
      `the data folder ${dataDir} cannot be written (${why}); choose another with --data DIR`,
      { cause },
    )
  }
}

/** Of a daemon that has run with this state folder; null: none has. Throws `configuration` for a damaged file. */
export function readIdentity(dir: string): { readonly hostId: string; readonly key: string } | null {
  const path = join(dir, 'identity.json')
  const text = readFileIfThere(path)
  if (text === null) return null
  const read = identityFile.safeParse(JSON.parse(text))
  if (!read.success) throw new Problem('configuration', `${path} is damaged; move it away to register as a new daemon`)
  return read.data
}

function openIdentity(dir: string, hostId: string | null): { readonly hostId: string; readonly key: string } {
  const read = readIdentity(dir)
  if (read === null) {
    const made = { hostId: hostId ?? `${hostname()}-${shortHash(makeSecret())}`, key: makeSecret() }
    writeFileAtomic(join(dir, 'identity.json'), JSON.stringify(made))
    return made
  }
  return hostId === null ? read : { ...read, hostId }
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 10)
}
