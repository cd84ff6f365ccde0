// Makes a ready worktree of one that a run no longer needs: proved kept, moved aside, reset, cleaned.

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import { git, gitBytes, longGitMs, runGit } from '../../lib/git.ts'
import { withLock } from '../../lib/lock.ts'
import { clearBranchLock } from './branch.ts'
import { finalIndexOf } from './capture.ts'
import { entriesIn } from './index-file.ts'
import { worktreeLock } from './intent.ts'
import type { Workspace } from './port.ts'
import { copyIndex, privately, realOrNull } from './private-git.ts'
import { dropBranch, forget, whyKept } from './remove.ts'
import { openFolders } from './tree.ts'
import type { WarmTree } from './warm-tree.ts'
import { discardWarm, joinAdminDir, listWarm, settingsText, warmFolder, warmIndex, writeWarm } from './warm-tree.ts'

export interface WarmTerms {
  readonly stateDir: string
  /** At most so many for one repository. */
  readonly most: number
  /** Only for repositories with more files. */
  readonly minFiles: number
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
}

/** True when the workspace is of a large repository that has room for one more ready worktree. */
export function worthWarming(workspace: Workspace, terms: WarmTerms): boolean {
  const { mode, adminDir, baseSha, baseIndex, commonDir } = workspace
  if (mode !== 'worktree' || adminDir === null || baseSha === null || !existsSync(baseIndex)) return false
  const have = listWarm(terms.stateDir).filter((tree) => tree.record.commonDir === commonDir)
  return have.length < terms.most && entriesIn(baseIndex) > terms.minFiles
}

export type Recycled =
  | { readonly recycled: true; readonly path: string }
  /** `kept`: why it stays where it is. Null: it was taken away, but could not be made ready. */
  | { readonly recycled: false; readonly kept: string | null }

/**
 * Turns a finished run's worktree into a ready one instead of deleting it. Nothing in it is touched before all of it is proved to be kept;
 * then its branch is free, its folder moved, and a failure or crash only costs the ready worktree.
 */
export async function recycle(workspace: Workspace, terms: WarmTerms): Promise<Recycled> {
  const kept = await whyKept(workspace, terms.signal)
  if (kept !== null) return { recycled: false, kept }
  const tree = await moveAside(workspace, terms)
  if (tree === null) return { recycled: false, kept: 'it has not the shape of a worktree any more' }
  try {
    await clean(tree, workspace, terms)
    writeWarm(tree.folder, { ...tree.record, state: 'ready', at: terms.clock.now() })
    return { recycled: true, path: tree.record.path }
  } catch (error) {
    await discardWarm(tree)
    terms.signal?.throwIfAborted()
    if (error instanceof Problem) return { recycled: false, kept: null }
    throw error
  }
}

/** Null: git's data of the worktree was swapped or lost, so there is nothing to go on with. */
async function moveAside(workspace: Workspace, terms: WarmTerms): Promise<WarmTree | null> {
  const { path, root, commonDir, adminDir, baseSha, branch } = workspace
  if (root === null || commonDir === null || adminDir === null || baseSha === null) return null
  if (dirname(adminDir) !== join(commonDir, 'worktrees') || realOrNull(adminDir) !== adminDir) return null
  const name = basename(path)
  const folder = join(warmFolder(terms.stateDir), name)
  const to = join(dirname(path), `.warm-${name}`)
  if (existsSync(folder) || existsSync(to)) return null
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const settings = settingsText(workspace.gitDir)
  const at = terms.clock.now()
  const tree: WarmTree = {
    folder,
    record: { state: 'cleaning', path: to, root, commonDir, adminDir, sha: baseSha, settings, at },
  }
  writeWarm(folder, tree.record)
  await withLock(worktreeLock(commonDir), {}, async () => {
    renameSync(path, to)
    remakeAdminDir(tree)
    if (branch !== null) clearBranchLock(commonDir, branch)
    if (branch !== null) await dropBranch(commonDir, branch, baseSha)
  })
  const known = finalIndexOf(workspace)
  copyIndex(existsSync(known) ? known : workspace.baseIndex, warmIndex(folder))
  renameSync(workspace.gitDir, join(folder, 'git'))
  forget(workspace)
  return tree
}

/** Git's data of a worktree, made anew: a detached HEAD, locked, and nothing of what the run left in it. */
function remakeAdminDir({ record }: WarmTree): void {
  rmSync(record.adminDir, { recursive: true, force: true })
  mkdirSync(record.adminDir)
  writeFileSync(join(record.adminDir, 'HEAD'), `${record.sha}\n`)
  writeFileSync(join(record.adminDir, 'commondir'), '../..\n')
  writeFileSync(join(record.adminDir, 'locked'), 'capstan: ready for the next run')
  joinAdminDir(record.path, record.adminDir)
}

/** What git compares times in: an index written in the same second as a file makes git read that file again at every look. */
const secondMs = 1_000

async function clean({ folder, record }: WarmTree, workspace: Workspace, terms: WarmTerms): Promise<void> {
  const place = { path: record.path, gitDir: join(folder, 'git'), objectDir: workspace.objectDir }
  const options = privately(place, { indexFile: warmIndex(folder), signal: terms.signal, timeoutMs: longGitMs })
  const listed = await gitBytes(['ls-tree', '-r', '-z', record.sha], { ...options, maxBytes: 268_435_456 })
  if (/(?:^|\0)160000 /.test(listed.toString('latin1'))) throw new Problem('workspace_failed', 'it has submodules')
  await resetAndClean(place, { indexFile: warmIndex(folder), sha: record.sha, signal: terms.signal })
  await terms.clock.sleep(2 * secondMs, terms.signal)
  await runGit(['update-index', '-q', '--refresh', '--force-write-index'], options) // its code only says that something differs
  if (await isDirty(place, warmIndex(folder), terms.signal)) {
    throw new Problem('workspace_failed', 'files could not be cleaned away')
  }
}

/** Makes the folder hold the files of `sha` and nothing else. No hook and no filter but git-lfs runs. */
export async function resetAndClean(
  place: Pick<Workspace, 'path' | 'gitDir' | 'objectDir'>,
  to: { readonly indexFile: string; readonly sha: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const options = privately(place, { indexFile: to.indexFile, signal: to.signal, timeoutMs: longGitMs })
  await git(['read-tree', '--reset', '-u', to.sha], options)
  // twice -f: also repositories within; -x: also ignored files
  const args = ['clean', '-f', '-f', '-d', '-x', '-q', '--', '.']
  if ((await runGit(args, options)).code === 0) return
  await openFolders(place.path)
  await git(args, options)
}

/** True when anything in the folder is not as in the index, ignored files included. */
export async function isDirty(
  place: Pick<Workspace, 'path' | 'gitDir' | 'objectDir'>,
  indexFile: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const options = { ...privately(place, { indexFile, signal, timeoutMs: longGitMs }), maxBytes: 1 }
  const looks = await Promise.all([
    runGit(['diff-files', '--name-only', '--no-ext-diff', '--ignore-submodules=all', '-z'], options),
    runGit(['ls-files', '--others', '-z', '--'], options),
  ])
  return looks.some(({ code, stdout }) => code !== 0 || stdout.length > 0)
}
