// What setups left, kept on this host: one archive of ignored files per key, in a folder of the daemon's own that no agent can write to.

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readFileIfThere, writeFileAtomic } from '../../lib/atomic-file.ts'
import type { RunUser } from '../../lib/exec.ts'
import { exec } from '../../lib/exec.ts'
import { whenFree } from '../../lib/lock.ts'
import { repoFolder } from '../workspace/branch.ts'

const about = z.object({
  at: z.number(),
  bytes: z.number(),
  commands: z.array(z.string()),
})
/** `at`: when it was made, ms since the epoch. */
type LayerFacts = z.infer<typeof about>

/** Where one layer lies: `<data>/setups/<team>/<repository>/<key>.*`. */
export interface LayerPlace {
  readonly folder: string
  readonly key: string
}

/** How programs run in the workspace: in the run's sandbox, as the run's user. */
export interface Hands {
  readonly before: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly user: RunUser | null
  /** Full path of tar. */
  readonly tar: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Of one repository so many are kept, those used last. A branch that changes its packages has one of its own. */
const mostPerRepo = 4

export function setupsIn(dataDir: string): string {
  return join(dataDir, 'setups')
}

export function layerPlace(
  dataDir: string,
  { team, repo, key }: { readonly team: string; readonly repo: string; readonly key: string },
): LayerPlace {
  return { folder: join(setupsIn(dataDir), repoFolder(team), repoFolder(repo)), key }
}

/** Makes the folder. Who makes the layer holds this lock; who finds it held waits, and uses what the other made. Counts as use at `now`. */
export function layerLock(place: LayerPlace, now: number): string {
  mkdirSync(place.folder, { recursive: true, mode: 0o700 })
  touch(lockOf(place), now)
  return lockOf(place)
}

/** The last setup of this key failed, or left nothing that may be kept: nobody is to wait for the next one. Until one is kept. */
export function markUnkept(place: LayerPlace, now: number): void {
  touch(markOf(place), now)
}

export function isUnkept(place: LayerPlace): boolean {
  return existsSync(markOf(place))
}

function touch(path: string, now: number): void {
  closeSync(openSync(path, 'a', 0o600))
  utimesSync(path, new Date(now), new Date(now))
}

/** Null: there is none that is whole. */
export function readLayer(place: LayerPlace): LayerFacts | null {
  const text = readFileIfThere(factsOf(place))
  if (text === null || !existsSync(archiveOf(place))) return null
  try {
    const read = about.safeParse(JSON.parse(text))
    return read.success ? read.data : null
  } catch {
    return null // a crash of the host cut it; it is made anew
  }
}

/** Unpacks the layer into a folder, with times and modes. Null: done; else why not, and what is there is not whole. */
export async function restoreLayer(place: LayerPlace, into: string, hands: Hands, now: number): Promise<string | null> {
  const archive = openSync(archiveOf(place), 'r')
  try {
    const ran = await inWorkspace([hands.tar, '-x', '-p', '-o', '-f', '-'], into, hands, { stdinFile: archive })
    if (ran.code !== 0) return `it could not be unpacked: ${lastLine(ran.stderr)}`
    utimesSync(factsOf(place), new Date(now), new Date(now))
    return null
  } finally {
    closeSync(archive)
  }
}

export interface NewLayer {
  readonly from: string
  /** Below `from`. */
  readonly names: readonly string[]
  readonly commands: readonly string[]
  readonly maxBytes: number
  readonly now: number
}

/** Packs the files into the layer; what was there is replaced as a whole. Null: done; else why nothing is kept. */
export async function keepLayer(place: LayerPlace, layer: NewLayer, hands: Hands): Promise<string | null> {
  const partial = partialOf(place)
  rmSync(partial, { force: true })
  const archive = openSync(partial, 'wx', 0o600)
  try {
    // "./" before each name: none can be taken for an option
    const input = layer.names.map((name) => `./${name}\0`).join('')
    const tar = [hands.tar, '-c', '-f', '-', '--null', '-T', '-']
    const blocks = String(Math.max(1, Math.floor(layer.maxBytes / 512)))
    const bounded = ['/bin/sh', '-c', 'ulimit -f "$1"; shift; exec "$@"', 'sh', blocks, ...hands.before, ...tar]
    const ran = await inWorkspace(bounded, layer.from, { ...hands, before: [] }, { stdoutFile: archive, input })
    if (ran.code !== 0) {
      const size = statSync(partial).size
      return size >= layer.maxBytes - 512
        ? `it has more than the ${megabytes(layer.maxBytes)} that there is room for`
        : `it could not be packed: ${lastLine(ran.stderr)}`
    }
    fsyncSync(archive)
    const { size: bytes } = statSync(partial)
    renameSync(partial, archiveOf(place))
    writeFileAtomic(factsOf(place), JSON.stringify({ at: layer.now, bytes, commands: [...layer.commands] }))
    rmSync(markOf(place), { force: true })
    dropBeyond(place.folder)
    return null
  } finally {
    closeSync(archive)
    rmSync(partial, { force: true })
  }
}

function inWorkspace(
  argv: readonly string[],
  cwd: string,
  { before, env, user, timeoutMs, signal }: Hands,
  io: { readonly stdinFile?: number; readonly stdoutFile?: number; readonly input?: string },
): ReturnType<typeof exec> {
  const [program = '/bin/false', ...args] = [...before, ...argv]
  return exec(program, args, { cwd, env, user, timeoutMs, signal, ...io })
}

export interface ListedLayer {
  readonly place: LayerPlace
  readonly bytes: number
  /** When a run used it, waited for it or was making it last, ms since the epoch. */
  readonly usedAt: number
}

/** Of one repository, or what a crash left of some; the one that was used last first. */
export function listLayers(folder: string): ListedLayer[] {
  const names = existsSync(folder) ? readdirSync(folder) : []
  const keys = new Set(names.map((name) => name.replace(/\..*$/, '')))
  return [...keys]
    .map((key) => {
      const place = { folder, key }
      const stats = (paths: readonly string[]) =>
        paths.flatMap((path) => statSync(path, { throwIfNoEntry: false }) ?? [])
      const [large, small] = [
        stats([archiveOf(place), partialOf(place)]),
        stats([factsOf(place), markOf(place), lockOf(place)]),
      ]
      return {
        place,
        bytes: large.reduce((sum, { size }) => sum + size, 0),
        usedAt: Math.max(0, ...[...large, ...small].map(({ mtimeMs }) => mtimeMs)),
      }
    })
    .sort((a, b) => b.usedAt - a.usedAt)
}

/** A run that unpacks it meanwhile holds the file open and gets all of it. */
export function dropLayer(place: LayerPlace): void {
  for (const path of [factsOf(place), archiveOf(place)]) rmSync(path, { force: true })
}

/** So short a wait shows whether another run is at it, ms. */
export const freeMs = 1_000

/**
 * Removes all that there is of it. False: its lock is held, as a run makes it or takes it. A process that waits for the lock in this moment gets one
 * that is gone, and shares it with none that comes later: at worst two make the same.
 */
export async function removeLayer(place: LayerPlace, signal?: AbortSignal): Promise<boolean> {
  return await whenFree(lockOf(place), { signal, timeoutMs: freeMs }, async () => {
    dropLayer(place)
    const lock = lockOf(place)
    for (const path of [partialOf(place), markOf(place), lock, `${lock}-wal`, `${lock}-shm`])
      rmSync(path, { force: true })
    return true
  }).then((done) => done ?? false)
}

function dropBeyond(folder: string): void {
  const whole = listLayers(folder).filter(({ place }) => readLayer(place) !== null)
  for (const { place } of whole.slice(mostPerRepo)) dropLayer(place)
}

function archiveOf({ folder, key }: LayerPlace): string {
  return join(folder, `${key}.tar`)
}

/** While it is packed; a daemon that is killed leaves it. */
function partialOf(place: LayerPlace): string {
  return `${archiveOf(place)}.part`
}

function markOf({ folder, key }: LayerPlace): string {
  return join(folder, `${key}.none`)
}

function lockOf({ folder, key }: LayerPlace): string {
  return join(folder, `${key}.lock`)
}

function factsOf({ folder, key }: LayerPlace): string {
  return join(folder, `${key}.json`)
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 300) ?? ''
}

export function megabytes(bytes: number): string {
  return `${Math.max(0.1, bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
}
