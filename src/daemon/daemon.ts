// The daemon: connects outward, claims what suits this host, runs it, reports. Made of its parts here; `loops.ts` keeps them going.

import { join } from 'node:path'
import { makeClient } from '../client/client.ts'
import { Problem } from '../core/problem.ts'
import { readFileIfThere, writeFileAtomic } from '../lib/atomic-file.ts'
import { capstanHome } from '../lib/env.ts'
import { withLock } from '../lib/lock.ts'
import { defaultLeaseMs } from '../protocol/fleet.ts'
import type { Ended } from './errand.ts'
import { readRetention } from './gc/retention.ts'
import { readPrices } from './harness/price-settings.ts'
import { makeHostProbe } from './harness/probe.ts'
import { makeRegistry } from './harness/registry.ts'
import { readSecretDir } from './harness/secret-dir.ts'
import { customTables } from './harness/tables.ts'
import { readIdentity } from './identity.ts'
import type { Journal } from './journal/journal.ts'
import { openJournal } from './journal/journal.ts'
import { Loops } from './loops.ts'
import { Offering } from './offering.ts'
import type { DaemonOptions } from './options.ts'
import { readPolicy } from './policy.ts'
import { Quota } from './quota/keeper.ts'
import { readQuotaSettings } from './quota/settings.ts'
import { addRepo } from './repos/registry.ts'
import type { RunDeps } from './run/deps.ts'
import { environmentAs, findRunUser, letThrough } from './run-user.ts'
import { openSandboxHost } from './sandbox/host.ts'
import type { StateFolder } from './state-folder.ts'
import { openStateFolder } from './state-folder.ts'
import { chooseContainment } from './supervisor/containment/cgroup.ts'

export interface RunningDaemon {
  readonly daemonId: string
  /** Settles when the daemon ends by itself: `once` and `batch` when done, any mode when the server refuses it for good. */
  readonly done: Promise<Ended>
  /** `agents: true` ends them and gives their work back; false leaves them to the next start. `now` does not wait for the server. */
  stop(how: { readonly agents: boolean; readonly now?: boolean }): Promise<void>
}

/** An agent whose daemon is gone for this long is stopped by its supervisor: lease and grace, ms. */
const orphanAfterMs = defaultLeaseMs + 600_000
const graceMs = 10_000

/**
 * Starts a daemon and returns when the server has registered it. Throws `daemon_running` when another process or host has its identity,
 * `configuration`, what the server refuses for good, and for `once` and `batch` also `not_connected`.
 */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const state = openStateFolder(options)
  const unlock = await lockState(state)
  try {
    return await startLocked(options, state, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

async function startLocked(options: DaemonOptions, state: StateFolder, unlock: () => void): Promise<RunningDaemon> {
  const { clock, log } = options
  const home = capstanHome(options.env)
  const runAs = options.runAs == null ? null : await findRunUser(options.runAs, options.env)
  if (runAs !== null) await letThrough(runAs, state, options.dataDir)
  const env = runAs === null ? options.env : environmentAs(runAs, options.env, home)
  const registryPath = join(options.dataDir, 'repos.json')
  const policy = readPolicy(join(home, 'policy.toml'), options.serverUrl)
  const retention = readRetention(join(home, 'daemon.toml'))
  const harnesses = makeRegistry(customTables(join(home, 'daemon.toml')))
  for (const path of options.workspaces) await addRepo(registryPath, { path })
  const secrets = () => readSecretDir(options.secretDir)
  const probe = () => makeHostProbe(env, secrets(), runAs)
  const client = makeClient({ url: options.serverUrl, token: options.token })
  const prices = readPrices(join(home, 'daemon.toml'))
  const settings = readQuotaSettings(join(home, 'daemon.toml'))
  const quota = new Quota({ state, harnesses, settings, clock, log, probe })
  const mark: Quota['mark'] = (found) => quota.mark(found)
  const sandbox = await openSandboxHost(probe(), runAs, clock)
  const { profiles } = options
  const shared = { clock, log, registryPath, harnesses, policy, probe }
  const offering = new Offering({ ...shared, profiles, sandboxProblem: sandbox.problem, client, mark })
  const identity = await readIdentity({ home, name: options.identity, env: options.env, cwd: options.dataDir })
  const journal = openedJournal(options, state)
  const deps: Omit<RunDeps, 'changed' | 'poke'> = {
    ...shared,
    env,
    state,
    journal,
    found: () => offering.parts.harnesses,
    secrets,
    quota,
    prices,
    author: identity.author,
    authorInRuns: identity.named || identity.author.signing !== undefined,
    forge: identity.forge,
    containment: await chooseContainment(clock),
    sandbox,
    places: { dataDir: options.dataDir, capstanHome: home, secretDir: options.secretDir },
    sharesSessions: policy.upload.session && options.pool !== null,
    fetch: (attemptId, cid) => client.bytes('getAttemptBlob', { params: { id: attemptId, cid } }),
    orphanAfterMs,
    graceMs,
    checkpointIntervalMs: options.checkpointIntervalMs ?? null,
    flushMs: options.flushIntervalMs,
    leaseTtlMs: options.leaseTtlMs ?? null,
    warmSessionTtlMs: options.warmSessionTtlMs ?? null,
  }
  const loops = new Loops({ options, state, client, offering, retention, deps })
  const release = () => {
    journal[Symbol.dispose]()
    unlock()
  }
  try {
    const daemonId = await loops.start()
    return {
      daemonId,
      done: loops.done,
      stop: async (how) => {
        if (await loops.stop(how)) release()
      },
    }
  } catch (error) {
    await loops.stop({ agents: false, now: true })
    journal[Symbol.dispose]()
    throw error
  }
}

function openedJournal({ clock, log }: DaemonOptions, state: StateFolder): Journal {
  const { journal, quarantined } = openJournal(state.journal, clock.now())
  if (quarantined !== null) log.error(quarantined, 'journal was damaged and set aside')
  return journal
}

/** One process per state folder; the kernel frees the lock when it dies. The result frees it. */
async function lockState(state: StateFolder): Promise<() => void> {
  const pidPath = join(state.dir, 'pid')
  const held = Promise.withResolvers<void>()
  const over = Promise.withResolvers<void>()
  withLock(join(state.dir, 'lock'), { timeoutMs: 500 }, async () => {
    writeFileAtomic(pidPath, String(process.pid))
    held.resolve()
    await over.promise
  }).catch((cause) => {
    const by = `daemon ${state.name} (pid ${readFileIfThere(pidPath)?.trim() ?? 'unknown'}) runs here already, with its state in ${state.dir}`
    held.reject(
      cause instanceof Problem && cause.code === 'in_use' ? new Problem('daemon_running', by, { cause }) : cause,
    )
  })
  await held.promise
  return () => over.resolve()
}
