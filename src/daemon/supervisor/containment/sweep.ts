// Containment that always works: group, session, descendants and marker. It misses only what left all four (a double fork that cleared
// its environment between two looks).

import { carriers, commandLine, listProcesses, type ProcessInfo, startOrder } from '../../../lib/proc.ts'
import { type RunHandle, readExit, type Stray } from '../run-folder.ts'
import type { Containment } from './port.ts'

/** The variable that every process of a run carries. */
export const markerName = 'CAPSTAN_RUN_ID'

/** In the unit of start times, older than the newest process: a second on Linux. */
const youth = 100

/** Remembers whom it saw, so that a process whose parent has died since is still known for what it is. */
export function sweep(run: RunHandle | Stray): Containment {
  const known = new Map<number, string>()
  /** Without the marker at an earlier look, when they were no longer young: between fork and exec the run's own have none yet. */
  const foreign = new Map<number, string>()
  return {
    name: 'sweep',
    members: async () => {
      const all = await listProcesses()
      const spared = new Set([process.pid, ...(await supervisorAndHelpers(run, all))])
      const unseen = all.filter((each) => foreign.get(each.pid) !== each.startTime)
      const roots = await rootsOf(run, all, unseen)
      const members = withDescendants(all, (each) => roots.has(each) || known.get(each.pid) === each.startTime, spared)
      for (const each of members) known.set(each.pid, each.startTime)
      const grown = all.reduce((newest, { startTime }) => Math.max(newest, startOrder(startTime)), 0) - youth
      for (const each of unseen)
        if (!known.has(each.pid) && startOrder(each.startTime) < grown) foreign.set(each.pid, each.startTime)
      return members
    },
    killAtOnce: async () => {},
    release: async () => {},
  }
}

/** Supervisor, ticker and pump (forks of one script: the same command line, in one session) and their sleeps. Ours: no member of the run. */
export async function supervisorAndHelpers(
  run: RunHandle | Stray,
  all: readonly ProcessInfo[],
): Promise<ReadonlySet<number>> {
  const ours = new Set<number>()
  if (run.pid === null) return ours
  for (const each of all) {
    if (each.pid === run.agentPid) continue
    const near = each.pid === run.pid || each.session === run.pid || each.pgid === run.pid || each.ppid === run.pid
    if (near && (await commandLine(each.pid)).includes(` ${run.runDir} -- `)) ours.add(each.pid)
  }
  const sleeps = all.filter((each) => each.ppid !== run.pid && ours.has(each.ppid))
  for (const each of sleeps) ours.add(each.pid)
  return ours
}

/** Those that are of the run by themselves: the agent, its group and session, and every carrier of the marker among the unseen. */
async function rootsOf(
  run: RunHandle | Stray,
  all: readonly ProcessInfo[],
  unseen: readonly ProcessInfo[],
): Promise<ReadonlySet<ProcessInfo>> {
  const roots = new Set(await carriers(unseen, markerName, run.marker))
  if (run.pid === null) return roots
  for (const each of all) {
    if (each.pid === run.agentPid && each.startTime === run.agentStartTime) roots.add(each)
  }
  if (run.groupId === run.pid) return roots // the group is the supervisor's own: its members are found by marker and descent
  const leader = all.find((each) => each.pid === run.groupId)
  if (leader !== undefined && leader.startTime !== run.agentStartTime) return roots // the number is somebody else's now
  const until = leader === undefined ? endOf(run) : Number.POSITIVE_INFINITY
  for (const each of all) {
    const inside = each.pgid === run.groupId || each.session === run.groupId
    if (inside && startOrder(each.startTime) <= until) roots.add(each)
  }
  return roots
}

/** A group without its leader is the agent's only as far as it is older than the agent's end: the number may have been given out anew. */
function endOf(run: RunHandle): number {
  const ended = readExit(run.runDir)?.ended ?? ''
  return ended === '' ? Number.NEGATIVE_INFINITY : startOrder(ended)
}

function withDescendants(
  all: readonly ProcessInfo[],
  isRoot: (each: ProcessInfo) => boolean,
  spared: ReadonlySet<number>,
): readonly ProcessInfo[] {
  const children = Map.groupBy(all, (each) => each.ppid)
  const found = new Map<number, ProcessInfo>()
  const queue = all.filter(isRoot)
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (found.has(next.pid) || spared.has(next.pid)) continue
    found.set(next.pid, next)
    queue.push(...(children.get(next.pid) ?? []))
  }
  return [...found.values()]
}
