// Removes a workspace once everything in it is proved to be kept elsewhere; what cannot be proved stays and says why.

import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { gitOrNull, runGit } from '../../lib/git.ts'
import { withLock } from '../../lib/lock.ts'
import { isInside } from '../repos/registry.ts'
import { clearBranchLock } from './branch.ts'
import { captureLock, finalIndexOf, lookAt } from './capture.ts'
import { checkpointHome, checkpointRef, nestedRef } from './checkpoint.ts'
import { readHead } from './head.ts'
import { releaseShared } from './hold.ts'
import { worktreeLock } from './intent.ts'
import type { NestedRepo } from './nested.ts'
import type { Workspace } from './port.ts'
import { readBounded, realOrNull } from './private-git.ts'
import { removeTree } from './tree.ts'

export type Removed = { readonly removed: true } | { readonly removed: false; readonly kept: string }

/**
 * Removes the folder and its registration; the branch too when nothing was put on it. A `shared` checkout is only given free. Call it when the
 * run's processes have ended. Calling it again is harmless. Never throws for what is in the folder: that is a reason to keep it.
 */
export async function remove(workspace: Workspace, signal?: AbortSignal): Promise<Removed> {
  if (workspace.mode === 'shared') {
    releaseShared(workspace)
    return { removed: true }
  }
  const kept = await whyKept(workspace, signal)
  if (kept !== null) return { removed: false, kept }
  await takeAway(workspace)
  forget(workspace)
  return { removed: true }
}

/** Why the workspace must stay: something in it is not proved to be kept elsewhere. Null: nothing would be lost with it. */
export async function whyKept(workspace: Workspace, signal?: AbortSignal): Promise<string | null> {
  if (workspace.mode === 'shared') return null
  const misplaced = outsideRoot(workspace)
  if (misplaced !== null) return misplaced
  return existsSync(workspace.path) ? reasonToKeep(workspace, signal) : reasonWithoutFolder(workspace, signal)
}

/** Only a folder below the root that Capstan made, and not by way of a link. */
function outsideRoot(workspace: Workspace): string | null {
  const { path, root } = workspace
  if (root === null || path === root || !isInside(root, path) || realOrNull(root) !== root) {
    return `${path} is not in a folder that Capstan made`
  }
  const real = realOrNull(path)
  if (real !== null && real !== path) return `${path} was replaced by a link to ${real}`
  return realOrNull(dirname(path)) === dirname(path) || real === null ? null : `${dirname(path)} was replaced by a link`
}

/** The folder is gone, but git's data of it may be in use elsewhere, or be all that names the agent's last commits. */
async function reasonWithoutFolder(workspace: Workspace, signal: AbortSignal | undefined): Promise<string | null> {
  const { adminDir, commonDir } = workspace
  if (adminDir === null || commonDir === null || realOrNull(adminDir) !== adminDir) return null
  const pointer = readBounded(join(adminDir, 'gitdir'), { maxBytes: 4_096, links: 'refused' })?.toString('utf8').trim()
  if (pointer !== undefined && pointer !== join(workspace.path, '.git') && existsSync(pointer)) {
    return `${workspace.path} was moved to ${dirname(pointer)}`
  }
  const { sha, branch } = await readHead(workspace, signal)
  if (sha === null || branch !== null) return null
  const home = checkpointHome(workspace, signal)
  if (await isContained(sha, [checkpointRef(workspace), workspace.baseSha], home)) return null
  return `${workspace.path} is gone, and only its HEAD holds the commit ${sha.slice(0, 10)}; give it a branch: git branch NAME ${sha.slice(0, 10)}`
}

async function isContained(
  sha: string,
  tips: readonly (string | null)[],
  home: Parameters<typeof runGit>[1],
): Promise<boolean> {
  for (const tip of tips) {
    if (tip !== null && (await runGit(['merge-base', '--is-ancestor', sha, tip], home)).code === 0) return true
  }
  return false
}

async function reasonToKeep(workspace: Workspace, signal: AbortSignal | undefined): Promise<string | null> {
  const indexFile = `${workspace.baseIndex}.remove`
  try {
    return await withLock(captureLock(workspace), { signal }, () => unkept(workspace, indexFile, signal))
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof Problem) return error.detail
    throw error
  } finally {
    rmSync(indexFile, { force: true })
  }
}

async function unkept(
  workspace: Workspace,
  indexFile: string,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  if (!existsSync(workspace.baseIndex))
    return `the daemon's record of ${workspace.path} is gone, so its content cannot be compared`
  const home = checkpointHome(workspace, signal)
  const ref = checkpointRef(workspace)
  const keptTree = await gitOrNull(['rev-parse', '--verify', '--quiet', `${ref}^{tree}`], home)
  if (keptTree === null) return `there is no checkpoint ${ref}`
  const state = await lookAt(workspace, indexFile, signal)
  if (state.missing[0] !== undefined) return state.missing[0]
  if (state.treeId !== keptTree) return 'files changed since the last checkpoint'
  const { sha, branch } = state.head
  // a branch stays when the worktree goes, and with it the delivery that was put on top of the checkpoint's parent
  if (sha !== null && branch === null && (await runGit(['merge-base', '--is-ancestor', sha, ref], home)).code !== 0) {
    return 'there are commits that the checkpoint does not hold'
  }
  for (const [number, repo] of state.nested.entries()) {
    const reason = await nestedUnkept(repo, nestedRef(workspace, number), home)
    if (reason !== null) return reason
  }
  return null
}

async function nestedUnkept(repo: NestedRepo, ref: string, home: Parameters<typeof runGit>[1]): Promise<string | null> {
  const changed = `the nested repository ${repo.path} is not wholly kept`
  if (repo.lost !== null) return `${changed}: ${repo.lost}`
  if ((await gitOrNull(['rev-parse', '--verify', '--quiet', `${ref}^{tree}`], home)) !== repo.treeId) return changed
  if (repo.headSha === null || repo.unchanged) return null
  return (await runGit(['merge-base', '--is-ancestor', repo.headSha, ref], home)).code === 0 ? null : changed
}

async function takeAway(workspace: Workspace): Promise<void> {
  await removeTree(workspace.path)
  const { commonDir, adminDir, branch, baseSha } = workspace
  if (commonDir === null || !existsSync(commonDir)) return
  await withLock(worktreeLock(commonDir), {}, async () => {
    const at = { cwd: commonDir, gitDir: commonDir } // no signal: a removal that has begun is brought to its end
    await gitOrNull(['worktree', 'remove', '-f', '-f', '--', workspace.path], at)
    const ours =
      adminDir !== null && dirname(adminDir) === join(commonDir, 'worktrees') && realOrNull(adminDir) === adminDir
    if (ours) rmSync(adminDir, { recursive: true, force: true }) // git would not when the agent had changed its `gitdir`
    if (branch === null || baseSha === null) return
    clearBranchLock(commonDir, branch)
    await dropBranch(commonDir, branch, baseSha)
  })
}

/** Deletes a branch that stands at `sha`; one that stands elsewhere stays. */
export async function dropBranch(commonDir: string, branch: string, sha: string): Promise<boolean> {
  const args = ['update-ref', '--no-deref', '-d', `refs/heads/${branch}`, sha]
  return (await gitOrNull(args, { cwd: commonDir, gitDir: commonDir })) !== null
}

/** The daemon's state of it goes too, but for changed copies, and for scratch its git folder: there the checkpoint lies. */
export function forget(workspace: Workspace): void {
  const folder = dirname(workspace.baseIndex)
  const files = [
    workspace.baseIndex,
    finalIndexOf(workspace),
    join(folder, 'workspace.json'),
    join(folder, 'intent.json'),
  ]
  for (const file of files) rmSync(file, { force: true })
  for (const end of ['', '-wal', '-shm']) rmSync(`${captureLock(workspace)}${end}`, { force: true })
  if (workspace.commonDir !== null) rmSync(workspace.gitDir, { recursive: true, force: true })
  for (const name of ['clone', 'gitfile']) rmSync(join(folder, name), { recursive: true, force: true })
  if (existsSync(folder) && readdirSync(folder).length === 0) rmSync(folder, { recursive: true })
}
