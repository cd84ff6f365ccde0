// Which commands make a workspace ready, and whether what they leave may serve later runs.

import { join } from 'node:path'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import { runGit } from '../../lib/git.ts'
import { searchPath } from '../harness/environment.ts'
import { roomAt } from '../host.ts'
import type { Stage } from '../setup/layer-key.ts'
import { layerKey } from '../setup/layer-key.ts'
import type { LayerPlace } from '../setup/layers.ts'
import { layerPlace } from '../setup/layers.ts'
import { sandboxOf } from './box.ts'
import type { RunDeps } from './deps.ts'
import { subfolderOf } from './finish.ts'
import type { RunRecord } from './record.ts'
import type { RunState } from './state.ts'

/** The profile's before the repository's: it brings the tools that those may need. */
export function stagesOf({ assignment, repoFile }: RunState): readonly Stage[] {
  const { setupCommands = [], cacheKey } = assignment.profile?.settings.sandbox ?? {}
  const ofRepo = repoFile === null || repoFile.skipped !== null ? null : repoFile.file
  const all: Stage[] = [
    { of: 'profile', commands: setupCommands, cacheKey: cacheKey ?? null },
    { of: 'repository', commands: ofRepo?.setup ?? [], ...keyOf(ofRepo?.cacheKey) },
  ]
  return all.filter(({ commands }) => commands.length > 0)
}

/** Without a key of its own a repository's setup runs each time, as it did before there was one. A run of an older version has no list. */
function keyOf(cacheKey: readonly string[] | undefined): Pick<Stage, 'cacheKey'> {
  return cacheKey === undefined || cacheKey.length === 0 ? {} : { cacheKey }
}

/**
 * True when the workspace began with what the host's owner has in the checkout: work of agents may hold programs that a setup runs, and what it
 * leaves would then run in other tasks.
 */
export async function isOwnBase(
  deps: RunDeps,
  { assignment, workspace, repoFile }: RunState,
  signal: AbortSignal,
): Promise<boolean> {
  if (workspace?.mode !== 'worktree' || assignment.continuation != null) return false
  const { baseSha, commonDir } = workspace
  if (baseSha === null || commonDir === null) return false
  const named = repoFile?.skipped === null ? repoFile.file.baseBranch : undefined
  for (const ref of ['HEAD', 'refs/remotes/origin/HEAD', ...(named === undefined ? [] : [named])]) {
    const args = ['merge-base', '--is-ancestor', '--end-of-options', baseSha, ref]
    if ((await runGit(args, { cwd: commonDir, gitDir: commonDir, signal })).code === 0) return true
  }
  deps.log.debug({ attemptId: assignment.attemptId, baseSha }, 'base is not of the checkout; its setup is not kept')
  return false
}

/** Where the layer lies; null where none can be: no repository, no worktree, no tar. */
export async function layerPlaceOf(
  deps: RunDeps,
  record: RunRecord,
  { stages, signal }: { readonly stages: readonly Stage[]; readonly signal: AbortSignal },
): Promise<LayerPlace | null> {
  const { assignment } = record.state
  const { workspace } = record.prepared()
  const { repo, teamId } = assignment.task
  if (workspace.mode !== 'worktree' || repo === null || deps.probe().which('tar') === null) return null
  const parts = {
    workspace,
    subfolder: subfolderOf(record.state),
    stages,
    sandbox: sandboxOf(assignment),
    path: searchPath(deps.env),
    signal,
  }
  const { key, unmatched } = await layerKey(parts)
  record.notice(unmatched.map((glob) => `setup: cacheKey ${glob} is the name of no file of the base`))
  return layerPlace(deps.places.dataDir, { team: teamId ?? 'team', repo, key })
}

/** No layer needs more: a larger one is better built where it is needed. */
const mostBytes = 8_589_934_592

/** What a layer may take of the disk, bytes: the host goes on taking work. */
export function roomForLayer({ places }: RunDeps): number {
  const { freeDiskBytes, shortOf } = roomAt(places.dataDir, null)
  if (shortOf !== null) return 0
  return freeDiskBytes === null ? mostBytes : Math.min(mostBytes, Math.floor(freeDiskBytes / 4))
}

/** A folder among these that would not work elsewhere, because it holds its own path. */
export function unmovable(workspace: string, names: readonly string[]): string | null {
  const found = names.find((name) => {
    const text = readFileIfThere(join(workspace, name, 'pyvenv.cfg').replace(/\/$/, ''))
    return text !== null && !/^relocatable\s*=\s*true/m.test(text)
  })
  return found ?? null
}
