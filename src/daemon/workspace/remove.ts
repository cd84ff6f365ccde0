// Removes a workspace once everything in it is proved to be kept elsewhere; what cannot be proved stays and says why.

import { chmodSync, existsSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { gitOrNull, runGit } from '../../lib/git.ts'
import { withLock } from '../../lib/lock.ts'
import { isInside } from '../repos/registry.ts'
import { captureLock, finalIndexOf, lookAt } from './capture.ts'
import { checkpointHome, checkpointRef, nestedRef } from './checkpoint.ts'
import { releaseShared } from './hold.ts'
import { worktreeLock } from './intent.ts'
import type { NestedRepo } from './nested.ts'
import type { Workspace } from './port.ts'
import { realOrNull } from './private-git.ts'

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
  const misplaced = outsideRoot(workspace)
  if (misplaced !== null) return { removed: false, kept: misplaced }
  if (existsSync(workspace.path)) {
    const kept = await reasonToKeep(workspace, signal)
    if (kept !== null) return { removed: false, kept }
  }
  await takeAway(workspace)
  forget(workspace)
  return { removed: true }
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
  const { sha } = state.head
  if (sha !== null && (await runGit(['merge-base', '--is-ancestor', sha, ref], home)).code !== 0) {
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
  removeTree(workspace.path)
  const { commonDir, adminDir, branch, baseSha } = workspace
  if (commonDir === null || !existsSync(commonDir)) return
  await withLock(worktreeLock(commonDir), {}, async () => {
    const at = { cwd: commonDir, gitDir: commonDir } // no signal: a removal that has begun is brought to its end
    await gitOrNull(['worktree', 'remove', '-f', '-f', '--', workspace.path], at)
    const ours =
      adminDir !== null && dirname(adminDir) === join(commonDir, 'worktrees') && realOrNull(adminDir) === adminDir
    if (ours) rmSync(adminDir, { recursive: true, force: true }) // git would not when the agent had changed its `gitdir`
    if (branch === null || baseSha === null) return
    await gitOrNull(['update-ref', '--no-deref', '-d', `refs/heads/${branch}`, baseSha], at) // refused when it stands elsewhere
  })
}

/** The daemon's state of it goes too, but for changed copies, and for scratch its git folder: there the checkpoint lies. */
function forget(workspace: Workspace): void {
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
  if (existsSync(folder) && readdirSync(folder).length === 0) rmSync(folder, { recursive: true })
}

/** Also folders without write permission, as package caches make them. Links are removed, never followed. */
function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM'))) throw error
    openFolders(path)
    rmSync(path, { recursive: true, force: true })
  }
}

function openFolders(path: string): void {
  if (!lstatSync(path).isDirectory()) return
  chmodSync(path, 0o700)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) openFolders(join(path, entry.name))
  }
}
