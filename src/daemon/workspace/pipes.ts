// A pipe where git reads rules, or in the git folder of a nested repository, makes git wait for ever: found and named instead of waited for.

import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { longGitMs } from '../../lib/git.ts'

/** Nearly every repository is read within this; after it a look for pipes is worth its time. */
export const patienceMs = 8_000

/**
 * Runs `work` with a short timeout, and after a look for pipes in `folder` again with the long one. Throws `workspace_failed` naming the pipe.
 * `work` must be harmless to run twice.
 */
export async function unlessPiped<T>(
  folder: string,
  firstMs: number,
  work: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  try {
    return await work(firstMs)
  } catch (error) {
    if (!(error instanceof Problem && error.cause === 'timeout')) throw error
    const pipe = await findPipe(folder)
    if (pipe === null) return work(longGitMs)
    throw new Problem('workspace_failed', `${pipe} is a pipe, and git would wait for ever to read it; delete it.`, {
      cause: error,
    })
  }
}

function inGitFolder(folder: string): boolean {
  return `${folder}${sep}`.includes(`${sep}.git${sep}`)
}

const readByGit: ReadonlySet<string> = new Set(['.gitignore', '.gitattributes', '.gitmodules'])

async function findPipe(folder: string): Promise<string | null> {
  const waiting = [folder]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const entries = await readdir(at, { withFileTypes: true }).catch(() => []) // gone or unreadable: git skips it too
    for (const entry of entries) {
      if (entry.isDirectory()) waiting.push(join(at, entry.name))
      else if (entry.isFile() || entry.isSymbolicLink()) continue
      else if (readByGit.has(entry.name) || inGitFolder(at)) return join(at, entry.name)
    }
  }
  return null
}
