// Whether a repository's own configuration of the agent counts in a run: only as the host's owner trusted it. Decided once, before the start.

import type { Harness } from '../harness/port.ts'
import { builtIn } from '../harness/registry.ts'
import { agentConfigIn, holdsFile } from '../repos/agent-config.ts'
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
  // Of a CLI that nobody knows, all that any agent reads may be read.
  const names = repoConfig?.names ?? (harness.explicit ? [] : builtIn.flatMap((each) => each.repoConfig?.names ?? []))
  const found = names.length === 0 ? null : await agentConfigIn(workspace.baseTree, { names, subfolder }, at)
  const repo = listRepos(deps.registryPath).find(({ path }) => path === workspace.repoPath) ?? null
  if (found === null || repo?.trusted.includes(found.cid) === true) return record.save({ held: null })
  const remedy = repo === null ? null : `capstan repo trust ${repo.slug}`
  const told = { harness, paths: found.paths, remedy }
  if (repoConfig === undefined) {
    record.save({ held: null })
    return record.notice([
      `${shown(found.paths)}: whether ${harness.title} obeys it is not known here, and nothing holds it back`,
    ])
  }
  if (repoConfig.untrusted === 'obeyed') throw new RunRefused('policy_refused', refusal(told))
  const words = repoConfig.instructions ?? null
  const instructions = words !== null && (await holdsFile(workspace.baseTree, words, at)) ? words : null
  record.save({ held: { paths: found.paths, instructions } })
  record.notice([heldWords(told)])
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
