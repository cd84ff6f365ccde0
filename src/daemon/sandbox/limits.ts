// Limits of processor, memory and processes for a run, by whatever this host has: cgroups of version 2 or 1, else prlimit.
// Sources: the kernel's admin-guide/cgroup-v2.rst and cgroup-v1/*.rst, setrlimit(2).

import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { RunUser } from '../../lib/exec.ts'
import { exec } from '../../lib/exec.ts'
import type { SandboxSettings } from '../../protocol/sandbox.ts'
import { parseSize } from '../../protocol/sandbox.ts'
import { removeCgroup } from '../supervisor/containment/cgroup.ts'

type Resources = NonNullable<SandboxSettings['resources']>
const controllers = ['cpu', 'memory', 'pids'] as const
type Controller = (typeof controllers)[number]

export type LimitsChoice =
  | { readonly name: 'cgroup v2'; readonly root: string }
  | { readonly name: 'cgroup v1'; readonly roots: Readonly<Record<Controller, string>> }
  | { readonly name: 'prlimit' }
  | { readonly name: 'none' }

/** What a limit becomes here. `unheld`: asked, and nothing here holds it for the run as a whole. */
export interface Limits {
  readonly mechanism: string
  readonly rlimits: {
    readonly pids: number | null
    readonly dataBytes: number | null
    readonly fileBytes: number | null
  }
  readonly unheld: readonly string[]
}

const probeMs = 5_000
/** Then a process id. */
const probeName = 'capstan-limits-probe-'

/** Tries the ways out, best first. Done once per daemon. */
export async function chooseLimits(clock: Clock): Promise<LimitsChoice> {
  return version2() ?? (await version1(clock)) ?? (await prlimit())
}

/** How the resources asked for would be held. */
export function planLimits(choice: LimitsChoice, asked: Resources): Limits {
  const fileBytes = asked.disk === undefined ? null : parseSize(asked.disk)
  const disk = fileBytes === null ? [] : ['disk (each file is bounded, not their sum)']
  switch (choice.name) {
    case 'cgroup v2':
    case 'cgroup v1':
      return { mechanism: choice.name, rlimits: { pids: null, dataBytes: null, fileBytes }, unheld: disk }
    case 'prlimit': {
      const memory = asked.memory === undefined ? [] : ['memory (each process is bounded, not their sum)']
      const cpus = asked.cpus === undefined ? [] : ['cpus']
      const dataBytes = asked.memory === undefined ? null : parseSize(asked.memory)
      const rlimits = { pids: asked.pids ?? null, dataBytes, fileBytes }
      return { mechanism: 'prlimit', rlimits, unheld: [...cpus, ...memory, ...disk] }
    }
    case 'none': {
      const names = ['cpus', 'memory', 'pids', 'disk'] as const
      const unheld = names.filter((name) => asked[name] !== undefined)
      return { mechanism: 'none', rlimits: { pids: null, dataBytes: null, fileBytes: null }, unheld }
    }
  }
}

/** Makes the groups that hold the run and gives their folders; none where no cgroup does. `user`: who will join them. */
export function makeLimits(choice: LimitsChoice, name: string, asked: Resources, user: RunUser | null): string[] {
  const places = placesOf(choice, name)
  for (const [controller, place] of places) {
    mkdirSync(place, { recursive: true })
    if (choice.name === 'cgroup v2') writeVersion2(place, asked)
    else writeVersion1(place, controller, asked)
    if (user !== null) chownSync(join(place, 'cgroup.procs'), user.uid, user.gid)
  }
  return [...limitGroups(choice, name)]
}

/** The folders of a run's groups, made or not. */
export function limitGroups(choice: LimitsChoice, name: string): readonly string[] {
  return [...new Set(placesOf(choice, name).map(([, place]) => place))]
}

/** Takes the groups of a run away; those that still hold a process stay. */
export async function releaseLimits(choice: LimitsChoice, name: string, clock: Clock): Promise<void> {
  for (const [, place] of placesOf(choice, name)) if (existsSync(place)) await removeCgroup(place, clock)
}

function placesOf(choice: LimitsChoice, name: string): [Controller, string][] {
  switch (choice.name) {
    case 'cgroup v2':
      return [['memory', join(choice.root, `capstan-${name}`)]]
    case 'cgroup v1':
      return controllers.map((each) => [each, join(choice.roots[each], `capstan-${name}`)])
    case 'prlimit':
    case 'none':
      return []
  }
}

const periodUs = 100_000

/** Into a group that is given the controllers. */
export function writeVersion2(place: string, { cpus, memory, pids }: Resources): void {
  if (cpus !== undefined) writeFileSync(join(place, 'cpu.max'), `${Math.round(cpus * periodUs)} ${periodUs}`)
  if (pids !== undefined) writeFileSync(join(place, 'pids.max'), String(pids))
  if (memory === undefined) return
  writeFileSync(join(place, 'memory.max'), String(parseSize(memory)))
  const swap = join(place, 'memory.swap.max')
  if (existsSync(swap)) writeFileSync(swap, '0')
}

function writeVersion1(place: string, controller: Controller, { cpus, memory, pids }: Resources): void {
  const write = (name: string, value: number) => writeFileSync(join(place, name), String(value))
  switch (controller) {
    case 'cpu':
      if (cpus === undefined) return
      write('cpu.cfs_period_us', periodUs)
      write('cpu.cfs_quota_us', Math.round(cpus * periodUs))
      return
    case 'pids':
      if (pids !== undefined) write('pids.max', pids)
      return
    case 'memory': {
      if (memory === undefined) return
      const bytes = parseSize(memory) ?? 0
      write('memory.limit_in_bytes', bytes)
      if (existsSync(join(place, 'memory.memsw.limit_in_bytes'))) write('memory.memsw.limit_in_bytes', bytes)
    }
  }
}

/** A group may hold processes or give controllers to groups below it, not both: so the daemon's own, or the one above it. */
function version2(): LimitsChoice | null {
  const own = /^0::(\/.*)$/m.exec(textOf('/proc/self/cgroup'))?.[1]
  const mount = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(textOf('/proc/self/mountinfo'))?.[1]
  if (own === undefined || mount === undefined) return null
  const place = join(mount, own)
  const root = [place, dirname(place)].find((each) => each.startsWith(mount) && givesControllers(each))
  return root === undefined ? null : { name: 'cgroup v2', root }
}

function givesControllers(root: string): boolean {
  const probe = join(root, `${probeName}${process.pid}`)
  dropLeftProbes(root)
  try {
    writeFileSync(join(root, 'cgroup.subtree_control'), controllers.map((each) => `+${each}`).join(' '))
    mkdirSync(probe)
    const able = existsSync(join(probe, 'memory.max')) && existsSync(join(probe, 'pids.max'))
    rmdirSync(probe)
    return able
  } catch {
    return false // not delegated to this user, or in use
  }
}

async function version1(clock: Clock): Promise<LimitsChoice | null> {
  const [cpu, memory, pids] = controllers.map(folderOf)
  if (cpu == null || memory == null || pids == null) return null
  const choice: LimitsChoice = { name: 'cgroup v1', roots: { cpu, memory, pids } }
  const name = `limits-probe-${process.pid}`
  for (const root of [cpu, memory, pids]) dropLeftProbes(root)
  try {
    const places = makeLimits(choice, name, { cpus: 1, memory: '64MiB', pids: 64 }, null)
    const join = 'for each; do echo 0 >"$each/cgroup.procs" || exit 1; done'
    const { code } = await exec('/bin/sh', ['-c', join, 'sh', ...places], { env: {}, timeoutMs: probeMs })
    return code === 0 ? choice : null
  } catch {
    return null // not writable for this user
  } finally {
    await releaseLimits(choice, name, clock).catch(() => {}) // not writable
  }
}

/** Groups of daemons that were killed while they tried. One of a process that lives, or that holds one, stays. */
function dropLeftProbes(root: string): void {
  for (const name of existsSync(root) ? readdirSync(root) : []) {
    if (!name.startsWith(probeName) || existsSync(`/proc/${name.slice(probeName.length)}`)) continue
    try {
      rmdirSync(join(root, name))
    } catch {
      // not ours, or in use
    }
  }
}

/** This process's folder of a controller of version 1. */
function folderOf(controller: Controller): string | null {
  const has = (list: string | undefined) => list?.split(',').includes(controller) === true
  const own = textOf('/proc/self/cgroup')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, list]) => has(list))
  const mounts = textOf('/proc/self/mountinfo')
    .split('\n')
    .flatMap((line) => {
      const [, path = '', options] = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup \S+ (\S+)/.exec(line) ?? []
      return has(options) ? [path] : []
    })
  const [mount] = mounts
  return own === undefined || mount === undefined ? null : join(mount, own.slice(2).join(':'))
}

async function prlimit(): Promise<LimitsChoice> {
  try {
    const { code } = await exec('prlimit', ['--nproc', '--version'], { env: { PATH: usualPath }, timeoutMs: probeMs })
    return code === 0 ? { name: 'prlimit' } : { name: 'none' }
  } catch {
    return { name: 'none' }
  }
}

const usualPath = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // not Linux
  }
}
