// What is run in a workspace before its agent: the profile's setup and the repository's, or what an earlier one left; then the commands of
// each start. All in the sandbox that the agent will have, but for the hosts that setup may reach.

import type { Stage } from '../setup/layer-key.ts'
import { dropLayer, readLayer } from '../setup/layers.ts'
import { copyStores } from '../setup/package-stores.ts'
import { treeNow } from '../workspace/capture.ts'
import { runSetup } from '../workspace/checks.ts'
import { environmentOf } from './agent.ts'
import { sandboxOf, storesFor } from './box.ts'
import { tellNew } from './denials.ts'
import type { RunDeps } from './deps.ts'
import { commandOptions } from './finish.ts'
import { leasePorts } from './ports.ts'
import type { RunRecord } from './record.ts'
import { RunRefused } from './refused.ts'
import type { SettingUp } from './setup-commands.ts'
import { commands, dropIgnored, openBox, told, untilOf } from './setup-commands.ts'
import { foundOrMade, keptOf, restored } from './setup-kept.ts'
import { isOwnBase, layerPlaceOf, stagesOf } from './setup-layer.ts'
import type { RunState } from './state.ts'

/**
 * Makes the workspace ready. Gives the tree as it is then, or null when nothing ran that could have changed it. Throws `RunRefused` with the
 * command that failed and the end of its output. `again`: a daemon that was killed may have left half of it.
 */
export async function setUp(
  deps: RunDeps,
  record: RunRecord,
  { signal, again }: { readonly signal: AbortSignal; readonly again: boolean },
): Promise<string | null> {
  await leasePorts(deps, { attemptId: record.attemptId, count: portsWanted(record.state), signal })
  const { assignment } = record.state
  const { caches, resumeCommands } = assignment.profile?.settings.sandbox ?? {}
  const stages = stagesOf(record.state)
  if (stages.length === 0 && (caches ?? resumeCommands) === undefined) return null // as most are: it costs their start nothing
  const run: SettingUp = { deps, record, signal, env: setupEnvironment(deps, record) }
  if (again && stages.length > 0) await dropIgnored(run)
  const fills = stages.length > 0 && (await isOwnBase(deps, record.state, signal))
  if (!fills) await copies(run)
  const ran = await runStages(run, fills)
  if (fills) await copies(run)
  return (await resume(run)) || ran ? await treeNow(record.prepared().workspace, signal) : null
}

/** Of a trusted repo.toml. */
function portsWanted({ repoFile }: RunState): number {
  return repoFile === null || repoFile.skipped !== null ? 0 : repoFile.file.ports
}

function setupEnvironment(deps: RunDeps, record: RunRecord): Record<string, string> {
  const { harness } = record.prepared()
  return environmentOf(deps, { assignment: record.state.assignment, harness, runDir: record.runDir }, {})
}

/** True when commands ran; what an earlier setup left changes nothing that git sees. */
async function runStages(run: SettingUp, fills: boolean): Promise<boolean> {
  const { deps, record, signal } = run
  const stages = stagesOf(record.state)
  if (stages.length === 0) return false
  const some = (which: readonly Stage[], until = untilOf(run)) => commands(run, { stages: which, fills, until })
  const kept = keptOf(stages)
  const place = kept.length === 0 ? null : await layerPlaceOf(deps, record, { stages: kept, signal })
  if (place === null) return await some(stages)
  const rest = stages.slice(kept.length)
  const hit = await restored(run, place)
  if (!hit && !fills) return await some(stages) // what a branch of an agent's leaves is no other run's
  if (!hit && readLayer(place) !== null) dropLayer(place) // it could not be unpacked
  const until = hit ? null : await foundOrMade(run, { place, kept })
  const more = rest.length > 0 && (await some(rest, until ?? untilOf(run)))
  return until !== null || more
}

/** The profile's commands of each start, in order; one that fails is tried again as often as it says. */
async function resume(run: SettingUp): Promise<boolean> {
  const { deps, record, signal, env } = run
  const { workspace } = record.prepared()
  const all = record.state.assignment.profile?.settings.sandbox?.resumeCommands ?? []
  const due = all.filter(
    ({ when }) => when?.workspaceMode === undefined || [when.workspaceMode].flat().includes(workspace.mode),
  )
  if (due.length === 0) return false
  const box = openBox(run, 'resume', false)
  const timeoutMs = record.state.assignment.task.setupTimeoutMs
  const options = commandOptions(deps, record.state, {
    env: box?.env ?? env,
    before: box?.before ?? [],
    timeoutMs,
    signal,
  })
  for (const { run: command, retries = 0 } of due) {
    for (let tries = 0; ; tries += 1) {
      const { passed, detail, outcomes } = await runSetup(workspace, [command], options)
      record.notice(outcomes.map((each) => told('start', each)))
      if (box !== null) tellNew(record.runDir, 'resume', (messages) => record.notice(messages))
      if (passed) break
      if (tries >= retries)
        throw new RunRefused('workspace_failed', detail.replace('setup command', 'command of each start'))
      await deps.clock.sleep(Math.min(10_000, 1_000 * 2 ** tries), signal)
    }
  }
  return true
}

/** The agent's own copies of the package stores. */
async function copies({ deps, record, signal }: SettingUp): Promise<void> {
  const { assignment } = record.state
  const asked = sandboxOf(assignment)?.caches ?? []
  if (asked.length === 0) return
  const stores = storesFor(deps, assignment)
  const { user } = deps.sandbox
  record.notice(await copyStores({ stores, runDir: record.runDir, asked, user, env: { PATH: deps.env.PATH }, signal }))
}
