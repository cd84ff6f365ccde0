// The registered repository that the current folder is in: the default of task add.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import type { Context } from '../context.ts'
import { dataDirOf, repoRegistryPath } from '../data-dir.ts'

export interface Here {
  readonly slug: string
  /** For standard error, once the task is there: a refusal should stand alone. */
  readonly notes: readonly string[]
}

/**
 * Undefined when the folder is in no checkout at all. Throws `unknown_repo` in a checkout that is not
 * registered: an agent at work in an empty folder instead would be a surprise.
 */
export async function hereRepo(context: Context): Promise<Here | undefined> {
  const { inspectRepo } = await import('../../daemon/repos/inspect.ts')
  const { listRepos, resolveInside } = await import('../../daemon/repos/registry.ts')
  const repos = listRepos(repoRegistryPath(dataDirOf(context, undefined)))
  try {
    const { repo } = resolveInside(repos, context.cwd)
    if (context.json) return { slug: repo.slug, notes: [] }
    const found = await inspectRepo(repo.path, { signal: context.signal, timeoutMs: 2_000 })
    const notices = found.usable ? found.notices.map((notice) => `note: ${notice}`) : []
    const chosen = `in repository ${repo.slug} (another: --repo SLUG; none: --workspace-mode scratch)`
    return { slug: repo.slug, notes: [chosen, ...notices] }
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'repo_not_allowed') throw error
  }
  if (!isCheckout(context.cwd)) return undefined
  const remedy = 'register it with: capstan repo add . (or name one with --repo, or none with --workspace-mode scratch)'
  throw new Problem('unknown_repo', `${context.cwd} is in a repository that is not registered here; ${remedy}`)
}

function isCheckout(folder: string): boolean {
  const bare = existsSync(join(folder, 'HEAD')) && existsSync(join(folder, 'objects'))
  if (bare || existsSync(join(folder, '.git'))) return true
  const above = dirname(folder)
  return above !== folder && isCheckout(above)
}
