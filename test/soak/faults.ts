// The faults of the soak. Each is done, waited out and undone by itself.

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../faults/random.ts'
import type { HostName, Machine } from './machine.ts'
import { hostNames } from './machine.ts'
import type { Given } from './work.ts'

export interface Torment {
  readonly machine: Machine
  readonly random: Random
  /** Tasks given so far. */
  readonly given: readonly Given[]
  /** Attempt ids whose worktree was deleted: what they had not reported is destroyed by the soak itself. */
  readonly deleted: Set<string>
  /** Attempt ids whose agent was killed: they may fail. */
  readonly killed: Set<string>
}

type Fault = (torment: Torment, host: HostName) => Promise<void>

export const faults: Readonly<Record<string, Fault>> = {
  'daemon kill -9': async ({ machine, random }, host) => {
    await machine.stopDaemon(host, 'SIGKILL')
    await pause(random.below(6_000))
    await machine.startDaemon(host)
  },
  'daemon restarted': async ({ machine }, host) => {
    await machine.stopDaemon(host, 'SIGTERM')
    await machine.startDaemon(host)
  },
  'daemon paused (SIGSTOP)': async ({ machine, random }, host) => {
    const pid = machine.pidOf(host)
    if (pid === null) return
    process.kill(pid, 'SIGSTOP')
    await pause(1_000 + random.below(12_000))
    process.kill(pid, 'SIGCONT')
  },
  'server kill -9': async ({ machine, random }) => {
    if (!(await machine.killServer())) return // another fault has it down already
    await pause(random.below(4_000))
    await machine.startServer()
  },
  'line cut': async ({ machine, random }, host) => {
    machine.line(host).cut()
    await pause(500 + random.below(12_000))
    machine.line(host).mend()
  },
  'line deaf': async ({ machine, random }, host) => {
    machine.line(host).deafen()
    await pause(500 + random.below(5_000))
    machine.line(host).mend()
  },
  'line half open': async ({ machine }, host) => {
    machine.line(host).freeze()
  },
  'agent kill -9': async (torment, host) => killOne(torment, host, 'agent'),
  'supervisor kill -9': async (torment, host) => killOne(torment, host, 'supervisor'),
  'task cancelled': async ({ machine, random, given }) => {
    const task = given[Math.max(0, given.length - 1 - random.below(8))]
    if (task !== undefined)
      await machine.client.call('cancelTask', { params: { id: task.id }, body: {} }).catch(() => {}) // too late
  },
  'worktree deleted': async ({ machine, random, deleted }, host) => {
    const worktrees = machine.worktreesOf(host)
    const folder = worktrees[random.below(Math.max(1, worktrees.length))]
    if (folder === undefined) return
    for (const run of machine.runsOf(host)) {
      const text = read(join(run, 'state.json'))
      if (text.includes(folder)) deleted.add(run.split('/').at(-1) ?? '')
    }
    rmSync(folder, { recursive: true, force: true })
  },
}

/** One random fault on a host that no other fault is at; gives its name. */
export async function inflict(torment: Torment, host: HostName): Promise<string> {
  const names = Object.keys(faults)
  const name = names[torment.random.below(names.length)] ?? ''
  await faults[name]?.(torment, host)
  return name
}

export function otherHosts(busy: ReadonlySet<HostName>): HostName[] {
  return hostNames.filter((name) => !busy.has(name))
}

/** Kills the process that a running run's folder names, if it is still that one. */
function killOne({ machine, random, killed }: Torment, host: HostName, what: 'agent' | 'supervisor'): void {
  const live = machine.runsOf(host).filter((run) => read(join(run, 'exit')) === '' && read(join(run, 'pid')) !== '')
  const run = live[random.below(Math.max(1, live.length))]
  if (run === undefined) return
  const pid = new RegExp(`^${what}=(\\d+) `, 'm').exec(read(join(run, 'pid')))?.[1]
  // Only a process that is visibly of this soak: a pid may have been reused since.
  if (pid !== undefined && (read(`/proc/${pid}/cmdline`) + read(`/proc/${pid}/environ`)).includes(machine.world.root))
    process.kill(Number(pid), 'SIGKILL')
  killed.add(run.split('/').at(-1) ?? '')
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}
