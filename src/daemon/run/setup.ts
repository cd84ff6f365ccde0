// What is run in a workspace before its agent: the profile's setup and the repository's, or what an earlier one left; then the commands of
// each start. All in the sandbox that the agent will have, but for the hosts that setup may reach.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../lib/error-text.ts'
import { withLock } from '../../lib/lock.ts'
import type { CheckOutcome } from '../../protocol/task.ts'
import type { BoxUse } from '../sandbox/port.ts'
import type { Stage } from '../setup/layer-key.ts'
import type { Hands, LayerPlace } from '../setup/layers.ts'
import { keepLayer, layerLock, megabytes, readLayer, restoreLayer } from '../setup/layers.ts'
import { copyStores, storeName, touchStore } from '../setup/package-stores.ts'
import { treeNow } from '../workspace/capture.ts'
import { runSetup } from '../workspace/checks.ts'
import { giveFolders } from '../workspace/give.ts'
import { ignoredEntries } from '../workspace/ignored.ts'
import { removeTree } from '../workspace/tree.ts'
import { environmentOf } from './agent.ts'
import { boxFor, sandboxOf, storesFor } from './box.ts'
import { tellNew } from './denials.ts'
import type { RunDeps } from './deps.ts'
import { commandOptions } from './finish.ts'
import { leasePorts } from './ports.ts'
import type { RunRecord } from './record.ts'
import { RunRefused } from './refused.ts'
import { isOwnBase, layerPlaceOf, roomForLayer, stagesOf, unmovable } from './setup-layer.ts'
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

interface SettingUp {
  readonly deps: RunDeps
  readonly record: RunRecord
  readonly signal: AbortSignal
  readonly env: Record<string, string>
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
  const until = deps.clock.monotonic() + record.state.assignment.task.setupTimeoutMs
  const some = (which: readonly Stage[]) => commands(run, { stages: which, fills, until })
  const kept = keptOf(stages)
  const place =
    kept.length === 0 ? null : await layerPlaceOf(deps, record, { stages: kept, path: run.env.PATH ?? '', signal })
  if (place === null) return await some(stages)
  const rest = stages.slice(kept.length)
  const hit = await restored(run, place)
  if (!hit && !fills) return await some(stages) // what a branch of an agent's leaves is no other run's
  const made =
    hit ||
    (await withLock(layerLock(place), { signal, timeoutMs: lockMs(record) }, () => orMade(run, { place, kept, until })))
  const more = rest.length > 0 && (await some(rest))
  return !hit || made === 'made' || more
}

/** The first ones, as far as what they leave may be kept. */
function keptOf(stages: readonly Stage[]): readonly Stage[] {
  const end = stages.findIndex(({ cacheKey }) => cacheKey === undefined)
  return end < 0 ? stages : stages.slice(0, end)
}

/** Longer than another run's setup may take. */
function lockMs(record: RunRecord): number {
  return record.state.assignment.task.setupTimeoutMs + 60_000
}

/** With the lock: another run may have made it while this one waited. */
async function orMade(
  run: SettingUp,
  { place, kept, until }: { readonly place: LayerPlace; readonly kept: readonly Stage[]; readonly until: number },
): Promise<'found' | 'made'> {
  if (await restored(run, place)) return 'found'
  const { deps, record, signal } = run
  const { workspace } = record.prepared()
  await commands(run, { stages: kept, fills: true, until })
  const why = (await leftVisible(run)) ?? (await keep(run, place, kept))
  if (why !== null) record.notice([`setup: it runs anew in each workspace: ${why}`])
  signal.throwIfAborted()
  deps.log.debug(
    { attemptId: record.attemptId, key: place.key, kept: why === null, path: workspace.path },
    'setup done',
  )
  return 'made'
}

async function leftVisible({ record, signal }: SettingUp): Promise<string | null> {
  const { workspace } = record.prepared()
  const tree = await treeNow(workspace, signal)
  return tree === workspace.baseTree ? null : 'it left files that git does not ignore; have git ignore them'
}

async function keep(run: SettingUp, place: LayerPlace, stages: readonly Stage[]): Promise<string | null> {
  const { deps, record, signal } = run
  const { workspace } = record.prepared()
  const names = await ignoredEntries(workspace, signal)
  const fixed = unmovable(workspace.path, names)
  if (fixed !== null) return `${fixed} works only where it was made (a Python environment); make it in resumeCommands`
  const maxBytes = roomForLayer(deps)
  if (maxBytes <= 0) return 'the disk is short'
  const layer = {
    from: workspace.path,
    names,
    commands: stages.flatMap((each) => each.commands),
    maxBytes,
    now: deps.clock.now(),
  }
  return await keepLayer(place, layer, handsOf(run))
}

async function restored(run: SettingUp, place: LayerPlace): Promise<boolean> {
  const { deps, record, signal } = run
  const facts = readLayer(place)
  if (facts === null) return false
  const { workspace } = record.prepared()
  const why = await restoreLayer(place, workspace.path, handsOf(run), deps.clock.now()).catch(messageOf)
  signal.throwIfAborted()
  if (why === null) {
    record.notice([`setup: taken from an earlier one (${megabytes(facts.bytes)}): ${facts.commands.join('; ')}`])
    return true
  }
  deps.log.warn({ attemptId: record.attemptId, key: place.key, why }, 'setup not restored')
  await dropIgnored(run)
  return false
}

/** No agent was here yet. A checkout of the user's own is left as it is. */
async function dropIgnored({ record, signal }: SettingUp): Promise<void> {
  const { workspace } = record.prepared()
  if (workspace.mode !== 'worktree') return
  for (const name of await ignoredEntries(workspace, signal)) await removeTree(join(workspace.path, name))
}

function handsOf({ deps, record, signal, env }: SettingUp): Hands {
  const box = openBox({ deps, record, signal, env }, 'resume', false)
  const tar = deps.probe().which('tar') ?? '/usr/bin/tar'
  const { setupTimeoutMs } = record.state.assignment.task
  return {
    before: box?.before ?? [],
    env: box?.env ?? env,
    user: deps.sandbox.user,
    tar,
    timeoutMs: setupTimeoutMs,
    signal,
  }
}

function openBox({ deps, record, env }: SettingUp, use: BoxUse, fillsStores: boolean): ReturnType<typeof boxFor> {
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

async function commands(run: SettingUp, { stages, fills, until }: Wanted): Promise<true> {
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

function told(what: string, { command, exitCode, outputTail }: CheckOutcome): string {
  return `${what}: ${command}: exit ${exitCode ?? 'none'}\n${outputTail}`.trim()
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

/** So that the clean-up leaves alone what is being filled. */
function storesInUse({ deps, record }: SettingUp): void {
  const folder = storesFor(deps, record.state.assignment)
  for (const each of sandboxOf(record.state.assignment)?.caches ?? []) {
    const path = join(folder, storeName(each))
    if (existsSync(path)) touchStore(path, deps.clock.now())
  }
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
