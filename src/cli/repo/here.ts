// The registered repository that the current folder is in: the default of task add.

import { Problem } from '../../core/problem.ts'
import type { Context } from '../context.ts'
import { dataDirOf, repoRegistryPath } from '../data-dir.ts'

/** Its slug, said on standard error; undefined when the folder is in none. */
export async function hereRepo(context: Context): Promise<string | undefined> {
  const { inspectRepo } = await import('../../daemon/repos/inspect.ts')
  const { listRepos, resolveInside } = await import('../../daemon/repos/registry.ts')
  const repos = listRepos(repoRegistryPath(dataDirOf(context, undefined)))
  if (repos.length === 0) return undefined
  try {
    const { repo } = resolveInside(repos, context.cwd)
    if (!context.json) {
      context.terminal.note(`in repository ${repo.slug} (another: --repo SLUG; none: --workspace-mode scratch)`)
      const found = await inspectRepo(repo.path, { signal: context.signal, timeoutMs: 2_000 })
      if (found.usable) context.terminal.note(...found.notices.map((notice) => `note: ${notice}`))
    }
    return repo.slug
  } catch (error) {
    if (error instanceof Problem && error.code === 'repo_not_allowed') return undefined
    throw error
  }
}
