// A run's sandbox: what its profile asks and this host's policy allows, made into a box for setup, agent and checks.

import { join } from 'node:path'
import { messageOf } from '../../lib/error-text.ts'
import type { Assignment } from '../../protocol/link.ts'
import type { SandboxSettings } from '../../protocol/sandbox.ts'
import { readAllowedHost } from '../../protocol/sandbox.ts'
import type { Harness } from '../harness/port.ts'
import type { Policy } from '../policy.ts'
import { listRepos } from '../repos/registry.ts'
import { makeBox } from '../sandbox/bubblewrap.ts'
import { placeHome } from '../sandbox/homes.ts'
import { makeLimits, planLimits, releaseLimits, writeVersion2 } from '../sandbox/limits.ts'
import { isPrivateRule, type NetworkRule } from '../sandbox/network-rules.ts'
import { expandHome, realPath } from '../sandbox/places.ts'
import type { Box, BoxUse, HostPlaces, PlacedPath } from '../sandbox/port.ts'
import { conversationHome } from '../session/conversation-home.ts'
import { copiesIn, storesOf } from '../setup/package-stores.ts'
import type { Workspace } from '../workspace/port.ts'
import { removeTree } from '../workspace/tree.ts'
import type { RunDeps } from './deps.ts'
import { RunRefused } from './refused.ts'

/** What the profile asks, or null where it asks for none. */
export function sandboxOf({ profile }: Pick<Assignment, 'profile'>): SandboxSettings | null {
  const settings = profile?.settings.sandbox
  return settings?.runtime === 'os' ? settings : null
}

/** Throws `RunRefused` when this host cannot enforce what the profile asks; the sentence says what is missing. */
export function requireSandbox(deps: RunDeps, assignment: Pick<Assignment, 'profile'>): void {
  const settings = sandboxOf(assignment)
  if (settings === null) return
  const { problem, limits } = deps.sandbox
  if (problem !== null) throw new RunRefused('harness_unavailable', `the sandbox cannot be had here: ${problem}`)
  const asked = settings.resources
  if (asked?.required !== true) return
  const { unheld, mechanism } = planLimits(limits, asked)
  if (unheld.length === 0) return
  const detail = `the limits are required and this host (${mechanism}) cannot hold ${unheld.join(', ')}`
  throw new RunRefused('harness_unavailable', detail)
}

export interface BoxedRun {
  readonly assignment: Assignment
  readonly workspace: Workspace
  readonly harness: Harness
  readonly runDir: string
  readonly cwd: string
}

export interface MadeBox extends Box {
  /** As it stands on the attempt: `bubblewrap, limits by cgroup v1`. */
  readonly name: string
}

/** The box for one use, or null where the run has no sandbox. `readable`: files of the run that its program reads. */
export function boxFor(
  deps: RunDeps,
  run: BoxedRun,
  made: {
    readonly use: BoxUse
    readonly env: Readonly<Record<string, string>>
    readonly program: string
    readonly readable: readonly string[]
    /** It may fill the repository's package stores. Default: it has the run's copies. */
    readonly fillsStores?: boolean
  },
): MadeBox | null {
  const settings = sandboxOf(run.assignment)
  if (settings === null) return null
  const { sandbox } = deps
  const host = placesOf(deps)
  refuseLinksOut(deps.policy, settings, host.home)
  const asked = settings.resources ?? {}
  const { mechanism, rlimits, unheld } = planLimits(sandbox.limits, asked)
  const limited = Object.keys(asked).some((key) => key !== 'required')
  const box = makeBox(
    {
      use: made.use,
      terminal: made.use === 'agent' && run.assignment.task.interactive === true,
      settings,
      host,
      workspace: run.workspace,
      runDir: run.runDir,
      cacheDir: made.fillsStores === true ? storesFor(deps, run.assignment) : copiesIn(run.runDir),
      cwd: run.cwd,
      program: made.program,
      env: made.env,
      homePaths: harnessPlaces(deps, run),
      readable: made.readable,
      rules: rulesOf(deps.policy, settings, made.use),
      user: sandbox.user,
      cgroups: limited ? groupsOf(deps, run, made.use) : [],
      rlimits,
    },
    sandbox.bwrap ?? 'bwrap',
  )
  const notices = [...box.notices, ...unheld.map((each) => `sandbox: this host cannot hold ${each}`)]
  return { ...box, notices, name: limited ? `bubblewrap, limits by ${mechanism}` : 'bubblewrap' }
}

/** The repository's package stores on this host. */
export function storesFor({ places }: RunDeps, { task }: Assignment): string {
  return storesOf(places.dataDir, { team: task.teamId ?? 'team', repo: task.repo ?? 'none' })
}

/** What is named may be a link that an agent of an earlier run has left: where it leads must be allowed, too. */
export function refuseLinksOut(policy: Policy, { filesystem }: SandboxSettings, home: string): void {
  if (!policy.requireSandbox) return
  const real = (path: string) => realPath(expandHome(path, home))
  const allowed = policy.writable.map(real).filter((path) => path !== null)
  for (const each of filesystem?.write ?? []) {
    const path = real(each)
    if (path === null || allowed.some((folder) => path === folder || path.startsWith(`${folder}/`))) continue
    const rule = `requireSandbox = true, and sandbox.writable lacks ${path}, to which ${each} leads`
    throw new RunRefused('policy_refused', `the host's policy.toml says ${rule}`)
  }
}

/** The limits of a cgroup of version 2 are those of the run's own group, which holds its processes already; a command has one of its own. */
function groupsOf(deps: RunDeps, { assignment }: BoxedRun, use: BoxUse): string[] {
  const { limits, user } = deps.sandbox
  if (limits.name === 'cgroup v2' && use === 'agent' && deps.containment.name === 'cgroup') return []
  return makeLimits(limits, assignment.attemptId, sandboxOf(assignment)?.resources ?? {}, user)
}

/** Limits of the run's own group, before anything is in it. */
export function limitGroup(deps: RunDeps, assignment: Assignment, place: string): void {
  const asked = sandboxOf(assignment)?.resources
  if (asked !== undefined && deps.sandbox.limits.name === 'cgroup v2') writeVersion2(place, asked)
}

/** Takes away what held the run's resources, and its home; its processes have ended. Never rejects. */
export async function releaseBox(deps: RunDeps, assignment: Assignment): Promise<void> {
  if (sandboxOf(assignment) === null) return
  const { attemptId } = assignment
  try {
    await releaseLimits(deps.sandbox.limits, attemptId, deps.clock)
    await removeTree(join(deps.state.runs, attemptId, 'box'))
  } catch (error) {
    deps.log.warn({ attemptId, error: messageOf(error) }, 'box of a run not taken away')
  }
}

function placesOf(deps: RunDeps): HostPlaces {
  const { dataDir, capstanHome, secretDir } = deps.places
  const repos = listRepos(deps.registryPath).flatMap(({ path, commonDir }) => [path, commonDir ?? path])
  return { home: deps.probe().env.HOME ?? '/nonexistent', dataDir, capstanHome, secretDir, repos }
}

/** The harness's own files. The folders of conversations are made now: the agent could only make them where they are lost. */
export function harnessPlaces(
  deps: RunDeps,
  { harness, workspace }: Pick<BoxedRun, 'harness' | 'workspace'>,
): readonly PlacedPath[] {
  const home = conversationHome(deps.state.dir, workspace)
  if (harness.homePaths === undefined || home === null) return []
  return placeHome(harness.homePaths, { env: deps.probe().env, home, user: deps.sandbox.user })
}

/** Hosts for this use. One of this machine or network is reachable only if the host's policy lists it, or no sandbox is required here at all. */
function rulesOf(policy: Policy, { network }: SandboxSettings, use: BoxUse): readonly NetworkRule[] {
  const local = policy.privateHosts.map((text) => readAllowedHost(text)).filter((each) => typeof each !== 'string')
  const asked = [...(network?.allowedHosts ?? []), ...(use === 'setup' ? (network?.setupHosts ?? []) : [])]
  return asked.flatMap((text) => {
    const read = readAllowedHost(text)
    if (typeof read === 'string') return []
    const listed = local.some(
      (each) =>
        each.host === read.host && each.wildcard === read.wildcard && (each.port === null || each.port === read.port),
    )
    return [{ ...read, private: listed || (!policy.requireSandbox && isPrivateRule(read)) }]
  })
}
