// Where the conversations of a run lie: in the user's home, or, of sandboxed runs, in a home that those of one team, repository and profile share.
// What an agent plants in a conversation, or in what its CLI remembers beside it, then never meets a CLI that runs outside of a sandbox, nor one
// of another profile.

import { basename, join } from 'node:path'
import { cidOf, cidOfJson } from '../../lib/cid.ts'
import type { HostProbe } from '../harness/port.ts'
import type { Workspace } from '../workspace/port.ts'

/** What of a workspace decides it. */
export type Seated = Pick<Workspace, 'sandboxed' | 'repoPath' | 'company'>

/** Null: the user's own. `stateDir`: the daemon's. */
export function conversationHome(stateDir: string, { sandboxed, repoPath, company }: Seated): string | null {
  if (sandboxed !== true) return null
  const name = repoPath === null ? 'none' : basename(repoPath)
  if (company !== undefined) {
    const { team, profile } = company
    return join(conversationHomes(stateDir), `${name}-${hashOf(cidOfJson({ team, repoPath, profile }), 16)}`)
  }
  // prepared before profiles had their own
  const before = repoPath === null ? name : `${name}-${hashOf(cidOf(repoPath), 8)}`
  return join(conversationHomes(stateDir), before)
}

function hashOf(cid: string, length: number): string {
  return cid.slice('sha256-'.length, 'sha256-'.length + length)
}

export function conversationHomes(stateDir: string): string {
  return join(stateDir, 'conversations')
}

/** True when both are sandboxed, and agents of other teams or profiles wrote to the one's home than to the other's. */
export function areStrangers(one: Seated, other: Seated): boolean {
  if (one.sandboxed !== true || other.sandboxed !== true) return false
  return one.company?.team !== other.company?.team || one.company?.profile !== other.company?.profile
}

/** The host as an adapter must see it to find the conversations of runs in that workspace. */
export function conversationHost(host: HostProbe, stateDir: string, workspace: Seated): HostProbe {
  const home = conversationHome(stateDir, workspace)
  return home === null ? host : { ...host, env: { HOME: home } }
}
