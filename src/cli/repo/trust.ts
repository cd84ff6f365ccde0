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
  const { file, agents } = await trustRepo(registry, nameOrPath(name, context.cwd), context.signal)
  if (given.json) context.terminal.json({ repo: name, trusted: file, agents })
  else {
    if (file !== null)
      context.terminal.out(`${name}: its .capstan/repo.toml may run from now on (${file.slice(0, 19)}…)`)
    for (const [harness, { paths }] of Object.entries(agents)) {
      context.terminal.out(`${name}: ${harness} obeys its ${paths.join(', ')} from now on`)
    }
  }
  return 0
}
