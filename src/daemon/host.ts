// What the machine has right now: memory, disk, load, platform.

import { statfsSync } from 'node:fs'
import { arch, freemem, loadavg, platform } from 'node:os'

const gib = 1_073_741_824

/** One agent for each 2 GiB of free memory: agent CLIs take 200 to 500 MB, and their builds more. */
export function defaultMaxAgents(): number {
  return Math.min(100, Math.max(1, Math.floor(freemem() / (2 * gib))))
}

export function platformName(): string {
  return `${platform()}-${arch()}`
}

export interface Room {
  readonly freeDiskBytes: number | null
  readonly freeMemoryBytes: number
  /** Over the last minute; null: the platform does not count it. */
  readonly loadAverage: number | null
  /** Why no work is taken for lack of disk; null: there is enough. */
  readonly shortOf: string | null
}

/** Looks at the disk of `dir`. Below `minFreeBytes` (null: 10 GB and 10 %, on small disks 10 %) no work is claimed. */
export function roomAt(dir: string, minFreeBytes: number | null): Room {
  const rest = { freeMemoryBytes: freemem(), loadAverage: loadNow() }
  try {
    const { bavail, blocks, bsize } = statfsSync(dir)
    const [free, size] = [bavail * bsize, blocks * bsize]
    const floor = minFreeBytes ?? (size < 10 * 10e9 ? size / 10 : Math.max(10e9, size / 10))
    const shortOf = free >= floor ? null : `${dir} has ${gb(free)} free; ${gb(floor)} are needed before work is taken`
    return { ...rest, freeDiskBytes: free, shortOf }
  } catch {
    return { ...rest, freeDiskBytes: null, shortOf: null } // a file system that does not tell is not held against it
  }
}

/** Windows answers zeros. */
function loadNow(): number | null {
  return platform() === 'win32' ? null : (loadavg()[0] ?? null)
}

function gb(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
