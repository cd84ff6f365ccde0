// A SQLite database as a file: whose it is, and what is said when it cannot be opened.

import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { Problem } from '../core/problem.ts'

/** The file holds no database that can be read. */
export function isDamaged(error: unknown): boolean {
  return !(error instanceof Problem) && /malformed|not a database|disk I\/O error/.test(messageOf(error))
}

/** Looked at before the lock is taken beside it: whose file it is, is not known yet. An empty file is a database without tables. */
export function refuseOtherFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || (found.isFile() && found.size === 0)) return
  if (found.isFile() && opened(path, () => headOf(path)) === magic) return
  const what = found.isDirectory() ? 'is a folder' : 'is no SQLite database'
  throw new Problem('configuration', `${path} ${what}; move it away, or choose another file with --database`)
}

const magic = 'SQLite format 3\0'

function headOf(path: string): string {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(magic.length)
    return head.toString('latin1', 0, readSync(file, head))
  } finally {
    closeSync(file)
  }
}

/** What SQLite or the system says of a file that cannot be opened, as a problem of the configuration. */
export function opened<T>(path: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    throw error instanceof Problem ? error : unopened(path, error)
  }
}

export function unopened(path: string, cause: unknown): Problem {
  const detail = `the database ${path} cannot be opened (${messageOf(cause)}); choose another with --database`
  return new Problem('configuration', detail, { cause })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
