// Numbers of ports for a run's servers, so that several runs of one repository do not meet: a file per number says whose it is.

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import { withLock } from '../../lib/lock.ts'
import type { RunDeps } from './deps.ts'
import { RunRefused } from './refused.ts'

/** Below the ports that Linux (32768) and macOS (49152) hand out by themselves, above those that services like. */
const [firstPort, lastPort] = [20_000, 29_999]
const lockMs = 30_000

/** Leases so many for the run; what it has already stays. Gives them in order. Throws `RunRefused` when the host has no more. */
export async function leasePorts(
  deps: RunDeps,
  { attemptId, count, signal }: { readonly attemptId: string; readonly count: number; readonly signal: AbortSignal },
): Promise<readonly number[]> {
  if (count === 0) return []
  const folder = leasesIn(deps.places.dataDir)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return withLock(join(folder, 'lock'), { signal, timeoutMs: lockMs }, async () => {
    dropStale(deps)
    const mine = [...portsOf(deps.places.dataDir, attemptId)]
    for (let port = firstPort; mine.length < count; port += 1) {
      if (port > lastPort)
        throw new RunRefused(
          'workspace_failed',
          `no ${count} ports of ${firstPort} to ${lastPort} are free on this host`,
        )
      if (existsSync(join(folder, String(port))) || !(await canListen(port))) continue
      writeFileSync(join(folder, String(port)), attemptId, { mode: 0o600 })
      mine.push(port)
    }
    return mine.sort((a, b) => a - b)
  })
}

/** The numbers that a run has leased, in order. */
export function portsOf(dataDir: string, attemptId: string): readonly number[] {
  return leases(dataDir).flatMap(({ port, by }) => (by === attemptId ? [port] : []))
}

/** The run is over. */
export function releasePorts(dataDir: string, attemptId: string): void {
  for (const port of portsOf(dataDir, attemptId)) rmSync(join(leasesIn(dataDir), String(port)), { force: true })
}

function leasesIn(dataDir: string): string {
  return join(dataDir, 'ports')
}

function leases(dataDir: string): { readonly port: number; readonly by: string }[] {
  const folder = leasesIn(dataDir)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ port: Number(name), by: readFileIfThere(join(folder, name)) ?? '' }))
    .sort((a, b) => a.port - b.port)
}

/** Of runs that this daemon has forgotten, or that no daemon has. Others' are theirs to release. */
function dropStale({ places, state, journal }: RunDeps): void {
  const known = new Set(journal.runs().map((run) => run.attemptId))
  for (const { port, by } of leases(places.dataDir)) {
    const gone = !known.has(by) && (existsSync(join(state.runs, by)) || !otherDaemonHas(places.dataDir, by))
    if (gone) rmSync(join(leasesIn(places.dataDir), String(port)), { force: true })
  }
}

function otherDaemonHas(dataDir: string, attemptId: string): boolean {
  const daemons = join(dataDir, 'daemon')
  return existsSync(daemons) && readdirSync(daemons).some((name) => existsSync(join(daemons, name, 'runs', attemptId)))
}

/** Something else of the host may listen there. */
function canListen(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', () => done(false))
    server.listen({ port, exclusive: true }, () => server.close(() => done(true)))
  })
}
