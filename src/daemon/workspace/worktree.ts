// Workspaces as worktrees: a branch and a folder of their own beside the user's checkout.

import { mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { writeFileAtomic } from '../../lib/atomic-file.ts'
import { systemClock } from '../../lib/clock.ts'
import type { ExecResult } from '../../lib/exec.ts'
import type { GitOptions } from '../../lib/git.ts'
import { git, gitFailed, longGitMs, runGit } from '../../lib/git.ts'
import { commitOf } from '../../lib/git-refs.ts'
import { withLock } from '../../lib/lock.ts'
import type { UsableRepo } from '../repos/inspect.ts'
import { noticesOf } from '../repos/inspect.ts'
import { branchCandidates, folderCandidates, freeBranch, repoFolder } from './branch.ts'
import { carryIgnored } from './carry.ts'
import type { Branch } from './continued.ts'
import { advance, tipOf } from './continued.ts'
import type { Intent } from './intent.ts'
import { claimEmpty, readIntent, undo, undoLocked, worktreeLock } from './intent.ts'
import type { StatePlaces, Workspace, WorkspaceRequest } from './port.ts'
import { copyIndex, makePrivateGit, populate, statePlaces } from './private-git.ts'
import { usableRepo } from './request.ts'
import { dropTaken, fillWarm, settleWarm, takeWarm } from './warm-take.ts'

/**
 * Makes the branch, the folder and its files. The same request again after a crash begins anew where nothing was finished. Throws
 * `workspace_failed`; `prepare` then takes back what the intent names.
 */
export async function prepareWorktree(request: WorkspaceRequest): Promise<Workspace> {
  const repo = await usableRepo(request, 'later')
  const told = noticesOf(repo, { signal: request.signal }) // looks through the whole checkout while the worktree is made
  told.catch(() => {}) // awaited below
  const { earlier, signal } = request
  const tip = earlier === undefined ? null : await tipOf(repo.commonDir, earlier, signal)
  const baseSha = tip?.sha ?? (await baseOf(request, repo))
  const places = statePlaces(request.stateDir, request.attemptId)
  mkdirSync(places.folder, { recursive: true, mode: 0o700 })
  await makePrivateGit(places.gitDir, repo.commonDir, request.signal)
  const folder = join(request.root, repoFolder(request.repo?.slug ?? ''))
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const onBranch = tip?.branch ?? null
  const add: Add = { request, repo, baseSha, places, folder, onBranch }
  const made = (onBranch === null ? await fromWarm(add) : null) ?? (await fromScratch(add))
  const workspace = await finished(add, made, await told)
  return tip === null ? workspace : { ...workspace, drift: tip.drift }
}

async function fromScratch(add: Add): Promise<Made> {
  const { request, repo, baseSha, places } = add
  const made = await withLock(worktreeLock(repo.commonDir), { signal: request.signal }, () => addWorktree(add))
  const at = { path: made.path, gitDir: places.gitDir, objectDir: join(repo.commonDir, 'objects') }
  await populate(at, baseSha, places.baseIndex, { signal: request.signal, timeoutMs: longGitMs })
  return made
}

/** A ready worktree of the repository made this run's; null when there is none, or it turned out not to be usable. */
async function fromWarm(add: Add): Promise<Made | null> {
  const { request, repo, baseSha, places } = add
  const tree = await takeWarm(add)
  if (tree === null) return null
  const path = claimFolder(add)
  try {
    const made = await withLock(worktreeLock(repo.commonDir), { signal: request.signal }, async () => {
      const at: GitOptions = { cwd: repo.commonDir, gitDir: repo.commonDir, signal: request.signal }
      const branch = await chooseBranch(add, at, path)
      const intent: Intent = { commonDir: repo.commonDir, path, branch, baseSha }
      writeFileAtomic(places.intent, JSON.stringify(intent))
      await settleWarm(tree, intent)
      return { path, branch, adminDir: tree.record.adminDir }
    })
    await fillWarm(tree, add, { path, gitDir: places.gitDir, objectDir: join(repo.commonDir, 'objects') })
    rmSync(tree.folder, { recursive: true, force: true })
    return made
  } catch (error) {
    await dropTaken(places.folder, path)
    const left = readIntent(places.intent)
    if (left !== null) await undo(left)
    request.signal.throwIfAborted()
    if (error instanceof Problem) return null
    throw error
  }
}

async function finished(
  { request, repo, baseSha, places }: Add,
  made: Made,
  told: readonly string[],
): Promise<Workspace> {
  const objectDir = join(repo.commonDir, 'objects')
  const at = { path: made.path, gitDir: places.gitDir, objectDir }
  copyIndex(places.baseIndex, join(made.adminDir, 'index'))
  const inRepo = { cwd: repo.commonDir, gitDir: repo.commonDir }
  const [{ carried, notices }, baseTree] = await Promise.all([
    carryIgnored(request, { ...at, baseIndex: places.baseIndex }, repo.path),
    git(['rev-parse', '--verify', `${baseSha}^{tree}`], inRepo),
  ])
  return {
    mode: 'worktree',
    taskId: request.taskId,
    attemptId: request.attemptId,
    n: request.n,
    path: made.path,
    root: realpathSync(request.root),
    branch: made.branch,
    baseSha,
    baseTree,
    repoPath: repo.path,
    commonDir: repo.commonDir,
    adminDir: made.adminDir,
    gitDir: places.gitDir,
    objectDir,
    baseIndex: places.baseIndex,
    carried,
    notices: [...told, ...notices],
  }
}

async function baseOf(request: WorkspaceRequest, repo: UsableRepo): Promise<string> {
  const asked = request.base ?? request.baseBranch ?? null
  if (asked === null) return repo.headSha
  const sha = await commitOf(asked, { cwd: repo.path, gitDir: repo.gitDir, signal: request.signal })
  if (sha !== null) return sha
  const whose = request.base === null ? ' (the baseBranch of .capstan/repo.toml)' : ''
  throw new Problem(
    'workspace_failed',
    `no such branch, tag or commit in ${repo.path}: ${asked}${whose}; fetch it there or choose another base.`,
  )
}

interface Made {
  readonly path: string
  readonly branch: string
  readonly adminDir: string
}

interface Add {
  readonly request: WorkspaceRequest
  readonly repo: UsableRepo
  readonly baseSha: string
  readonly places: StatePlaces
  readonly folder: string
  /** A branch that is there and gone on with; null: a new one. */
  readonly onBranch: Branch | null
}

/** What git says when another git in the same repository was in the way; all pass by themselves. */
const knownRace =
  /failed to read .*(commondir|gitdir)|could not lock config file|cannot lock ref|\.lock': File exists|index\.lock/
const tries = 5

async function addWorktree(add: Add): Promise<Made> {
  const at: GitOptions = { cwd: add.repo.commonDir, gitDir: add.repo.commonDir, signal: add.request.signal }
  if (add.onBranch !== null) await advance(add.onBranch, add.baseSha, at)
  const path = claimFolder(add)
  for (let attempt = 1; ; attempt += 1) {
    const branch = add.onBranch?.name ?? (await chooseBranch(add, at, path))
    // A branch that was there before is never taken back.
    const own = add.onBranch === null ? branch : null
    const intent: Intent = { commonDir: add.repo.commonDir, path, branch: own, baseSha: add.baseSha }
    writeFileAtomic(add.places.intent, JSON.stringify(intent))
    const args = [
      'worktree',
      'add',
      ...(add.onBranch === null ? ['--no-track'] : []),
      '--no-checkout',
      '-f',
      '-f',
      '--lock',
      '--reason',
      `capstan run ${add.request.attemptId}`,
    ]
    const what = add.onBranch === null ? ['-b', branch, '--', path, add.baseSha] : ['--', path, branch]
    const result = await addOrUndo([...args, ...what], at, intent)
    if (result.code === 0) return { path, branch, adminDir: adminDirOf(path, add.repo.commonDir) }
    if (attempt === tries || !knownRace.test(result.stderr)) throw gitFailed(['worktree add'], add.repo.path, result)
    await systemClock.sleep(50 * 2 ** attempt, add.request.signal)
    mkdirSync(path, { recursive: true })
  }
}

async function addOrUndo(args: string[], at: GitOptions, intent: Intent): Promise<ExecResult> {
  try {
    const result = await runGit(args, at)
    if (result.code !== 0) await undoLocked(intent)
    return result
  } catch (error) {
    await undoLocked(intent) // aborted or timed out half-way
    throw error
  }
}

async function chooseBranch(add: Add, at: GitOptions, path: string): Promise<string> {
  const branch = await freeBranch(branchCandidates(add.request), at)
  if (branch !== null) return branch
  rmSync(path, { recursive: true, force: true })
  throw new Problem(
    'workspace_failed',
    `all branch names for ${add.request.taskId} are taken in ${add.repo.path}; delete old capstan/ branches.`,
  )
}

/** Makes the folder; one that exists is taken only if it is empty, else it is somebody's. */
function claimFolder(add: Add): string {
  const base = realpathSync(add.folder)
  for (const name of folderCandidates(add.request)) {
    const path = join(base, name)
    if (claimEmpty(path)) return path
  }
  throw new Problem(
    'workspace_failed',
    `all folder names for ${add.request.taskId} are taken in ${base}; move what is there away.`,
  )
}

/** Read right after `add`, before anybody else could have written there. */
function adminDirOf(path: string, commonDir: string): string {
  const pointer = readFileSync(join(path, '.git'), 'utf8')
    .trim()
    .replace(/^gitdir: /, '')
  const adminDir = realpathSync(pointer)
  if (dirname(adminDir) !== join(commonDir, 'worktrees')) {
    throw new Problem(
      'workspace_failed',
      `git put the worktree's data at ${adminDir}, outside ${commonDir}/worktrees; look at that repository.`,
    )
  }
  return adminDir
}
