// What this host has to offer: repositories, harnesses and profiles as they are now, looked at again and again.

import { statSync } from 'node:fs'
import type { Client } from '../client/client.ts'
import type { Clock } from '../core/clock.ts'
import { Problem } from '../core/problem.ts'
import { messageOf } from '../lib/error-text.ts'
import type { Log } from '../lib/log.ts'
import type { HarnessFound, ProfileView } from '../protocol/fleet.ts'
import type { Harness, HostProbe } from './harness/port.ts'
import { preflight } from './harness/preflight.ts'
import { shell } from './harness/shell.ts'
import type { Policy } from './policy.ts'
import { refusedCommands } from './policy.ts'
import type { UsableRepo } from './repos/inspect.ts'
import type { RegisteredRepo } from './repos/registry.ts'
import { listRepos } from './repos/registry.ts'
import { repoFileAt } from './repos/repo-file.ts'
import { surveyRepos } from './repos/survey.ts'
import { hasCommands } from './run/prepare.ts'

interface OfferedRepo {
  readonly slug: string
  readonly problem: string | null
  readonly harness?: string
}

export interface OfferedParts {
  readonly repos: readonly OfferedRepo[]
  readonly harnesses: readonly HarnessFound[]
  /** Of those asked for, the ones this host can serve. */
  readonly profiles: readonly string[]
}

export interface OfferingOptions {
  readonly registryPath: string
  readonly harnesses: readonly Harness[]
  readonly profiles: readonly string[]
  readonly policy: Policy
  /** Why no run can be sandboxed here; null: it can. */
  readonly sandboxProblem: string | null
  readonly client: Client
  readonly clock: Clock
  readonly log: Log
  probe(): HostProbe
  /** What is known of the harnesses' quotas now. */
  mark(found: readonly HarnessFound[]): HarnessFound[]
}

/** A changed list of repositories is seen this soon, ms. */
const registryLookMs = 500
/** People install and sign in while the daemon runs; asking a CLI for its version costs up to a second of CPU. */
const detectAgainMs = 120_000

export class Offering {
  readonly #options: OfferingOptions
  #parts: OfferedParts = { repos: [], harnesses: [], profiles: [] }

  constructor(options: OfferingOptions) {
    this.#options = options
  }

  get parts(): OfferedParts {
    return this.#parts
  }

  /** Looks at everything. True when the offer is another than before. */
  async survey(signal: AbortSignal): Promise<boolean> {
    const harnesses = await this.#detect()
    const [repos, { profiles, lacking }] = await Promise.all([this.#repos(signal), this.#profiles(harnesses)])
    const isNarrowed = this.#options.profiles.length > 0 && profiles.length === 0
    return this.#set({ repos, harnesses: isNarrowed ? harnesses.map(unready(lacking)) : harnesses, profiles })
  }

  /** Looks at the quotas alone. True when the offer is another than before. */
  remark(): boolean {
    return this.#set({ ...this.#parts, harnesses: this.#options.mark(this.#parts.harnesses) })
  }

  /** Calls `changed` whenever the offer became another, until `signal` aborts; again after a call that failed. */
  async watch(signal: AbortSignal, changed: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options
    let seen = this.#stamp()
    let detectedAt = clock.monotonic()
    let told = true
    while (!signal.aborted) {
      await clock.sleep(registryLookMs, signal)
      const stamp = this.#stamp()
      const [moved, old] = [stamp !== seen, clock.monotonic() - detectedAt >= detectAgainMs]
      seen = stamp
      if (this.remark()) told = false
      if (!moved && !old && told) continue
      try {
        const other = old
          ? await this.survey(signal)
          : moved && this.#set({ ...this.#parts, repos: await this.#repos(signal) })
        if (other) told = false
        if (!told) await changed()
        told = true
        if (old) detectedAt = clock.monotonic()
      } catch (error) {
        log.warn({ reason: messageOf(error) }, 'offer not refreshed')
      }
    }
  }

  #set(parts: OfferedParts): boolean {
    const before = JSON.stringify(this.#parts)
    this.#parts = parts
    return JSON.stringify(parts) !== before
  }

  /** A cheap look at whether the registry file is another one. */
  #stamp(): string {
    const stat = statSync(this.#options.registryPath, { throwIfNoEntry: false })
    return stat === undefined ? '' : `${stat.ino} ${stat.mtimeMs} ${stat.size}`
  }

  async #repos(signal: AbortSignal): Promise<OfferedParts['repos']> {
    const { registryPath, log } = this.#options
    const surveyed = await surveyRepos(listRepos(registryPath), { signal })
    for (const { repo, problem } of surveyed)
      if (problem !== null) log.warn({ repo: repo.slug, problem }, 'repository skipped')
    const { policy } = this.#options
    return Promise.all(
      surveyed.map(async ({ repo, problem, found }) => {
        const forbidden = policy.repos !== null && !policy.repos.includes(repo.slug)
        if (forbidden) return { slug: repo.slug, problem: "the host's policy.toml does not list it under repos" }
        const harness = found === null ? null : await harnessOf(repo, found, signal)
        return { slug: repo.slug, problem, ...(harness === null ? {} : { harness }) }
      }),
    )
  }

  async #detect(): Promise<HarnessFound[]> {
    const { harnesses, policy } = this.#options
    const probe = this.#options.probe()
    const found = await Promise.all(
      harnesses.map(async (harness) => ({
        ...(await harness.detect(probe)),
        explicit: harness.explicit,
        ...accountOf(harness, probe),
      })),
    )
    const marked = this.#options.mark(found)
    return marked.map((each) => {
      if (each.name === shell.name && !policy.allowShell)
        return { ...each, ready: false, problem: "the host's policy.toml does not allow it: allowShell = true" }
      if (policy.harnesses !== null && !policy.harnesses.includes(each.name))
        return { ...each, ready: false, problem: "the host's policy.toml does not list it under harnesses" }
      return each
    })
  }

  /** `lacking`: why others were left out, in words. */
  async #profiles(
    harnesses: readonly HarnessFound[],
  ): Promise<{ readonly profiles: string[]; readonly lacking: string[] }> {
    const { profiles, client, log } = this.#options
    if (profiles.length === 0) return { profiles: [], lacking: [] }
    const { items } = await client.call('listProfiles', {})
    const wanted = profiles.map((name) => known(items, name))
    const offered = wanted.map((profile) => {
      const harness = harnesses.find((each) => each.name === profile.settings.harness) ?? null
      const lacking = [...preflight(profile.settings, harness, this.#options.probe()), ...this.#unsafe(profile)]
      if (lacking.length > 0) log.warn({ profile: profile.name, lacking }, 'profile not offered')
      return { id: profile.id, words: `${profile.name} (${lacking.join('; ')})`, isServed: lacking.length === 0 }
    })
    return {
      profiles: offered.filter((each) => each.isServed).map((each) => each.id),
      lacking: offered.filter((each) => !each.isServed).map((each) => each.words),
    }
  }

  /** What a profile's sandbox lacks here, or the host's policy asks of it. */
  #unsafe({ settings }: ProfileView): readonly string[] {
    const { policy, sandboxProblem } = this.#options
    const commands = refusedCommands(policy, hasCommands(settings))
    if (commands !== null) return [`the host's policy.toml says ${commands}`]
    const boxed = settings.sandbox?.runtime === 'os'
    if (boxed && sandboxProblem !== null) return [`the sandbox cannot be had here: ${sandboxProblem}`]
    if (!boxed && policy.requireSandbox) return ["the host's policy.toml says requireSandbox = true, and it has none"]
    return []
  }
}

/** A host that was given profiles and can serve none must not take work without one: a profile may be what keeps agents in a sandbox. */
function unready(lacking: readonly string[]): (each: HarnessFound) => HarnessFound {
  const problem = `the host can serve none of its profiles: ${lacking.join(', ')}`
  return (each) => ({ ...each, ready: false, problem: each.problem ?? problem.slice(0, 1_000) })
}

/** What the repository's trusted file names for tasks that name no harness, as it is at HEAD; null: nothing. */
async function harnessOf(repo: RegisteredRepo, found: UsableRepo, signal: AbortSignal): Promise<string | null> {
  const { commonDir, headSha } = found
  if (repo.trusted.length === 0) return null
  const query = { commonDir, commit: headSha, trusted: repo.trusted, signal }
  const state = await repoFileAt(query).catch(() => null) // one repository in trouble holds up no other; a run of it says what is wrong
  if (state === null) return null
  return state.kind === 'trusted' ? (state.file.harness ?? null) : null
}

function known(items: readonly ProfileView[], name: string): ProfileView {
  const found = items.find((each) => each.id === name || each.name === name)
  if (found !== undefined) return found
  const names = items.map((each) => each.name).join(', ')
  throw new Problem(
    'unknown_profile',
    `there is no profile "${name}"; there ${names === '' ? 'are none yet' : `are ${names}`}`,
  )
}

function accountOf(harness: Harness, probe: HostProbe): Pick<HarnessFound, 'account'> {
  const account = harness.account?.(probe) ?? null
  return account === null ? {} : { account }
}
