// Ignored files of a finished run (node_modules, target, …): the first to go when the disk is short. They are not work.

import { join } from 'node:path'
import { ignoredEntries } from '../workspace/ignored.ts'
import type { Workspace } from '../workspace/port.ts'
import { bytesOf, removeTree } from '../workspace/tree.ts'

/** Removes them, or only measures. Files that were brought along from the checkout stay: they are settings. Gives the bytes. */
export async function dropArtifacts(
  workspace: Workspace,
  how: { readonly dryRun: boolean; readonly signal?: AbortSignal | undefined },
): Promise<number> {
  let bytes = 0
  for (const name of await ignoredEntries(workspace, how.signal)) {
    const path = join(workspace.path, name)
    bytes += await bytesOf(path)
    if (!how.dryRun) await removeTree(path)
  }
  return bytes
}
