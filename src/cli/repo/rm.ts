// capstan repo rm

import { removeRepo } from '../../daemon/repos/registry.ts'
import type { Context } from '../context.ts'
import { dataDirOf, repoRegistryPath } from '../data-dir.ts'
import type { Given } from '../spec.ts'
import { nameOrPath } from './name.ts'
import type { repoOptions } from './options.ts'

export async function removeRepository(given: Given<typeof repoOptions>, context: Context): Promise<number> {
  const registry = repoRegistryPath(dataDirOf(context, given.options.data))
  const repo = await removeRepo(registry, nameOrPath(given.args[0] ?? '', context.cwd), context.signal)
  if (given.json) context.terminal.json(repo)
  else context.terminal.out(`${repo.slug} is off the list; ${repo.path} is left as it is`)
  return 0
}
