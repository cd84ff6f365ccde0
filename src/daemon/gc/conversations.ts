// Conversations of sandboxed runs: files that no run wrote for long, once no record of this host names a run that could go on with them.
// Agents write to these folders, also now, so every folder is held open while it is gone through, and no link is followed.

import { statSync } from 'node:fs'
import { lstat, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { conversationHome, conversationHomes } from '../session/conversation-home.ts'
import { HeldFolder } from '../workspace/held-folder.ts'
import { statePlaces } from '../workspace/private-git.ts'
import type { Job } from './job.ts'
import type { Found, Leftover } from './leftovers.ts'
import { findLeftovers, folderNames, stateDirs } from './leftovers.ts'

/** A run that goes on with a conversation opens it within this, ms: its CLI has started by then. */
const openingMs = 3_600_000
/** The folders of a home to this depth are a CLI's own places, such as `.pi/agent/sessions`: the next sandbox mounts them. */
const placesDepth = 3
/** No CLI nests deeper, and each level holds a descriptor. */
const maxDepth = 32
/** What a disk's block counts in `stat`, bytes. Source: POSIX, st_blocks. */
const blockBytes = 512

export async function clearConversations(job: Job): Promise<void> {
  const now = findLeftovers(job.dataDir)
  for (const stateDir of stateDirs(job.dataDir)) {
    if (now.unread.some((each) => each.stateDir === stateDir)) continue
    for (const name of folderNames(conversationHomes(stateDir))) {
      job.signal?.throwIfAborted()
      await clearHome(job, now, { stateDir, home: join(conversationHomes(stateDir), name) })
    }
  }
}

interface Home {
  readonly stateDir: string
  readonly home: string
}

async function clearHome(job: Job, now: Found, where: Home): Promise<void> {
  const sweep = sweepOf(job, now, where)
  using folder = new HeldFolder(where.home)
  const bytes = await clearFolder(sweep, folder, 0)
  const why = 'no run used it, and none that is still on record here could go on with it'
  if (bytes > 0) job.ledger.removed({ kind: 'conversation', path: where.home, attemptId: null, bytes, why })
}

interface Sweep {
  readonly job: Job
  /** What was written at or after this stays, ms since the epoch. */
  readonly before: number
  /** A run works here: its sandbox has mounts on folders and on empty files, which would come off with them. */
  readonly busy: boolean
}

function sweepOf(job: Job, now: Found, { stateDir, home }: Home): Sweep {
  const isOfHome = ({ workspace }: Leftover) => workspace !== null && conversationHome(stateDir, workspace) === home
  // a run that is being prepared may come to work here
  const working = now.needed.filter((each) => each.stateDir === stateDir && (each.workspace === null || isOfHome(each)))
  const busy = working.length > 0
  // one that works may have looked at a record that went since
  const over = job.found.leftovers.filter((each) => each.stateDir === stateDir && isOfHome(each))
  const named = [...over.filter(({ attemptId }) => busy || !job.ledger.names(attemptId)), ...working]
  const { completedMs, failedMs } = job.retention
  const keepMs = Math.max(job.olderThanMs ?? Math.max(completedMs, failedMs), busy ? openingMs : 0)
  return { job, busy, before: Math.min(job.clock.now() - keepMs, ...named.map(begunAt)) }
}

/** Nothing of a conversation was written before this, ms since the epoch. */
function begunAt({ stateDir, attemptId }: Leftover): number {
  const prepared = statSync(statePlaces(stateDir, attemptId).done, { throwIfNoEntry: false })
  return prepared?.mtimeMs ?? Number.POSITIVE_INFINITY
}

/** Gives the bytes that went, or would go. */
async function clearFolder(sweep: Sweep, folder: HeldFolder, depth: number): Promise<number> {
  const { job, before, busy } = sweep
  job.signal?.throwIfAborted()
  const names = folder.names()
  if (names.some(isDatabase) && (await newestIn(folder, depth)) >= before) return 0
  let bytes = 0
  for (const name of names) {
    const entry = await seen(folder, name)
    if (entry === null) continue
    if (entry.isFolder) {
      if (depth < maxDepth) {
        using inner = new HeldFolder(folder.at(name))
        bytes += await clearFolder(sweep, inner, depth + 1)
      }
      if (!job.dryRun && !busy && depth >= placesDepth && entry.writtenAt < before) await went(rmdir(folder.at(name)))
    } else if (entry.writtenAt < before && !(busy && entry.size === 0)) {
      if (job.dryRun || (await went(unlink(folder.at(name))))) bytes += entry.bytes
    }
  }
  return bytes
}

/** A database, its log and what lies beside it are one thing: a part of it would be worth nothing, or less. */
function isDatabase(name: string): boolean {
  return name.endsWith('.db')
}

async function newestIn(folder: HeldFolder, depth: number): Promise<number> {
  let newest = 0
  for (const name of folder.names()) {
    const entry = await seen(folder, name)
    if (entry === null) continue
    if (!entry.isFolder) newest = Math.max(newest, entry.writtenAt)
    else if (depth < maxDepth) {
      using inner = new HeldFolder(folder.at(name))
      newest = Math.max(newest, await newestIn(inner, depth + 1))
    }
  }
  return newest
}

interface Entry {
  readonly isFolder: boolean
  readonly size: number
  readonly bytes: number
  /** By the kernel's own account (ctime): whoever owns a file can set its time of change to anything. Ms since the epoch. */
  readonly writtenAt: number
}

/** Null: it is gone. */
async function seen(folder: HeldFolder, name: string): Promise<Entry | null> {
  const found = await lstat(folder.at(name)).catch(() => null)
  if (found === null) return null
  const { size, blocks, ctimeMs } = found
  return { isFolder: found.isDirectory(), size, bytes: blocks * blockBytes, writtenAt: ctimeMs }
}

/** False: gone before, or in use again, or not to be touched. It is left as it is, and the next clean-up looks again. */
function went(act: Promise<void>): Promise<boolean> {
  return act.then(
    () => true,
    () => false,
  )
}
