// Brings a checkpoint back as a worktree on a branch of its own.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { gitFailed, gitOrNull, longGitMs, runGit } from '../../lib/git.ts'
import { commitOf, requireBranchName } from '../../lib/git-refs.ts'
import { withLock } from '../../lib/lock.ts'
import { inspectRepo } from '../repos/inspect.ts'
import { worktreeLock } from './intent.ts'
import { copyIndex, makePrivateGit, populate } from './private-git.ts'

export interface RestoreRequest {
  readonly repoPath: string
  /** A checkpoint's ref, or a commit. */
  readonly commit: string
  /** A folder that does not exist or is empty. */
  readonly path: string
  readonly branch: string
  readonly signal: AbortSignal
}

export interface Restored {
  readonly path: string
  readonly branch: string
  readonly commit: string
}

/** Throws `not_found`, `already_exists` or `workspace_failed`; nothing is left behind then. */
export async function restore(request: RestoreRequest): Promise<Restored> {
  const branch = requireBranchName(request.branch)
  const repo = await inspectRepo(request.repoPath, { signal: request.signal })
  if (!repo.usable) throw new Problem('workspace_failed', repo.problem)
  const { commonDir } = repo
  const main = { cwd: commonDir, gitDir: commonDir, signal: request.signal }
  const commit = await commitOf(request.commit, main)
  if (commit === null)
    throw new Problem('not_found', `${repo.path} has no checkpoint ${request.commit}; another host may hold it.`)
  if ((await commitOf(`refs/heads/${branch}`, main)) !== null) {
    throw new Problem('already_exists', `the branch ${branch} exists in ${repo.path}; choose another.`)
  }
  if (existsSync(request.path) && readdirSync(request.path).length > 0) {
    throw new Problem('already_exists', `${request.path} is not empty; choose another folder.`)
  }
  mkdirSync(dirname(request.path), { recursive: true })
  await withLock(worktreeLock(commonDir), { signal: request.signal }, async () => {
    const added = await runGit(
      ['worktree', 'add', '--no-track', '--no-checkout', '-b', branch, '--', request.path, commit],
      main,
    )
    if (added.code !== 0) throw gitFailed(['worktree add'], repo.path, added)
  })
  try {
    await fill(request, commonDir, commit)
  } catch (error) {
    await takeBack(request.path, { branch, commit, commonDir })
    throw error
  }
  return { path: realpathSync(request.path), branch, commit }
}

async function fill(request: RestoreRequest, commonDir: string, commit: string): Promise<void> {
  const state = mkdtempSync(join(tmpdir(), 'capstan-restore-'))
  try {
    const gitDir = join(state, 'git')
    await makePrivateGit(gitDir, commonDir, request.signal)
    const place = { path: realpathSync(request.path), gitDir, objectDir: join(commonDir, 'objects') }
    const index = join(state, 'index')
    await populate(place, commit, index, { signal: request.signal, timeoutMs: longGitMs })
    const adminDir = readFileSync(join(place.path, '.git'), 'utf8')
      .trim()
      .replace(/^gitdir: /, '')
    copyIndex(index, join(adminDir, 'index'))
  } finally {
    rmSync(state, { recursive: true, force: true })
  }
}

async function takeBack(path: string, made: { branch: string; commit: string; commonDir: string }): Promise<void> {
  rmSync(path, { recursive: true, force: true })
  const at = { cwd: made.commonDir, gitDir: made.commonDir } // no signal: cleaning up is done when the call was aborted too
  await withLock(worktreeLock(made.commonDir), {}, async () => {
    await gitOrNull(['worktree', 'remove', '-f', '-f', '--', path], at)
    await gitOrNull(['update-ref', '--no-deref', '-d', `refs/heads/${made.branch}`, made.commit], at)
  })
}
