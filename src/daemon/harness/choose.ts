// Which harness runs a task: the task's, else the profile's, else the repository's, else the host's first ready one.

import type { HarnessFound } from '../../protocol/fleet.ts'
import type { Harness } from './port.ts'
import { findHarness } from './registry.ts'

export interface HarnessWish {
  readonly task: string | null
  readonly profile: string | null
  /** From a trusted repo.toml. */
  readonly repo: string | null
}

export type HarnessChoice =
  | { readonly ok: true; readonly harness: Harness; readonly found: HarnessFound }
  /** The attempt fails with `harness_unavailable` and this sentence. */
  | { readonly ok: false; readonly detail: string }

/** `found`: what detection said of each harness of the registry, on this host. Pure. */
export function chooseHarness(
  wish: HarnessWish,
  registry: readonly Harness[],
  found: readonly HarnessFound[],
): HarnessChoice {
  const name = wish.task ?? wish.profile ?? wish.repo
  return name === null ? firstReady(registry, found) : named(name, registry, found)
}

function named(name: string, registry: readonly Harness[], found: readonly HarnessFound[]): HarnessChoice {
  const harness = findHarness(registry, name)
  if (harness === null) {
    const known = registry.map((each) => each.name).join(', ')
    return { ok: false, detail: `this host knows no harness ${name}; it knows ${known}` }
  }
  const seen = found.find((each) => each.name === name)
  if (seen?.ready) return { ok: true, harness, found: seen }
  return { ok: false, detail: `the harness ${name} is not ready here: ${seen?.problem ?? 'it was not looked for'}` }
}

function firstReady(registry: readonly Harness[], found: readonly HarnessFound[]): HarnessChoice {
  for (const harness of registry.filter((each) => !each.explicit)) {
    const seen = found.find((each) => each.name === harness.name && each.ready)
    if (seen) return { ok: true, harness, found: seen }
  }
  const problems = registry
    .filter((each) => !each.explicit)
    .map((each) => found.find((seen) => seen.name === each.name)?.problem ?? `${each.title} was not looked for`)
  return { ok: false, detail: `no agent is ready on this host. ${problems.join('. Or: ')}. Or name the harness shell.` }
}
