// From a claim to a workspace with a chosen harness: everything that can be refused before an agent starts.

import { Problem } from '../../core/problem.ts'
import type { AttemptReason } from '../../core/reason.ts'
import { commitOf } from '../../lib/git-refs.ts'
import type { HarnessFound, ProfileSettings } from '../../protocol/fleet.ts'
import type { Assignment } from '../../protocol/link.ts'
import { chooseHarness } from '../harness/choose.ts'
import type { Harness } from '../harness/port.ts'
import { preflight, refuseAutonomy } from '../harness/preflight.ts'
import { refusedBy } from '../policy.ts'
import { namesModelAlone } from '../quota/keeper.ts'
import { inspectRepo } from '../repos/inspect.ts'
import type { RegisteredRepo } from '../repos/registry.ts'
import { listRepos } from '../repos/registry.ts'
import type { RepoFile } from '../repos/repo-file.ts'
import { noSettings, repoFileAt } from '../repos/repo-file.ts'
import { giveWorkspace } from '../workspace/give.ts'
import type { Company, Workspace, WorkspaceRequest } from '../workspace/port.ts'
import { prepare } from '../workspace/prepare.ts'
import { requireSandbox, sandboxOf } from './box.ts'
import type { RunDeps } from './deps.ts'
import { earlierWork } from './earlier.ts'
import { formOf, requireTerminal } from './interactive.ts'
import { RunRefused } from './refused.ts'

export interface Prepared {
  readonly workspace: Workspace
  readonly harness: Harness
  readonly harnessVersion: string | null
  readonly repoFile: { readonly file: RepoFile; readonly skipped: string | null } | null
}

/** Chooses the harness and makes the workspace. Throws `RunRefused` with the reason the attempt ends with. */
export async function prepareRun(deps: RunDeps, assignment: Assignment, signal: AbortSignal): Promise<Prepared> {
  const { task } = assignment
  const repo = task.repo === null ? null : registered(deps, task.repo)
  const repoFile = repo === null ? null : await readRepoFile(repo, task.workspace.base, signal)
  const ofRepo = repoFile?.skipped === null ? (repoFile.file.harness ?? null) : null
  const { harness: chosen, found } = choose(deps, assignment, ofRepo)
  const harness = formOf(chosen, assignment)
  refuseByPolicy(deps, assignment, harness.name)
  requireSandbox(deps, assignment)
  await requireTerminal(deps, assignment)
  const unable = refuseAutonomy(harness, autonomyOf(assignment))
  if (unable !== null) throw new RunRefused(unable.reason, unable.detail)
  const earlier = earlierWork(deps, assignment)
  const workspace = await asReason('workspace_failed', () =>
    prepareWhenFree(deps, {
      mode: task.workspace.mode,
      taskId: task.id,
      attemptId: assignment.attemptId,
      n: assignment.n,
      title: task.title,
      repo,
      base: task.workspace.base,
      baseBranch: repoFile?.file.baseBranch ?? null,
      root: deps.state.workspaces,
      stateDir: deps.state.dir,
      ...(earlier === null ? {} : { earlier }),
      carry: repoFile === null || repoFile.skipped !== null ? { copy: [], link: [] } : repoFile.file,
      signal,
      ...(sandboxOf(assignment) === null ? {} : { isolatedFor: deps.author, company: companyOf(assignment) }),
    }),
  )
  await asReason('workspace_failed', () => giveWorkspace(deps.sandbox.user, workspace))
  return { workspace, harness, harnessVersion: found.version, repoFile }
}

function companyOf({ task, profile }: Assignment): Company {
  return { team: task.teamId ?? 'team', profile: profile?.id ?? 'default' }
}

function refuseByPolicy(deps: RunDeps, assignment: Assignment, harness: string): void {
  const { task } = assignment
  const sandbox = sandboxOf(assignment)
  const rule = refusedBy(deps.policy, {
    repo: task.repo,
    type: task.type,
    harness,
    autonomy: autonomyOf(assignment),
    runningTimeoutMs: task.runningTimeoutMs,
    sandboxed: sandbox !== null,
    write: sandbox?.filesystem?.write ?? [],
    setup: hasCommands(assignment.profile?.settings ?? {}),
  })
  if (rule !== null) throw new RunRefused('policy_refused', `the host's policy.toml says ${rule}`)
}

/** True when a profile has commands run on its hosts. */
export function hasCommands({ sandbox }: ProfileSettings): boolean {
  return (sandbox?.setupCommands ?? sandbox?.resumeCommands) !== undefined
}

/** How often a shared checkout that another run writes to is looked at again, ms. */
const holdLookMs = 1_000

/** A shared checkout has one writer: the next run waits for it, cancellable, while its lease is renewed. */
async function prepareWhenFree(deps: RunDeps, request: WorkspaceRequest): Promise<Workspace> {
  for (let told = false; ; told = true) {
    try {
      return await prepare(request)
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'in_use') throw error
      if (!told) deps.log.info({ attemptId: request.attemptId, reason: error.detail }, 'run waits for its checkout')
      await deps.clock.sleep(holdLookMs, request.signal)
    }
  }
}

/** What the task asks, else the profile; the task's own default is `full`. */
export function autonomyOf(assignment: Pick<Assignment, 'task' | 'profile'>): 'full' | 'edit' | 'ask' {
  return assignment.task.autonomy === 'full'
    ? (assignment.profile?.settings.autonomy ?? 'full')
    : assignment.task.autonomy
}

function registered(deps: RunDeps, slug: string): RegisteredRepo {
  const repo = listRepos(deps.registryPath).find((each) => each.slug === slug)
  if (repo === undefined)
    throw new RunRefused(
      'repo_not_allowed',
      `this host does not serve ${slug}; register it there: capstan repo add PATH`,
    )
  return repo
}

/** Only settings of the base commit count, and only trusted ones are obeyed. */
async function readRepoFile(
  repo: RegisteredRepo,
  base: string | null,
  signal: AbortSignal,
): Promise<Prepared['repoFile']> {
  return asReason('workspace_failed', async () => {
    const inspected = await inspectRepo(repo.path, { signal, notices: 'later' })
    if (!inspected.usable) throw new RunRefused('workspace_failed', inspected.problem)
    const commit = base === null ? inspected.headSha : await commitOf(base, { cwd: repo.path, signal })
    if (commit === null) return null // prepare names the base that does not exist
    const state = await repoFileAt({ commonDir: inspected.commonDir, commit, trusted: repo.trusted, signal })
    switch (state.kind) {
      case 'none':
        return null
      case 'invalid': {
        if (repo.trusted.includes(state.cid)) throw new RunRefused('workspace_failed', state.problem)
        return { file: noSettings, skipped: state.problem } // anybody may have committed it; it would not be obeyed anyway
      }
      case 'untrusted':
        return { file: state.file, skipped: state.reason }
      case 'trusted':
        return { file: state.file, skipped: null }
    }
  })
}

function choose(deps: RunDeps, assignment: Assignment, repo: string | null): { harness: Harness; found: HarnessFound } {
  const profile = assignment.profile?.settings.harness ?? null
  const wish = { task: assignment.task.harness, profile, repo, onlyFirst: namesModelAlone(assignment) }
  const choice = chooseHarness(wish, deps.harnesses, deps.found())
  if (!choice.ok && choice.spentUntil !== undefined)
    throw new RunRefused('quota', choice.detail, { resetAt: choice.spentUntil })
  if (!choice.ok) throw new RunRefused('harness_unavailable', choice.detail)
  const lacking = preflight(assignment.profile?.settings ?? {}, choice.found, deps.probe())
  if (lacking.length > 0) throw new RunRefused('harness_unavailable', lacking.join('; '))
  return choice
}

async function asReason<T>(reason: AttemptReason, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Problem)
      throw new RunRefused(error.code === 'repo_not_allowed' ? 'repo_not_allowed' : reason, error.detail, {
        cause: error,
      })
    throw error
  }
}
