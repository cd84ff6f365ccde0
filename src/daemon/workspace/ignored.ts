// What git ignores in a workspace: installed packages, build output. It is not work, it can be made again.

import { gitBytes, longGitMs, zeroSeparated } from '../../lib/git.ts'
import type { Workspace } from './port.ts'
import { privately } from './private-git.ts'

const maxListBytes = 268_435_456

/**
 * Ignored files and whole ignored folders (without a slash at the end), less what was brought along from the checkout: that is settings, often
 * secrets. A folder that holds some of it is given as its other files. Paths are below the workspace.
 */
export async function ignoredEntries(workspace: Workspace, signal?: AbortSignal): Promise<string[]> {
  const options = privately(workspace, { indexFile: workspace.baseIndex, signal, timeoutMs: longGitMs })
  const list = async (...more: string[]) => {
    const args = ['ls-files', '--others', '--ignored', '--exclude-standard', '-z', ...more, '--']
    const listed = zeroSeparated(await gitBytes(args, { ...options, maxBytes: maxListBytes }))
    return listed.map((each) => each.replace(/\/$/, ''))
  }
  const brought = workspace.carried.map(({ path }) => path)
  const own = (await list('--directory')).filter((path) => !brought.includes(path))
  const mixed = own.filter((path) => brought.some((each) => each.startsWith(`${path}/`)))
  if (mixed.length === 0) return own
  const inside = (path: string) => mixed.some((folder) => path.startsWith(`${folder}/`))
  const free = (path: string) => !brought.some((each) => path === each || path.startsWith(`${each}/`))
  return [...own.filter((path) => !mixed.includes(path)), ...(await list()).filter(inside).filter(free)]
}
