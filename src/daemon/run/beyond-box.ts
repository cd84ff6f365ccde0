// What a run may have done outside its sandbox: its commits signed, programs started on the host. Both by the daemon, with what no run sees.

import type { Redactor } from '../../lib/redact.ts'
import type { Assignment } from '../../protocol/link.ts'
import { HostExec } from '../hostexec/host-exec.ts'
import { layOut, tokenOf } from '../mcp/place.ts'
import { layOutPrograms } from '../mcp/programs.ts'
import type { SigningGiven } from '../signing/given.ts'
import { signingGiven } from '../signing/given.ts'
import type { Signer } from '../signing/signer.ts'
import { signerOf } from '../signing/signer.ts'
import type { Workspace } from '../workspace/port.ts'
import { sandboxOf } from './box.ts'
import type { RunDeps } from './deps.ts'
import type { OwnStep } from './talk-step.ts'

/** Null: the host's identity has no key. */
export function signerFor({ author, env }: Pick<RunDeps, 'author' | 'env'>): Signer | null {
  return signerOf(author, env)
}

export interface LaidOut {
  /** What the run's git is told so that it signs. */
  readonly config: SigningGiven['config']
  /** What was asked and is not done, in sentences. */
  readonly problems: readonly string[]
}

/** Writes what the run's programs and its agent's CLI find of its MCP server. */
export async function layOutTools(deps: RunDeps, assignment: Assignment, runDir: string): Promise<LaidOut> {
  const { tools, sandbox, policy } = deps
  if (tools === undefined) return { config: [], problems: [] }
  layOut(runDir, tokenOf(tools.key, assignment.attemptId), sandbox.user)
  const signing = await signingGiven(signerFor(deps), runDir)
  const programs = { sign: signing.config.length > 0, hostExec: hasHostExec(deps, assignment) }
  layOutPrograms(runDir, programs, sandbox.user)
  const forbidden = sandboxOf(assignment)?.hostExec !== undefined && policy.hostExec.length === 0
  const problems = [signing.problem, forbidden ? "sandbox.hostExec: the host's policy.toml says hostExec = []" : null]
  return { config: signing.config, problems: problems.filter((each) => each !== null) }
}

interface HostExecRun {
  readonly assignment: Assignment
  readonly runDir: string
  readonly cwd: string
  readonly workspace: Workspace | null
  readonly redact: Redactor
  own(step: OwnStep): void
}

/** True when the run's profile asks for it and this host's policy lets any program be started. */
export function hasHostExec({ policy }: Pick<RunDeps, 'policy'>, assignment: Pick<Assignment, 'profile'>): boolean {
  return sandboxOf(assignment)?.hostExec !== undefined && policy.hostExec.length > 0
}

/** Null: nothing is started on the host for this run. */
export function hostExecFor(deps: RunDeps, run: HostExecRun): HostExec | null {
  const { assignment, workspace, runDir, cwd, redact } = run
  const rules = sandboxOf(assignment)?.hostExec
  if (rules === undefined || workspace === null || deps.policy.hostExec.length === 0) return null
  const { policy, env, sandbox, journal, clock, forge } = deps
  return new HostExec({
    attemptId: assignment.attemptId,
    workspace,
    cwd,
    runDir,
    allowed: policy.hostExec,
    // Where the owner names who may approve, the server's rules are nobody.
    rules: policy.approvers === null ? rules : [],
    host: env,
    user: sandbox.user,
    forge: forge ?? null,
    redact,
    calls: journal.calls,
    clock,
    own: (step) => run.own(step),
  })
}
