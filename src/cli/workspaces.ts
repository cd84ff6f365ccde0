// Which repositories a daemon that is started here serves.

import { resolve } from 'node:path'
import { Problem } from '../core/problem.ts'
import type { Context } from './context.ts'

export interface Workspaces {
  /** Absolute; a daemon's identity is kept per identity and workspace. */
  readonly workspace: string
  /** Checkouts to register. */
  readonly repos: readonly string[]
  /** What a person should know, such as that there is no repository here. */
  readonly notices: readonly string[]
}

/**
 * `--workspace` and `--add-workspace`, else the current folder if it is a usable repository. Throws `configuration` with its sentence when a
 * named one cannot be used; the current folder only gives a notice.
 */
export async function chooseWorkspaces(
  options: { readonly workspace?: string; readonly addWorkspace?: readonly string[] },
  context: Pick<Context, 'cwd' | 'signal'>,
): Promise<Workspaces> {
  const { inspectRepo } = await import('../daemon/repos/inspect.ts')
  const notices: string[] = []
  const repos: string[] = []
  const look = async (path: string) => {
    const found = await inspectRepo(path, { signal: context.signal })
    if (found.usable) repos.push(found.path)
    return found.usable ? null : found.problem
  }
  const workspace = resolve(context.cwd, options.workspace ?? '.')
  const problem = await look(workspace)
  if (problem !== null && options.workspace !== undefined) throw new Problem('configuration', problem)
  if (problem !== null) notices.push(`no repository is served from here: ${problem}`)
  for (const each of options.addWorkspace ?? []) {
    const wrong = await look(resolve(context.cwd, each))
    if (wrong !== null) throw new Problem('configuration', wrong)
  }
  return { workspace, repos, notices }
}
