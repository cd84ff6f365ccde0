// What finished and unfinished runs have left on this host, by attempt: folders found, and what the journal still needs of them.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../lib/error-text.ts'
import { openSqlite } from '../../lib/sqlite.ts'
import { hasCopy } from '../run/copy.ts'
import type { Workspace } from '../workspace/port.ts'
import { preparedWorkspace } from '../workspace/prepare.ts'
import { statePlaces } from '../workspace/private-git.ts'
import type { EndRecord } from './end-record.ts'
import { readEndRecord } from './end-record.ts'

export interface Leftover {
  readonly attemptId: string
  /** The state of the daemon that ran it. */
  readonly stateDir: string
  readonly runDir: string
  readonly workspace: Workspace | null
  readonly end: EndRecord | null
  /** When it ended; without a record of it, when anything of it was last written, ms since the epoch. */
  readonly at: number
}

export interface Found {
  /** Of runs that nobody needs any more. */
  readonly leftovers: readonly Leftover[]
  /** Of runs that are not over or not delivered. */
  readonly needed: readonly Leftover[]
  /** Daemons whose journal cannot be read: nothing of theirs is judged. */
  readonly unread: readonly { readonly stateDir: string; readonly problem: string }[]
}

/** The state folders of all daemons that ever ran with this data folder. */
export function stateDirs(dataDir: string): string[] {
  return folderNames(join(dataDir, 'daemon')).map((name) => join(dataDir, 'daemon', name))
}

/** Lists before it asks the journal: a run that begins meanwhile is in neither or in both. */
export function findLeftovers(dataDir: string): Found {
  const found: { leftovers: Leftover[]; needed: Leftover[]; unread: { stateDir: string; problem: string }[] } = {
    leftovers: [],
    needed: [],
    unread: [],
  }
  for (const stateDir of stateDirs(dataDir)) {
    const names = [...folderNames(join(stateDir, 'runs')), ...folderNames(join(stateDir, 'workspaces'))]
    const all = [...new Set(names)].map((attemptId) => leftover(stateDir, attemptId))
    const journal = attemptsInJournal(join(stateDir, 'journal.db'))
    if (typeof journal === 'string') found.unread.push({ stateDir, problem: journal })
    for (const each of all) {
      const over = typeof journal !== 'string' && !journal.has(each.attemptId) && !hasCopy(each.runDir)
      if (over) found.leftovers.push(each)
      else found.needed.push(each)
    }
  }
  found.leftovers.sort((a, b) => a.at - b.at)
  return found
}

function leftover(stateDir: string, attemptId: string): Leftover {
  const runDir = join(stateDir, 'runs', attemptId)
  const end = readEndRecord(runDir)
  const { folder } = statePlaces(stateDir, attemptId)
  const at = end?.at ?? Math.max(modified(runDir), modified(folder))
  return { attemptId, stateDir, runDir, workspace: workspaceOf(stateDir, attemptId), end, at }
}

/** Null: none, or a record that a crash of the host cut. */
function workspaceOf(stateDir: string, attemptId: string): Workspace | null {
  try {
    return preparedWorkspace(stateDir, attemptId)
  } catch {
    return null // what it names is then found as a folder without a record, and kept
  }
}

/** Attempts the daemon still has work with, or why that cannot be known. A journal that is not there needs nothing. */
function attemptsInJournal(path: string): ReadonlySet<string> | string {
  if (!existsSync(path)) return new Set()
  try {
    const db = openSqlite(path)
    try {
      const rows = db.prepare(
        'SELECT attempt_id AS id FROM runs UNION SELECT attempt_id AS id FROM outbox WHERE refused IS NULL',
      )
      return new Set(rows.all().map((row) => String(row.id)))
    } finally {
      db.close()
    }
  } catch (error) {
    return `${path} cannot be read: ${messageOf(error)}`
  }
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** Names of the folders in a folder; none when there is no such folder. */
export function folderNames(path: string): string[] {
  if (!existsSync(path)) return []
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}
