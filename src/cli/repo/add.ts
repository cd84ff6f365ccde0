// capstan repo add

import { resolve } from 'node:path'
import { addRepo } from '../../daemon/repos/registry.ts'
import type { Context } from '../context.ts'
import { dataDirOf, repoRegistryPath } from '../data-dir.ts'
import { oneLine } from '../render/visible.ts'
import type { Given } from '../spec.ts'
import type { repoAddOptions } from './options.ts'

export async function addRepository(given: Given<typeof repoAddOptions>, context: Context): Promise<number> {
  const { slug, trust, data } = given.options
  const path = resolve(context.cwd, given.args[0] ?? '.')
  const registry = repoRegistryPath(dataDirOf(context, data))
  const { repo, notices } = await addRepo(registry, { path, slug, trust }, context.signal)
  if (given.json) context.terminal.json({ ...repo, notices })
  else context.terminal.out(`${repo.slug}  ${repo.path}`, ...notices.map((notice) => `  note: ${oneLine(notice)}`))
  return 0
}
