// Containment by a cgroup v2 of the run's own: nothing leaves it, whatever it forks or clears. No controller is switched on, so it limits
// nothing. Source: the kernel's Documentation/admin-guide/cgroup-v2.rst; cgroup.kill is there since Linux 5.14.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../core/clock.ts'
import { readFileIfThere } from '../../../lib/atomic-file.ts'
import { exec } from '../../../lib/exec.ts'
import { findProcess, type ProcessInfo } from '../../../lib/proc.ts'
import type { RunHandle, Stray } from '../run-folder.ts'
import type { Containment, ContainmentChoice } from './port.ts'
import { sweep } from './sweep.ts'

const prefix = 'capstan-'
const probeTimeoutMs = 5_000
/** A process that was killed leaves its cgroup within a few milliseconds; this is far beyond. */
const releaseTries = 50
const releasePauseMs = 10

/** Tries it out: makes a cgroup beside this process, lets a child join and end, takes it away. Anything amiss: sweep. Done once per daemon. */
export async function chooseContainment(clock: Clock): Promise<ContainmentChoice> {
  const root = ownCgroup()
  if (root === null) return { name: 'sweep' }
  const place = join(root, `${prefix}probe-${process.pid}`)
  try {
    mkdirSync(place)
  } catch {
    return { name: 'sweep' } // read-only, or not delegated to this user
  }
  try {
    const joined = await exec('/bin/sh', ['-c', 'echo 0 >"$1/cgroup.procs"', 'sh', place], {
      env: {},
      timeoutMs: probeTimeoutMs,
    })
    if (joined.code !== 0 || !existsSync(join(place, 'cgroup.kill'))) return { name: 'sweep' }
    removeLeftovers(root, clock.now())
    return { name: 'cgroup', root }
  } finally {
    await removeCgroup(place, clock)
  }
}

/** A run's cgroup is made right before its first process is put there, ms. */
const justMadeMs = 3_600_000

/** Those of runs whose daemon never came back, whoever's they were. The kernel removes only what is empty. */
function removeLeftovers(root: string, now: number): void {
  for (const name of readdirSync(root).filter((each) => each.startsWith(prefix))) {
    const place = join(root, name)
    const born = statSync(place, { throwIfNoEntry: false })?.mtimeMs
    if (born === undefined || now - born < justMadeMs) continue
    try {
      for (const each of foldersBelow(place).toReversed()) rmdirSync(each)
    } catch {
      // somebody is in it, or another daemon was faster
    }
  }
}

/** The folder of a run's cgroup, made or not. */
export function cgroupOf(root: string, marker: string): string {
  return join(root, `${prefix}${marker}`)
}

/** Makes the run's cgroup and returns its folder. */
export function makeCgroup(root: string, marker: string): string {
  const place = cgroupOf(root, marker)
  mkdirSync(place)
  return place
}

/** The sweep's members and the cgroup's: a process that joined before is found even if the other ways lost it, and the reverse. */
export function cgroup(run: RunHandle | Stray, place: string, clock: Clock): Containment {
  const swept = sweep(run)
  return {
    name: 'cgroup',
    members: async () => {
      const found = new Map((await swept.members()).map((each) => [each.pid, each]))
      for (const each of await processesIn(place)) found.set(each.pid, each)
      return [...found.values()]
    },
    killAtOnce: async () => {
      try {
        writeFileSync(join(place, 'cgroup.kill'), '1')
      } catch (error) {
        if (existsSync(place)) throw error
      }
    },
    release: async () => await removeCgroup(place, clock),
  }
}

/** Removes a cgroup and those that the agent made in it. One that still holds a process stays, and is tried again with the next stop. */
export async function removeCgroup(place: string, clock: Clock): Promise<void> {
  for (let tries = 0; tries < releaseTries; tries += 1) {
    if (!existsSync(place)) return
    try {
      for (const each of foldersBelow(place).toReversed()) rmdirSync(each)
      return
    } catch {
      await clock.sleep(releasePauseMs) // EBUSY while the kernel takes the last process apart
    }
  }
}

async function processesIn(place: string): Promise<readonly ProcessInfo[]> {
  const found: ProcessInfo[] = []
  for (const folder of foldersBelow(place)) {
    for (const pid of readFileIfThere(join(folder, 'cgroup.procs'))?.split('\n') ?? []) {
      // 0 stands for a process of another pid namespace
      const info = pid === '' ? null : await findProcess(Number(pid))
      if (info !== null) found.push(info)
    }
  }
  return found
}

/** `place` first, then what lies in it. */
function foldersBelow(place: string): string[] {
  if (!existsSync(place)) return []
  const inside = readdirSync(place, { withFileTypes: true }).filter((each) => each.isDirectory())
  return [place, ...inside.flatMap((each) => foldersBelow(join(place, each.name)))]
}

/** The folder of this process's cgroup v2, or null where there is none. */
function ownCgroup(): string | null {
  try {
    const path = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
    const mount = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1]
    return path === undefined || mount === undefined ? null : join(mount, path)
  } catch {
    return null // not Linux
  }
}
