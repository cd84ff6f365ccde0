// Looks at a repository and says in one sentence why it cannot be used, or what a person should know when it can.

import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { git, gitOrNull, lastWords, runGit } from '../../lib/git.ts'
import { filtersOff } from '../../lib/git-filters.ts'

/** Facts of a usable repository; plain JSON. */
export interface UsableRepo {
  readonly usable: true
  /** The checkout's top folder, symlinks resolved. */
  readonly path: string
  /** The git folder that all its worktrees share. */
  readonly commonDir: string
  /** The checkout's own git folder: `commonDir`, or for a linked worktree a folder in it. */
  readonly gitDir: string
  /** Null: HEAD is detached. */
  readonly branch: string | null
  readonly headSha: string
  readonly notices: readonly string[]
}

export interface UnusableRepo {
  readonly usable: false
  readonly path: string
  /** One sentence: the value and the remedy. */
  readonly problem: string
}

export interface InspectOptions {
  readonly signal?: AbortSignal | undefined
  /** For each git command; a broken disk must not hold up the others. Default 10 s. */
  readonly timeoutMs?: number
  /** `later`: the caller asks `noticesOf` itself; in a large repository they take longer than everything else. */
  readonly notices?: 'now' | 'later'
}

const inspectMs = 10_000

/** Never throws for what is wrong with the repository; only the signal's reason when it aborts. */
export async function inspectRepo(path: string, options: InspectOptions = {}): Promise<UsableRepo | UnusableRepo> {
  try {
    const { timeoutMs = inspectMs, signal, notices = 'now' } = options
    const found = await look(path, { timeoutMs, signal })
    if (!found.usable || notices === 'later') return found
    return { ...found, notices: await noticesOf(found, options) }
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof Problem) return { usable: false, path, problem: error.detail }
    throw error
  }
}

interface Look {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

async function look(given: string, options: Look): Promise<UsableRepo | UnusableRepo> {
  const path = resolved(given)
  const unusable = (problem: string): UnusableRepo => ({ usable: false, path, problem })
  const places = await runGit(
    ['rev-parse', '--path-format=absolute', '--git-common-dir', '--git-dir', '--is-bare-repository'],
    {
      cwd: path,
      configuration: 'user', // its list of safe directories decides about foreign owners
      ...options,
    },
  )
  if (places.code !== 0) return unusable(notRepository(path, places.stderr))
  const [commonDir = '', gitDir = '', bare] = places.stdout.toString('utf8').split('\n')
  if (bare === 'true')
    return unusable(`${path} is a bare repository; register a checkout of it: git clone ${path} PATH`)
  const at = { cwd: path, ...options }
  const top = await gitOrNull(['rev-parse', '--show-toplevel'], at)
  if (top === null || top === '') return unusable(`${path} is inside a .git folder; register the checkout above it.`)
  const [headSha, branch] = await Promise.all([
    gitOrNull(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], { ...at, gitDir }),
    gitOrNull(['symbolic-ref', '--quiet', '--short', 'HEAD'], { ...at, gitDir }),
  ])
  if (headSha === null) {
    return unusable(`${top} has no commit yet; make one first: git -C ${top} commit --allow-empty -m "Start"`)
  }
  const readOnly = unwritable([commonDir, join(commonDir, 'objects'), join(commonDir, 'refs')])
  if (readOnly !== null) {
    return unusable(`${readOnly} cannot be written by this user; give the daemon's user write access to it.`)
  }
  const repo = { path: realpathSync(top), commonDir: realpathSync(commonDir), gitDir: realpathSync(gitDir) }
  return { usable: true, ...repo, branch, headSha, notices: [] }
}

function resolved(path: string): string {
  try {
    const real = realpathSync(path)
    if (statSync(real).isDirectory()) return real
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    const why = code === 'EACCES' ? 'cannot be read by this user' : 'does not exist; it was moved or deleted'
    throw new Problem('workspace_failed', `${path} ${why}; register its new place: capstan repo add PATH`, {
      cause: error,
    })
  }
  throw new Problem('workspace_failed', `${path} is a file; register the folder of a git repository.`)
}

function notRepository(path: string, stderr: string): string {
  const said = lastWords(stderr)
  if (/dubious ownership/.test(stderr)) {
    const { uid } = statSync(path)
    return `${path} belongs to another user (uid ${uid}), so git refuses it; take it over with chown, or allow it: git config --global --add safe.directory ${path}`
  }
  if (/not a git repository/.test(stderr) && !existsSync(join(path, '.git'))) {
    return `${path} is not a git repository; make it one: git init ${path}`
  }
  return `${path} cannot be read as a git repository (${said}); mend it or register another.`
}

/** The first of the folders that this user may not write, or null. */
function unwritable(folders: readonly string[]): string | null {
  for (const folder of folders) {
    try {
      accessSync(folder, constants.W_OK | constants.X_OK)
    } catch {
      return folder // EACCES or EROFS: both mean that no worktree can be added
    }
  }
  return null
}

const unfinished: readonly (readonly [string, string])[] = [
  ['rebase-merge', 'a rebase'],
  ['rebase-apply', 'a rebase'],
  ['MERGE_HEAD', 'a merge'],
  ['CHERRY_PICK_HEAD', 'a cherry-pick'],
  ['REVERT_HEAD', 'a revert'],
  ['BISECT_LOG', 'a bisect'],
]

/** What a person should know of a usable repository. */
export async function noticesOf(found: UsableRepo, given: InspectOptions): Promise<string[]> {
  const options: Look = { timeoutMs: given.timeoutMs ?? inspectMs, signal: given.signal }
  const notices: string[] = []
  const sha = found.headSha.slice(0, 10)
  if (found.branch === null) notices.push(`HEAD is detached at ${sha}; tasks start from that commit.`)
  const underWay = unfinished.find(([file]) => existsSync(join(found.gitDir, file)))
  if (underWay !== undefined) {
    notices.push(`${found.path} is in the middle of ${underWay[1]}; tasks start from its HEAD, ${sha}.`)
  }
  if (existsSync(join(found.commonDir, 'shallow')))
    notices.push('The repository is shallow; older history is not there.')
  const at = { cwd: found.path, gitDir: found.gitDir, workTree: found.path, ...options }
  const partial = await gitOrNull(['config', '--get', 'extensions.partialClone'], at)
  if (partial !== null) {
    notices.push(
      `The repository is a partial clone; only commits whose files are here can be worked on (git fetch --refetch ${partial} gets all).`,
    )
  }
  const modules = await gitOrNull(['cat-file', '-e', `${found.headSha}:.gitmodules`], at)
  if (modules !== null) notices.push('Submodules are empty folders in a worktree; a trusted setup may fill them.')
  if (await dirty(at))
    notices.push('Uncommitted changes are not carried into a worktree; commit them first if the task needs them.')
  return notices
}

/** Only tracked files are looked at: a sweep through untracked ones can take minutes. */
async function dirty(
  at: Look & { readonly cwd: string; readonly gitDir: string; readonly workTree: string },
): Promise<boolean> {
  const names = ['status', '--porcelain', '--untracked-files=no', '--ignore-submodules=all']
  try {
    const filters = await filtersOff(at)
    return (await git([...names, '--'], { ...at, config: filters })) !== ''
  } catch (error) {
    if (error instanceof Problem) return false // a notice is no reason to refuse a repository
    throw error
  }
}
