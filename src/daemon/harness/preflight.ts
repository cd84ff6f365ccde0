// What must be there before a run may start; what lacks is said in sentences, before a task is claimed rather than after it failed.

import type { AttemptReason } from '../../core/reason.ts'
import type { HarnessFound, ProfileSettings } from '../../protocol/fleet.ts'
import type { Autonomy } from '../../protocol/task.ts'
import type { Harness, HostProbe } from './port.ts'

/** Sentences of what lacks; empty: it may start. `host.env` must include the secrets folder. Pure but for `host.which`. */
export function preflight(
  needs: Pick<ProfileSettings, 'requiredEnv' | 'requiredTools'>,
  found: HarnessFound | null,
  host: HostProbe,
): readonly string[] {
  const env = (needs.requiredEnv ?? [])
    .filter((name) => (host.env[name] ?? '') === '')
    .map((name) => `the variable ${name} is not set: set it for the daemon, or put it into the secrets folder`)
  const tools = (needs.requiredTools ?? [])
    .filter((tool) => host.which(tool) === null)
    .map((tool) => `the program ${tool} is not on PATH: install it`)
  const harness = found === null || found.ready ? [] : [found.problem ?? `the harness ${found.name} is not ready`]
  return [...env, ...tools, ...harness]
}

/** Null when the harness can run with this autonomy, else the attempt's reason and sentence. */
export function refuseAutonomy(
  harness: Harness,
  autonomy: Autonomy,
): { readonly reason: AttemptReason; readonly detail: string } | null {
  if (harness.autonomies.includes(autonomy)) return null
  const able = harness.autonomies.join(' or ')
  if (autonomy === 'ask') {
    const detail = `${harness.title} cannot relay approvals here yet: use autonomy ${able}`
    return { reason: 'relay_unavailable', detail }
  }
  const detail = `${harness.title} cannot be held to autonomy ${autonomy}: use ${able}, or another harness`
  return { reason: 'policy_refused', detail }
}
