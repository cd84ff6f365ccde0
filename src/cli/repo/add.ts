// capstan repo add

import { resolve } from 'node:path'
import { addRepo } from '../../daemon/repos/registry.ts'
import type { Context } from '../context.ts'
import { dataDirOf, repoRegistryPath } from '../data-dir.ts'
import { oneLine } from '../render/visible.ts'
import type { Given } from '../spec.ts'
import type { repoAddOptions } from './options.ts'
import { awaitServed } from './served.ts'

export async function addRepository(given: Given<typeof repoAddOptions>, context: Context): Promise<number> {
  const { slug, trust, data } = given.options
  const path = resolve(context.cwd, given.args[0] ?? '.')
  const dataDir = dataDirOf(context, data)
  const added = await addRepo(repoRegistryPath(dataDir), { path, slug, trust }, context.signal)
  const { repo } = added
  const notices = [...added.notices, ...(await awaitServed(dataDir, [repo.slug], context))]
  if (given.json) context.terminal.json({ ...repo, notices })
  else context.terminal.out(`${repo.slug}  ${repo.path}`, ...notices.map((notice) => `  note: ${oneLine(notice)}`))
  return 0
}
