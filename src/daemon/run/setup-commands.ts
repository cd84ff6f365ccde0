// Runs commands of setup in a workspace, in the sandbox that the agent will have, and tells what came of them.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { CheckOutcome } from '../../protocol/task.ts'
import type { BoxUse } from '../sandbox/port.ts'
import type { Stage } from '../setup/layer-key.ts'
import { storeName, touchStore } from '../setup/package-stores.ts'
import { runSetup } from '../workspace/checks.ts'
import { giveFolders } from '../workspace/give.ts'
import { ignoredEntries } from '../workspace/ignored.ts'
import { removeTree } from '../workspace/tree.ts'
import { boxFor, sandboxOf, storesFor } from './box.ts'
import { tellNew } from './denials.ts'
import type { RunDeps } from './deps.ts'
import { commandOptions } from './finish.ts'
import type { RunRecord } from './record.ts'
import { RunRefused } from './refused.ts'

export interface SettingUp {
  readonly deps: RunDeps
  readonly record: RunRecord
  readonly signal: AbortSignal
  readonly env: Record<string, string>
}

/** When the time for setup is over that begins now, monotonic ms. */
export function untilOf({ deps, record }: SettingUp): number {
  return deps.clock.monotonic() + record.state.assignment.task.setupTimeoutMs
}

export function openBox(
  { deps, record, env }: SettingUp,
  use: BoxUse,
  fillsStores: boolean,
): ReturnType<typeof boxFor> {
  const { assignment } = record.state
  const { workspace, harness } = record.prepared()
  const boxed = { assignment, workspace, harness, runDir: record.runDir, cwd: workspace.path }
  giveFolders(deps.sandbox.user, [join(record.runDir, 'tmp')])
  return boxFor(deps, boxed, { use, env, program: '/bin/sh', readable: [], fillsStores })
}

interface Wanted {
  readonly stages: readonly Stage[]
  readonly fills: boolean
  /** When the time for setup is over, monotonic ms. */
  readonly until: number
}

export async function commands(run: SettingUp, { stages, fills, until }: Wanted): Promise<true> {
  const { deps, record, signal, env } = run
  const { workspace } = record.prepared()
  if (fills) storesInUse(run)
  const box = openBox(run, 'setup', fills)
  for (const stage of stages) {
    const timeoutMs = Math.max(1, Math.round(until - deps.clock.monotonic()))
    const given = { env: box?.env ?? env, before: box?.before ?? [], timeoutMs, signal }
    const { passed, detail, outcomes } = await runSetup(
      workspace,
      stage.commands,
      commandOptions(deps, record.state, given),
    )
    record.notice([...outcomes.map((each) => told('setup', each)), ...(box?.notices ?? [])])
    if (box !== null) tellNew(record.runDir, 'setup', (messages) => record.notice(messages))
    if (!passed) throw new RunRefused(stage.of === 'profile' ? 'workspace_failed' : 'setup_failed', detail)
  }
  return true
}

export function told(what: string, { command, exitCode, outputTail }: CheckOutcome): string {
  return `${what}: ${command}: exit ${exitCode ?? 'none'}\n${outputTail}`.trim()
}

/** No agent was here yet. A checkout of the user's own is left as it is. */
export async function dropIgnored({ record, signal }: SettingUp): Promise<void> {
  const { workspace } = record.prepared()
  if (workspace.mode !== 'worktree') return
  for (const name of await ignoredEntries(workspace, signal)) await removeTree(join(workspace.path, name))
}

/** So that the clean-up leaves alone what is being filled. */
function storesInUse({ deps, record }: SettingUp): void {
  const folder = storesFor(deps, record.state.assignment)
  for (const each of sandboxOf(record.state.assignment)?.caches ?? []) {
    const path = join(folder, storeName(each))
    if (existsSync(path)) touchStore(path, deps.clock.now())
  }
}
