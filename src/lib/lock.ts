// One holder at a time for a name on this host: a queue inside the process and a lock of the kernel between processes.

import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Problem } from '../core/problem.ts'
import { systemClock } from './clock.ts'
import { openSqlite } from './sqlite.ts'

export interface LockOptions {
  readonly signal?: AbortSignal | undefined
  /** How long to wait for the lock. Default 5 min: longer than any step that is done under it. */
  readonly timeoutMs?: number
}

const defaultWaitMs = 300_000
/** Between looks at a lock that another process holds: short beside a `git worktree add` (20 to 200 ms). */
const lookMs = 15

const tails = new Map<string, Promise<void>>()

/**
 * Runs `work` while nobody else, in this process or another, holds the lock at `path` (a file made for it, in a local file system).
 * The kernel frees the lock when its holder dies, so none is ever stale. Not re-entrant. Throws `in_use` when the wait ends first,
 * or the signal's reason.
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const deadline = AbortSignal.timeout(options.timeoutMs ?? defaultWaitMs)
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal])
  const leave = await enter(path, signal, deadline)
  try {
    const unlock = await lockFile(path, signal, deadline)
    try {
      return await work()
    } finally {
      unlock()
    }
  } finally {
    leave()
  }
}

/** Does the work with the lock; null: it was not had in time, and nothing was done. */
export async function whenFree<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T | null> {
  let had = false
  try {
    return await withLock(path, options, async () => {
      had = true
      return await work()
    })
  } catch (error) {
    if (!had && error instanceof Problem && error.code === 'in_use') return null
    throw error
  }
}

/** Waits for the turn within this process; the result ends the turn. */
async function enter(path: string, signal: AbortSignal, deadline: AbortSignal): Promise<() => void> {
  const before = tails.get(path) ?? Promise.resolve()
  const turn = Promise.withResolvers<void>()
  const tail = before.then(() => turn.promise)
  tails.set(path, tail)
  const leave = () => {
    turn.resolve()
    if (tails.get(path) === tail) tails.delete(path)
  }
  try {
    await untilAborted(before, signal)
    return leave
  } catch (error) {
    leave() // the turn is passed on: whoever waits behind still waits for `before` first
    throw deadline.aborted ? held(path, error) : error
  }
}

async function lockFile(path: string, signal: AbortSignal, deadline: AbortSignal): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true })
  const db = openSqlite(path)
  try {
    db.exec('PRAGMA busy_timeout=0')
    for (;;) {
      try {
        db.exec('BEGIN IMMEDIATE')
        return () => db.close() // rolls back, and with it the lock is free
      } catch (error) {
        if (!isBusy(error)) throw error
      }
      await systemClock.sleep(lookMs, signal)
    }
  } catch (error) {
    db.close()
    throw deadline.aborted ? held(path, error) : error
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5 // SQLITE_BUSY
}

function held(path: string, cause: unknown): Problem {
  return new Problem('in_use', `The lock ${path} is held by another process; end that process or wait for it.`, {
    cause,
  })
}

function untilAborted(wait: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  if (signal.aborted) return Promise.reject(signal.reason)
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  void wait.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  return promise
}
