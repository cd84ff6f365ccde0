// What the daemon's loop asks of workspaces, and what it gets back: plain JSON, because every step is journalled.

import type { GitAuthor } from '../../lib/git.ts'
import type { WorkspaceMode } from '../../protocol/task.ts'
import type { Earlier } from './continued.ts'

export interface WorkspaceRequest {
  readonly mode: WorkspaceMode
  readonly taskId: string
  readonly attemptId: string
  /** Number of the attempt, from 1. */
  readonly n: number
  readonly title: string
  /** Null only for `scratch`. `commonDir` as registered: a checkout that points elsewhere meanwhile is refused. */
  readonly repo: { readonly slug: string; readonly path: string; readonly commonDir?: string } | null
  /** Branch, tag or commit the task names; not for `shared`. */
  readonly base: string | null
  /** Earlier work that this run goes on with; then `base` does not count. */
  readonly earlier?: Earlier
  /** Of the trusted repo.toml or the host's configuration; second after `base`. Default: the checkout's HEAD. */
  readonly baseBranch?: string | null
  /** Folder that Capstan made for workspaces, such as `<data>/worktrees`. */
  readonly root: string
  /** The daemon's private state: git folders and indexes that agents cannot reach. */
  readonly stateDir: string
  /** Globs of ignored files, from a trusted repo.toml only. */
  readonly carry?: { readonly copy: readonly string[]; readonly link: readonly string[] }
  readonly signal: AbortSignal
  /** The run will be in a sandbox: a worktree gets a git folder of the agent's own, with this author for its commits. */
  readonly isolatedFor?: GitAuthor
  /** Which sandboxed runs share their conversations with it. */
  readonly company?: Company
}

/** Sandboxed runs of one repository share conversations when these are equal. */
export interface Company {
  readonly team: string
  /** Its id; `default` for none. */
  readonly profile: string
}

export interface Workspace {
  readonly mode: WorkspaceMode
  readonly taskId: string
  readonly attemptId: string
  readonly n: number
  /** The folder the agent works in; absolute, symlinks resolved. */
  readonly path: string
  /** The root it was made in; null for `shared`: Capstan made nothing there and removes nothing. */
  readonly root: string | null
  /** `worktree`: the task's own branch; `shared`: the branch of the checkout, null if detached. */
  readonly branch: string | null
  readonly baseSha: string | null
  readonly baseTree: string
  /** The registered checkout. */
  readonly repoPath: string | null
  /** The repository's git folder, known before any agent ran; never looked up from the workspace. */
  readonly commonDir: string | null
  /** The agent's side: the folder with its HEAD and index. Hostile input. */
  readonly adminDir: string | null
  /** Under a sandbox the agent's side is this instead: a git folder of the run's own. Hostile input. */
  readonly cloneDir?: string
  /** The agent is kept in, and may not read all that the daemon does. */
  readonly sandboxed?: true
  /** Of a sandboxed run; absent: an older daemon prepared it. */
  readonly company?: Company
  /** The daemon's side: its own git folder for this workspace, its object store, and the index of the base. */
  readonly gitDir: string
  readonly objectDir: string
  readonly baseIndex: string
  readonly carried: readonly Carried[]
  readonly notices: readonly string[]
  /** How the files differ from what an earlier agent left; its successor is told. */
  readonly drift?: readonly string[]
}

/** An ignored file or folder that was brought along; `cid` is null for links and folders' links. */
export interface Carried {
  readonly path: string
  readonly cid: string | null
}

/** The daemon's own state folder of one attempt's workspace. */
export interface StatePlaces {
  readonly folder: string
  readonly gitDir: string
  readonly baseIndex: string
  /** Written last: prepared. */
  readonly done: string
  /** Written when the workspace's folder is ours: what to clean up after a crash. */
  readonly intent: string
}
