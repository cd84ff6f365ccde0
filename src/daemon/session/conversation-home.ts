// Where the conversations of a run lie: in the user's home, or, of sandboxed runs, in a home that those of one repository share. What an agent
// plants in a conversation, or in what its CLI remembers beside it, then never meets a CLI that runs outside of a sandbox.

import { basename, join } from 'node:path'
import { cidOf } from '../../lib/cid.ts'
import type { HostProbe } from '../harness/port.ts'
import type { Workspace } from '../workspace/port.ts'

/** Null: the user's own. `stateDir`: the daemon's. */
export function conversationHome(
  stateDir: string,
  { sandboxed, repoPath }: Pick<Workspace, 'sandboxed' | 'repoPath'>,
): string | null {
  if (sandboxed !== true) return null
  const hash = cidOf(repoPath ?? '').slice('sha256-'.length, 'sha256-'.length + 8)
  return join(conversationHomes(stateDir), repoPath === null ? 'none' : `${basename(repoPath)}-${hash}`)
}

export function conversationHomes(stateDir: string): string {
  return join(stateDir, 'conversations')
}

/** The host as an adapter must see it to find the conversations of runs in that workspace. */
export function conversationHost(
  host: HostProbe,
  stateDir: string,
  workspace: Pick<Workspace, 'sandboxed' | 'repoPath'>,
): HostProbe {
  const home = conversationHome(stateDir, workspace)
  return home === null ? host : { ...host, env: { HOME: home } }
}
