// Whether a repository's own configuration of the agent counts in a run: only as the host's owner trusted it. Decided once, before the start.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Harness } from '../harness/port.ts'
import { builtIn } from '../harness/registry.ts'
import { agentConfigIn, besideIndex, foldersTo, holdsFile } from '../repos/agent-config.ts'
import { listRepos } from '../repos/registry.ts'
import type { Workspace } from '../workspace/port.ts'
import { privately } from '../workspace/private-git.ts'
import type { RunDeps } from './deps.ts'
import type { RunRecord } from './record.ts'
import { RunRefused } from './refused.ts'

/** What does not count. */
export interface Held {
  readonly paths: readonly string[]
  /** Instructions that the CLI leaves out with it; null: none. */
  readonly instructions: string | null
}

interface Where {
  /** Where in the workspace the agent works; null: at its root. */
  readonly subfolder: string | null
  readonly signal: AbortSignal
}

/** Keeps what was decided and says what is held back. Throws `RunRefused` when the CLI would obey what is not trusted. */
export async function holdConfig(deps: RunDeps, record: RunRecord, { subfolder, signal }: Where): Promise<void> {
  if (record.state.held !== undefined) return
  const { workspace, harness } = record.prepared()
  if (workspace.mode === 'scratch') return record.save({ held: null }) // it has no repository
  const { repoConfig } = harness
  const { paths, remedies } = await untrustedIn(deps, { workspace, harness, subfolder, signal })
  if (paths.length === 0) return record.save({ held: null })
  const told = { harness, paths, remedies }
  if (repoConfig === undefined) {
    record.save({ held: null })
    return record.notice([
      `${shown(paths)}: whether ${harness.title} obeys it is not known here, and nothing holds it back`,
    ])
  }
  if (repoConfig.untrusted === 'obeyed') throw new RunRefused('policy_refused', refusal(told))
  const words = repoConfig.instructions ?? null
  const at = privately(workspace, { signal })
  const instructions = words !== null && (await holdsFile(workspace.baseTree, words, at)) ? words : null
  record.save({ held: { paths, instructions } })
  record.notice([heldWords(told)])
}

interface Looked extends Where {
  readonly workspace: Workspace
  readonly harness: Harness
}

/** What nobody trusted on this host, and what its owner can do about it. */
async function untrustedIn(
  { registryPath }: RunDeps,
  looked: Looked,
): Promise<{ readonly paths: readonly string[]; readonly remedies: readonly string[] }> {
  const { workspace, harness, subfolder, signal } = looked
  // One look at the folders spares the usual repository, which has none, a start of git.
  const there = namesIn(workspace.path, subfolder)
  const sets = namesFor(harness).filter((names) => names.some((name) => there.has(name)))
  if (sets.length === 0) return { paths: [], remedies: [] }
  const at = privately(workspace, { signal })
  const [configs, beside] = await Promise.all([
    Promise.all(sets.map((names) => agentConfigIn(workspace.baseTree, { names, subfolder }, at))),
    strangers(looked, sets.flat()),
  ])
  const found = configs.filter((config) => config !== null)
  const repo = listRepos(registryPath).find(({ path }) => path === workspace.repoPath) ?? null
  const tracked = found.filter(({ cid }) => repo?.trusted.includes(cid) !== true).flatMap((config) => config.paths)
  const known = new Set(found.flatMap((config) => config.paths))
  const untracked = beside.filter((path) => !known.has(path))
  const trust = repo === null || tracked.length === 0 ? [] : [`capstan repo trust ${repo.slug}`]
  const removal = untracked.length === 0 ? [] : [removalOf(untracked, workspace)]
  return { paths: [...tracked, ...untracked], remedies: [...trust, ...removal] }
}

/**
 * What git does not track and the owner did not have brought along (`copy` and `link` of the trusted repo.toml): a setup or an earlier agent may
 * have left it, and no content id speaks for it.
 */
async function strangers(
  { workspace, subfolder, signal }: Looked,
  names: readonly string[],
): Promise<readonly string[]> {
  const at = privately(workspace, { indexFile: workspace.baseIndex, signal })
  const brought = workspace.carried.map(({ path }) => path)
  const there = await besideIndex({ names, subfolder }, at)
  return there.filter((path) => !brought.some((each) => path === each || path.startsWith(`${each}/`)))
}

function removalOf(paths: readonly string[], { mode }: Workspace): string {
  const other = mode === 'shared' ? 'use mode worktree' : 'name it under copy in .capstan/repo.toml'
  return `remove ${shown(paths)}, which git does not track, or ${other}`
}

/** Of a CLI that nobody knows, what any agent reads may be read. A script reads none. */
function namesFor({ explicit, repoConfig }: Harness): readonly (readonly string[])[] {
  if (repoConfig !== undefined) return [repoConfig.names]
  return explicit ? [] : builtIn.flatMap((each) => (each.repoConfig === undefined ? [] : [each.repoConfig.names]))
}

/** In small letters. No agent is at work yet. */
function namesIn(path: string, subfolder: string | null): ReadonlySet<string> {
  const folders = foldersTo(subfolder).map((folder) => join(path, folder))
  const names = folders.flatMap((folder) => (existsSync(`${folder}/.`) ? readdirSync(folder) : []))
  return new Set(names.map((name) => name.toLowerCase()))
}

interface Told {
  readonly harness: Harness
  readonly paths: readonly string[]
  readonly remedies: readonly string[]
}

function heldWords({ paths, remedies }: Told): string {
  const how = remedies.length === 0 ? '' : `; its owner can: ${remedies.join('; ')}`
  return `${shown(paths)} of this repository do${paths.length === 1 ? 'es' : ''} not count: not trusted on this host${how}`
}

function refusal({ harness, paths, remedies }: Told): string {
  const how =
    remedies.length === 0 ? 'use another harness' : `its owner can: ${remedies.join('; ')}; or use another harness`
  return `${harness.title} would obey ${shown(paths)} of this repository, which is not trusted on this host; ${how}`
}

function shown(paths: readonly string[]): string {
  const more = paths.length > 3 ? ` and ${paths.length - 3} more files` : ''
  return `${paths.slice(0, 3).join(', ')}${more}`
}

/** For the prompt: what the CLI would have given the agent by itself. Empty where nothing is left out. */
export function instructionWords(held: Held | null | undefined): string {
  if (held?.instructions == null) return ''
  return `\n\nThis repository has instructions for agents in ${held.instructions}: read them before you begin.`
}
