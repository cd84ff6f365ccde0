// Looks at all registered repositories at once: a broken or slow one is skipped with its sentence and holds up no other.

import type { UsableRepo } from './inspect.ts'
import { inspectRepo } from './inspect.ts'
import type { RegisteredRepo } from './registry.ts'

export type SurveyedRepo =
  | { readonly repo: RegisteredRepo; readonly problem: null; readonly found: UsableRepo }
  | { readonly repo: RegisteredRepo; readonly problem: string; readonly found: null }

/** Same order as given. Takes as long as the slowest, at most a few times `timeoutMs` (default 10 s for each git command). */
export async function surveyRepos(
  repos: readonly RegisteredRepo[],
  options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
): Promise<SurveyedRepo[]> {
  return Promise.all(
    repos.map(async (repo): Promise<SurveyedRepo> => {
      const found = await inspectRepo(repo.path, options)
      if (!found.usable) return { repo, problem: found.problem, found: null }
      const problem = movedGitFolder(repo, found)
      return problem === null ? { repo, problem: null, found } : { repo, problem, found: null }
    }),
  )
}

/** A checkout that now points at another git folder is not the repository that was registered. Null: it is. */
export function movedGitFolder(repo: Pick<RegisteredRepo, 'path' | 'commonDir'>, found: UsableRepo): string | null {
  if (found.path === repo.path && found.commonDir === repo.commonDir) return null
  return `${repo.path} now has its git folder at ${found.commonDir}, not ${repo.commonDir}; register it again if that is meant: capstan repo add ${repo.path}`
}
