// Whether a repository's own configuration of the agent counts in a run: only as the host's owner trusted it. Decided once, before the start.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Harness } from '../harness/port.ts'
import { builtIn } from '../harness/registry.ts'
import { agentConfigIn, foldersTo, holdsFile } from '../repos/agent-config.ts'
import { listRepos } from '../repos/registry.ts'
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
  const at = privately(workspace, { signal })
  const { repoConfig } = harness
  const repo = listRepos(deps.registryPath).find(({ path }) => path === workspace.repoPath) ?? null
  // One look at the folders spares the usual repository, which has none, a start of git.
  const there = namesIn(workspace.path, subfolder)
  const sets = namesFor(harness).filter((names) => names.some((name) => there.has(name)))
  const looked = sets.map((names) => agentConfigIn(workspace.baseTree, { names, subfolder }, at))
  const found = (await Promise.all(looked)).filter((config) => config !== null)
  const paths = found.filter(({ cid }) => repo?.trusted.includes(cid) !== true).flatMap((config) => config.paths)
  if (paths.length === 0) return record.save({ held: null })
  const told = { harness, paths, remedy: repo === null ? null : `capstan repo trust ${repo.slug}` }
  if (repoConfig === undefined) {
    record.save({ held: null })
    return record.notice([
      `${shown(paths)}: whether ${harness.title} obeys it is not known here, and nothing holds it back`,
    ])
  }
  if (repoConfig.untrusted === 'obeyed') throw new RunRefused('policy_refused', refusal(told))
  const words = repoConfig.instructions ?? null
  const instructions = words !== null && (await holdsFile(workspace.baseTree, words, at)) ? words : null
  record.save({ held: { paths, instructions } })
  record.notice([heldWords(told)])
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
  readonly remedy: string | null
}

function heldWords({ paths, remedy }: Told): string {
  const how = remedy === null ? '' : `; its owner can: ${remedy}`
  return `${shown(paths)} of this repository do${paths.length === 1 ? 'es' : ''} not count: not trusted on this host${how}`
}

function refusal({ harness, paths, remedy }: Told): string {
  const how = remedy === null ? 'use another harness' : `its owner can: ${remedy}; or use another harness`
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
