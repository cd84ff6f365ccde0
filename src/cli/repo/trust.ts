// capstan repo trust

import { trustRepo } from '../../daemon/repos/registry.ts'
import type { Context } from '../context.ts'
import { dataDirOf, repoRegistryPath } from '../data-dir.ts'
import type { Given } from '../spec.ts'
import { nameOrPath } from './name.ts'
import type { repoOptions } from './options.ts'

export async function trustRepository(given: Given<typeof repoOptions>, context: Context): Promise<number> {
  const registry = repoRegistryPath(dataDirOf(context, given.options.data))
  const name = given.args[0] ?? ''
  const cid = await trustRepo(registry, nameOrPath(name, context.cwd), context.signal)
  if (given.json) context.terminal.json({ repo: name, trusted: cid })
  else context.terminal.out(`${name}: its .capstan/repo.toml may run from now on (${cid.slice(0, 19)}…)`)
  return 0
}
