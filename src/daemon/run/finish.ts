// After the agent: what changed, whether the checks pass, and the report that says so.

import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { writePlain } from '../../lib/plain-file.ts'
import type { Check, CheckOutcome, Evidence } from '../../protocol/task.ts'
import type { Harness } from '../harness/port.ts'
import { handedIn } from '../mcp/output.ts'
import { stopTree } from '../supervisor/stop.ts'
import type { Captured, CaptureRequest } from '../workspace/capture.ts'
import { capture } from '../workspace/capture.ts'
import type { CommandOptions } from '../workspace/checks.ts'
import { runChecks, skippedChecks } from '../workspace/checks.ts'
import { deliverBranch } from '../workspace/deliver.ts'
import { giveFolders } from '../workspace/give.ts'
import type { Workspace } from '../workspace/port.ts'
import { environmentOf } from './agent.ts'
import { boundedEvidence } from './bounded.ts'
import { boxFor } from './box.ts'
import type { RunDeps } from './deps.ts'
import type { RunFailure, RunState } from './state.ts'
import { failure } from './state.ts'

export interface FinishingRun {
  readonly state: RunState
  readonly workspace: Workspace
  readonly harness: Harness
  readonly runDir: string
}

export interface Finished {
  /** Null when the workspace could not be read; `failure` says why. */
  readonly evidence: Evidence | null
  readonly withheld: readonly string[]
  readonly notices: readonly string[]
  /** What the agent handed in; null: nothing that counts. */
  readonly output: unknown
  /** What is wrong with work whose agent ended well; null: nothing, or the agent had failed already. */
  readonly failure: RunFailure | null
}

/** Where a run's patch lies until the server has it. */
export function patchPathOf(runDir: string): string {
  return join(runDir, 'patch')
}

/** Captures the workspace, then, if the agent ended well, checks and delivers it. `signal` cuts only the checks short. */
export async function finishRun(deps: RunDeps, run: FinishingRun, signal: AbortSignal): Promise<Finished> {
  const finished = await finishWhole(deps, run, signal)
  return { ...finished, evidence: finished.evidence === null ? null : boundedEvidence(finished.evidence) }
}

async function finishWhole(deps: RunDeps, run: FinishingRun, signal: AbortSignal): Promise<Finished> {
  const { task, attemptId } = run.state.assignment
  const taken = await captured(run.workspace, { taskId: task.id, attemptId, commitMessage: task.title })
  if (taken instanceof Problem) {
    return {
      evidence: null,
      withheld: [],
      notices: [],
      output: null,
      failure: failure('workspace_failed', taken.detail),
    }
  }
  const kept = deps.journal.calls.output(attemptId)
  const { output, ignored } = await handedIn(run.runDir, task.outputSchema, kept)
  const { evidence, withheld } = keepPatch(deps, taken, run.runDir)
  const notices = [...taken.notices, ...taken.unkept, ...(ignored === null ? [] : [ignored])]
  const base = { withheld, notices, output }
  if (run.state.ending?.failure !== null || signal.aborted) return { ...base, evidence, failure: null }
  if (task.expect === 'changes' && evidence.filesChanged === 0) {
    return { ...base, evidence, failure: failure('no_changes', 'the tree is the same as at the start') }
  }
  if (task.expect === 'output' && output === null) {
    return { ...base, evidence, failure: failure('output_invalid', ignored ?? 'the agent handed in no output') }
  }
  try {
    const { checks, changedByChecks, failure: failed } = await checkRun(deps, { ...run, treeId: taken.treeId }, signal)
    if (failed === null) await deliver(deps, run, taken)
    return { ...base, evidence: { ...evidence, checks: [...checks], changedByChecks }, failure: failed }
  } catch (error) {
    if (signal.aborted) return { ...base, evidence, failure: null }
    if (error instanceof Problem) return { ...base, evidence, failure: failure('workspace_failed', error.detail) }
    throw error
  }
}

async function captured(workspace: Workspace, request: CaptureRequest): Promise<Captured | Problem> {
  try {
    return await capture(workspace, request)
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

/** The patch goes into the run's folder, so that its upload survives a restart; a host may keep its diffs. */
function keepPatch(
  deps: RunDeps,
  { evidence, patch }: Captured,
  runDir: string,
): Pick<Finished, 'withheld'> & { readonly evidence: Evidence } {
  if (patch === null) return { evidence, withheld: [] }
  if (!deps.policy.upload.diff) {
    const diffWithheld = 'the host keeps its diffs (policy.toml: upload.diff = false)'
    return { evidence: { ...evidence, diffCid: null, diffWithheld }, withheld: ['diff'] }
  }
  writePlain(patchPathOf(runDir), patch)
  return { evidence, withheld: [] }
}

/**
 * Runs the task's checks and those of the repository. Skipped aloud are the latter where repo.toml is not trusted, the former where the host
 * allows no shell: a check is a command that the server gives.
 */
async function checkRun(
  deps: RunDeps,
  run: FinishingRun & { readonly treeId: string },
  signal: AbortSignal,
): Promise<{ checks: readonly CheckOutcome[]; changedByChecks: boolean; failure: RunFailure | null }> {
  const { state, workspace, harness, runDir, treeId } = run
  const { task } = state.assignment
  const forbidden = deps.policy.allowShell ? null : "the host's policy.toml says allowShell = false"
  const named = new Set(forbidden === null ? task.checks.map((check) => check.name) : [])
  const ofRepo = (state.repoFile?.file.checks ?? []).filter((check) => !named.has(check.name))
  const skipped = state.repoFile?.skipped ?? null
  const wanted: Check[] = [...(forbidden === null ? task.checks : []), ...(skipped === null ? ofRepo : [])]
  const boxed = { assignment: state.assignment, workspace, harness, runDir, cwd: workspace.path }
  const env = environmentOf(deps, boxed, {})
  giveFolders(deps.sandbox.user, [join(runDir, 'tmp')])
  const box = boxFor(deps, boxed, { use: 'checks', env, program: '/bin/sh', readable: [] })
  const given = { env: box?.env ?? env, before: box?.before ?? [], timeoutMs: task.checkTimeoutMs, signal }
  const options = commandOptions(deps, state, given)
  const { outcomes, changedByChecks } = await runChecks(workspace, wanted, { ...options, treeId })
  const broken = outcomes.filter((check) => check.exitCode !== 0)
  return {
    checks: [
      ...(forbidden === null ? [] : skippedChecks(task.checks, forbidden)),
      ...outcomes,
      ...(skipped === null ? [] : skippedChecks(ofRepo, skipped)),
    ],
    changedByChecks,
    failure: broken.length === 0 ? null : failure('checks_failed', broken.map(sentence).join('; ')),
  }
}

/** How setup and checks run: in the repository's working folder, and nothing they started outlives them. */
export function commandOptions(
  deps: RunDeps,
  state: RunState,
  given: Pick<CommandOptions, 'env' | 'before' | 'timeoutMs' | 'signal'>,
): CommandOptions {
  const stop = () => endCommands(deps, state)
  const subfolder = subfolderOf(state)
  return {
    ...given,
    user: deps.sandbox.user,
    clock: deps.clock,
    stopTree: stop,
    ...(subfolder === null ? {} : { subfolder }),
  }
}

/** Ends what setup or checks left running, also those of a daemon that was killed: their marker finds them. */
export async function endCommands(deps: RunDeps, state: RunState): Promise<void> {
  const { attemptId: marker } = state.assignment
  const tree = { runDir: join(deps.state.runs, marker), marker, pid: null, containment: 'sweep', cgroup: null } as const
  await stopTree(tree, { graceMs: 0, clock: deps.clock })
}

/** The trusted repo.toml's working folder inside the workspace, or null. */
export function subfolderOf(state: RunState): string | null {
  return state.repoFile?.skipped === null ? (state.repoFile.file.subfolder ?? null) : null
}

/** Puts the final tree on the task's branch. */
async function deliver(deps: RunDeps, { state, workspace }: FinishingRun, taken: Captured): Promise<void> {
  const { task } = state.assignment
  const words = state.ending?.lastText?.trim() ?? ''
  const message = words === '' ? task.title : `${task.title}\n\n${words.slice(0, 4_000)}`
  await deliverBranch(workspace, taken, { message, author: deps.author })
}

function sentence(check: CheckOutcome): string {
  return check.exitCode === null ? `${check.name} did not end in time` : `${check.name} exited ${check.exitCode}`
}
