// Which harness runs a task: the task's, else the profile's, else the repository's, else the host's first ready one.

import type { HarnessFound } from '../../protocol/fleet.ts'
import type { Harness } from './port.ts'
import { findHarness } from './registry.ts'

export interface HarnessWish {
  readonly task: string | null
  readonly profile: string | null
  /** From a trusted repo.toml. */
  readonly repo: string | null
  /** Another harness than the first would not do: a model is named, which only that one may know. */
  readonly onlyFirst?: boolean
}

export type HarnessChoice =
  | { readonly ok: true; readonly harness: Harness; readonly found: HarnessFound }
  /** The attempt fails with this sentence: `quota` when it says when that returns (ms since the epoch), else `harness_unavailable`. */
  | { readonly ok: false; readonly detail: string; readonly spentUntil?: number }

/** `found`: what detection said of each harness of the registry, on this host. Pure. */
export function chooseHarness(
  wish: HarnessWish,
  registry: readonly Harness[],
  found: readonly HarnessFound[],
): HarnessChoice {
  const name = wish.task ?? wish.profile ?? wish.repo
  return name === null ? firstReady(registry, found, wish.onlyFirst === true) : named(name, registry, found)
}

function named(name: string, registry: readonly Harness[], found: readonly HarnessFound[]): HarnessChoice {
  const harness = findHarness(registry, name)
  if (harness === null) {
    const known = registry.map((each) => each.name).join(', ')
    return { ok: false, detail: `this host knows no harness ${name}; it knows ${known}` }
  }
  const seen = found.find((each) => each.name === name)
  if (seen?.ready) return unlessSpent(harness, seen)
  return { ok: false, detail: `the harness ${name} is not ready here: ${seen?.problem ?? 'it was not looked for'}` }
}

/** The first whose quota is not spent; with all spent, the one whose returns first. */
function firstReady(registry: readonly Harness[], found: readonly HarnessFound[], onlyFirst: boolean): HarnessChoice {
  const ready = registry
    .filter((each) => !each.explicit)
    .flatMap((harness) => {
      const seen = found.find((each) => each.name === harness.name && each.ready)
      return seen === undefined ? [] : [unlessSpent(harness, seen)]
    })
  const choice = onlyFirst ? ready[0] : (ready.find((each) => each.ok) ?? ready.toSorted(byReturn)[0])
  if (choice !== undefined) return choice
  const problems = registry
    .filter((each) => !each.explicit)
    .map((each) => found.find((seen) => seen.name === each.name)?.problem ?? `${each.title} was not looked for`)
  return { ok: false, detail: `no agent is ready on this host. ${problems.join('. Or: ')}. Or name the harness shell.` }
}

function unlessSpent(harness: Harness, found: HarnessFound): HarnessChoice {
  const { exhaustedUntil } = found
  if (exhaustedUntil === undefined) return { ok: true, harness, found }
  const detail = `the quota of ${harness.name} on this host is spent until ${new Date(exhaustedUntil).toISOString()}`
  return { ok: false, detail, spentUntil: exhaustedUntil }
}

function byReturn(a: HarnessChoice, b: HarnessChoice): number {
  return (a.ok ? 0 : (a.spentUntil ?? 0)) - (b.ok ? 0 : (b.spentUntil ?? 0))
}
