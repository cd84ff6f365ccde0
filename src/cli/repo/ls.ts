// capstan repo ls

import { listRepos } from '../../daemon/repos/registry.ts'
import { surveyRepos } from '../../daemon/repos/survey.ts'
import type { Context } from '../context.ts'
import { dataDirOf, repoRegistryPath } from '../data-dir.ts'
import { tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
import { wrap } from '../render/wrap.ts'
import type { Given } from '../spec.ts'
import type { repoOptions } from './options.ts'

export async function listRepositories(given: Given<typeof repoOptions>, context: Context): Promise<number> {
  const { terminal } = context
  const repos = listRepos(repoRegistryPath(dataDirOf(context, given.options.data)))
  const surveyed = await surveyRepos(repos, { signal: context.signal })
  if (given.json) terminal.json(surveyed.map(({ repo, problem }) => ({ ...repo, problem })))
  else if (repos.length === 0) terminal.out('no repository is registered here; add one with: capstan repo add PATH')
  else {
    const rows = surveyed.map(({ repo, problem }) => [repo.slug, problem === null ? 'ok' : 'fails', oneLine(repo.path)])
    terminal.out(...tableLines({ head: ['SLUG', 'STATE', 'PATH'], rows, flexible: 2 }, terminal.width, terminal.style))
    for (const { repo, problem } of surveyed) {
      if (problem !== null) terminal.out('', ...wrap(`${repo.slug}: ${oneLine(problem)}`, terminal.width))
    }
  }
  return 0
}
