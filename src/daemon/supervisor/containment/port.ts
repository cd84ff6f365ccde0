// How the processes of one run are found and ended: one interface, one file per mechanism.

import type { ProcessInfo } from '../../../lib/proc.ts'

/** The name of the mechanism, as it stands on the attempt. */
export type ContainmentName = 'cgroup' | 'sweep'

/** Found once when the daemon starts: what this host allows without changing what an agent may do. */
export type ContainmentChoice =
  | { readonly name: 'sweep' }
  /** `root`: the cgroup v2 folder under which each run gets one of its own. */
  | { readonly name: 'cgroup'; readonly root: string }

export interface Containment {
  readonly name: ContainmentName
  /** One look: every living process of the run, never its supervisor or the supervisor's helpers. */
  members(): Promise<readonly ProcessInfo[]>
  /** Ends what the mechanism can end at once; the caller then signals each member by itself. */
  killAtOnce(): Promise<void>
  /** Takes away what the mechanism keeps on the host. Called when no member is left. */
  release(): Promise<void>
}
