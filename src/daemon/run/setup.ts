// A repository's setup, alone in the workspace before the agent, in the sandbox that the agent will have but for the hosts it may reach.

import { join } from 'node:path'
import { runSetup } from '../workspace/checks.ts'
import { giveFolders } from '../workspace/give.ts'
import { environmentOf } from './agent.ts'
import { boxFor } from './box.ts'
import { tellNew } from './denials.ts'
import type { RunDeps } from './deps.ts'
import { commandOptions } from './finish.ts'
import type { RunRecord } from './record.ts'
import { RunRefused } from './refused.ts'

/** Runs it and tells what it said. False when there is none to run. Throws `RunRefused` when it failed. */
export async function setUp(deps: RunDeps, record: RunRecord, signal: AbortSignal): Promise<boolean> {
  const { state, runDir } = record
  const { repoFile, assignment } = state
  if (repoFile === null || repoFile.skipped !== null || repoFile.file.setup.length === 0) return false
  const { workspace, harness } = record.prepared()
  const env = environmentOf(deps, { assignment, harness, runDir }, {})
  const boxed = { assignment, workspace, harness, runDir, cwd: workspace.path }
  const box = boxFor(deps, boxed, { use: 'setup', env, program: '/bin/sh', readable: [] })
  giveFolders(deps.sandbox.user, [join(runDir, 'tmp')])
  const bounds = { timeoutMs: assignment.task.setupTimeoutMs, signal }
  const options = commandOptions(deps, state, { env: box?.env ?? env, before: box?.before ?? [], ...bounds })
  const { passed, detail, outcomes } = await runSetup(workspace, repoFile.file.setup, options)
  record.notice([
    ...outcomes.map((each) => `setup: ${each.command}: exit ${each.exitCode ?? 'none'}\n${each.outputTail}`.trim()),
    ...(box?.notices ?? []),
  ])
  if (box !== null) tellNew(runDir, 'setup', (messages) => record.notice(messages))
  if (!passed) throw new RunRefused('setup_failed', detail)
  return true
}
