// What a setup leaves, kept for later runs: taken from an earlier one, or from one that is under way, or made and kept.

import { messageOf } from '../../lib/error-text.ts'
import { whenFree } from '../../lib/lock.ts'
import type { Stage } from '../setup/layer-key.ts'
import type { Hands, LayerPlace } from '../setup/layers.ts'
import {
  freeMs,
  isUnkept,
  keepLayer,
  layerLock,
  markUnkept,
  megabytes,
  readLayer,
  restoreLayer,
} from '../setup/layers.ts'
import { treeNow } from '../workspace/capture.ts'
import { ignoredEntries } from '../workspace/ignored.ts'
import type { RunRecord } from './record.ts'
import type { SettingUp } from './setup-commands.ts'
import { commands, dropIgnored, openBox, untilOf } from './setup-commands.ts'
import { roomForLayer, unmovable } from './setup-layer.ts'

/** The first ones, as far as what they leave may be kept. */
export function keptOf(stages: readonly Stage[]): readonly Stage[] {
  const end = stages.findIndex(({ cacheKey }) => cacheKey === undefined)
  return end < 0 ? stages : stages.slice(0, end)
}

/** As long as another run's setup may take, and a minute to pack what it left. Who waited in vain makes its own. */
function lockMs(record: RunRecord): number {
  return record.state.assignment.task.setupTimeoutMs + 60_000
}

interface Making {
  readonly place: LayerPlace
  readonly kept: readonly Stage[]
}

/**
 * Waits for a run that makes the same and takes what it left. Where that run left nothing, or the last one had, all go on beside each other. Gives
 * when the time for setup is over, monotonic ms, which begins with the first command; null: none was run.
 */
export async function foundOrMade(run: SettingUp, making: Making): Promise<number | null> {
  const { deps, record, signal } = run
  const { place } = making
  if (isUnkept(place)) return await make(run, making, keepIfFree)
  const lock = layerLock(place, deps.clock.now())
  const until = await whenFree(lock, { signal, timeoutMs: lockMs(record) }, async () => {
    const waited = readLayer(place) !== null || isUnkept(place) // what the one before us did
    return waited ? null : await make(run, making, keep)
  })
  if (until !== null) return until
  return (await restored(run, place)) ? null : await make(run, making, keepIfFree)
}

type Keeps = (run: SettingUp, place: LayerPlace, stages: readonly Stage[]) => Promise<string | null>

async function make(run: SettingUp, { place, kept }: Making, keeps: Keeps): Promise<number> {
  const { deps, record, signal } = run
  const until = untilOf(run)
  try {
    await commands(run, { stages: kept, fills: true, until })
  } catch (error) {
    if (!signal.aborted) markUnkept(place, deps.clock.now()) // those who waited do not try it one after the other
    throw error
  }
  const why = (await leftVisible(run)) ?? (await keeps(run, place, kept))
  signal.throwIfAborted()
  if (why !== null) {
    markUnkept(place, deps.clock.now())
    record.notice([`setup: it runs anew in each workspace: ${why}`])
  }
  const { path } = record.prepared().workspace
  deps.log.debug({ attemptId: record.attemptId, key: place.key, why, path }, 'setup done')
  return until
}

/** Another run that is at it keeps what it made itself. */
async function keepIfFree(run: SettingUp, place: LayerPlace, stages: readonly Stage[]): Promise<string | null> {
  const { deps, signal } = run
  return await whenFree(layerLock(place, deps.clock.now()), { signal, timeoutMs: freeMs }, async () =>
    readLayer(place) === null ? await keep(run, place, stages) : null,
  )
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

export async function restored(run: SettingUp, place: LayerPlace): Promise<boolean> {
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
