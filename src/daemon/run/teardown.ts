// A repository's teardown: what ends the containers and databases that its setup or its agent started outside the run's processes.

import { messageOf } from '../../lib/error-text.ts'
import { runSetup } from '../workspace/checks.ts'
import { environmentOf } from './agent.ts'
import { boxFor } from './box.ts'
import type { RunDeps } from './deps.ts'
import { commandOptions } from './finish.ts'
import type { RunRecord } from './record.ts'

/** All its commands together; a daemon that stops, or whose task was given to another host, does not wait so long. */
const wholeMs = 60_000
const hurriedMs = 5_000

/**
 * Runs it after everything else of the run, once its files are kept: what it changes counts for nothing, and its failure is only told. Gives what
 * is to be told. May run again when the daemon dies in it.
 */
export async function tearDown(deps: RunDeps, record: RunRecord, hurried: boolean): Promise<readonly string[]> {
  const { assignment, repoFile } = record.state
  const commands = repoFile === null || repoFile.skipped !== null ? [] : repoFile.file.teardown
  if (commands.length === 0) return []
  const wholly = hurried ? hurriedMs : wholeMs
  const until = deps.clock.monotonic() + wholly
  const told: string[] = []
  try {
    const { workspace, harness } = record.prepared()
    const run = { assignment, workspace, harness, runDir: record.runDir, cwd: workspace.path }
    const env = environmentOf(deps, run, {})
    const box = boxFor(deps, run, { use: 'teardown', env, program: '/bin/sh', readable: [] })
    const signal = AbortSignal.timeout(2 * wholly)
    for (const command of commands) {
      const timeoutMs = Math.max(1, Math.round(until - deps.clock.monotonic()))
      const given = { env: box?.env ?? env, before: box?.before ?? [], timeoutMs, signal }
      const { outcomes } = await runSetup(workspace, [command], commandOptions(deps, record.state, given))
      for (const { exitCode, outputTail } of outcomes)
        told.push(`teardown: ${command}: exit ${exitCode ?? 'none'}\n${outputTail}`.trim())
    }
    return told
  } catch (error) {
    return [...told, `teardown ended early: ${messageOf(error)}`]
  }
}
