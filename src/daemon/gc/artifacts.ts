// Ignored files of a finished run (node_modules, target, …): the first to go when the disk is short. They are not work.

import { join } from 'node:path'
import { gitBytes, longGitMs, zeroSeparated } from '../../lib/git.ts'
import type { Workspace } from '../workspace/port.ts'
import { privately } from '../workspace/private-git.ts'
import { bytesOf, removeTree } from '../workspace/tree.ts'

/** Removes them, or only measures. Files that were brought along from the checkout stay: they are settings. Gives the bytes. */
export async function dropArtifacts(
  workspace: Workspace,
  how: { readonly dryRun: boolean; readonly signal?: AbortSignal | undefined },
): Promise<number> {
  const options = privately(workspace, { indexFile: workspace.baseIndex, signal: how.signal, timeoutMs: longGitMs })
  const args = ['ls-files', '--others', '--ignored', '--exclude-standard', '--directory', '-z', '--']
  const listed = zeroSeparated(await gitBytes(args, { ...options, maxBytes: 268_435_456 }))
  const brought = new Set(workspace.carried.map(({ path }) => path))
  let bytes = 0
  for (const name of listed.map((each) => each.replace(/\/$/, ''))) {
    if (brought.has(name) || [...brought].some((path) => path.startsWith(`${name}/`))) continue
    const path = join(workspace.path, name)
    bytes += await bytesOf(path)
    if (!how.dryRun) await removeTree(path)
  }
  return bytes
}
