// Where the workspace's HEAD stands and what its index holds: files that an agent may have replaced by anything.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gitOrNull } from '../../lib/git.ts'
import { commitOf, objectId, validBranchName } from '../../lib/git-refs.ts'
import { agentGitDir, cloneRef } from './clone.ts'
import type { Workspace } from './port.ts'
import { privately, readBounded, realOrNull } from './private-git.ts'

export interface Head {
  readonly sha: string | null
  /** The branch HEAD is on; null: detached. */
  readonly branch: string | null
  /** Why HEAD could not be read and the task's own branch was taken instead. */
  readonly problem: string | null
}

/** A HEAD has one line. */
const maxHeadBytes = 4_096
/** The index of a repository of a few million files. */
const maxIndexBytes = 536_870_912

/** What its HEAD names, be it there or not; null: no branch. */
export function headBranch(workspace: Workspace): string | null {
  return workspace.commonDir === null ? null : branchIn(headText(workspace))
}

/** Never follows a link, never blocks, and falls back to the task's branch, then to the base. Scratch has none. */
export async function readHead(workspace: Workspace, signal: AbortSignal | undefined): Promise<Head> {
  const { commonDir } = workspace
  if (commonDir === null) return { sha: null, branch: null, problem: null }
  const main = { cwd: commonDir, gitDir: commonDir, signal }
  const text = headText(workspace)
  const branch = branchIn(text)
  if (branch !== null) {
    const named = workspace.cloneDir === undefined ? `refs/heads/${branch}` : cloneRef(workspace.cloneDir, branch)
    const sha = named === null ? null : await commitOf(named, main)
    if (sha !== null) return { sha, branch, problem: null }
  }
  if (objectId.test(text)) {
    const sha = await commitOf(text, main)
    if (sha !== null) return { sha, branch: null, problem: null }
  }
  const own = workspace.branch === null ? null : await commitOf(`refs/heads/${workspace.branch}`, main)
  const problem = `HEAD of the workspace names no commit; ${own === null ? 'the base' : `the branch ${workspace.branch}`} was taken instead.`
  return { sha: own ?? workspace.baseSha, branch: own === null ? null : workspace.branch, problem }
}

function headText(workspace: Workspace): string {
  return adminFile(workspace, 'HEAD', maxHeadBytes)?.toString('utf8').trimEnd() ?? ''
}

function branchIn(head: string): string | null {
  const branch = head.startsWith('ref: refs/heads/') ? head.slice('ref: refs/heads/'.length) : null
  return branch !== null && validBranchName(branch) ? branch : null
}

/** The tree that the agent has staged; null when there is none, it is not whole (a merge under way), or it cannot be read. */
export async function stagedTree(workspace: Workspace, signal: AbortSignal | undefined): Promise<string | null> {
  const bytes = adminFile(workspace, 'index', maxIndexBytes)
  if (bytes === null) return null
  const copy = `${workspace.baseIndex}.staged`
  try {
    rmSync(`${copy}.lock`, { force: true }) // of a git that was ended half-way; only the daemon uses this copy
    writeFileSync(copy, bytes, { mode: 0o600 })
    return await gitOrNull(['write-tree'], privately(workspace, { indexFile: copy, signal }))
  } finally {
    rmSync(copy, { force: true })
  }
}

function adminFile(workspace: Workspace, name: string, maxBytes: number): Buffer | null {
  const folder = agentGitDir(workspace)
  if (folder === null || realOrNull(folder) !== folder) return null // swapped for a link
  return readBounded(join(folder, name), { maxBytes, links: 'refused' })
}
