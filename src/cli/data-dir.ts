// Where server and daemon of this machine keep their data, and what runs there now.

import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readFileIfThere, writeFileAtomic } from '../lib/atomic-file.ts'
import type { Env } from '../lib/env.ts'
import { connectionPath, readSaved } from './connection.ts'

interface Place {
  readonly env: Env
  readonly home: string
  readonly cwd: string
}

/** `--data`, else CAPSTAN_DATA, else the data of the `up` that client.json speaks of, else `~/.capstan`. */
export function dataDirOf({ env, home, cwd }: Place, flag: string | undefined): string {
  if (flag !== undefined) return resolve(cwd, flag)
  if (env.CAPSTAN_DATA !== undefined && env.CAPSTAN_DATA !== '') return resolve(cwd, env.CAPSTAN_DATA)
  return readSaved(connectionPath(home))?.dataDir ?? home
}

/** Where a new `up` or `server` keeps its data: `--data`, CAPSTAN_DATA, else `~/.capstan`; never another one's folder. */
export function upDataDir({ env, home, cwd }: Place, flag: string | undefined): string {
  const named = flag ?? (env.CAPSTAN_DATA === '' ? undefined : env.CAPSTAN_DATA)
  return named === undefined ? home : resolve(cwd, named)
}

export function repoRegistryPath(dataDir: string): string {
  return join(dataDir, 'repos.json')
}

/** What an `up` or a `daemon` says of itself while it runs. */
export interface Running {
  readonly url: string
  readonly token: string
  readonly daemonToken?: string
  readonly daemonId: string | null
  readonly pid: number
}
type Verb = 'up' | 'daemon'

/** Written 0600 into the data folder; removed at a clean stop. It proves nothing alone: ask the server. */
export function writeRunning(dataDir: string, verb: Verb, running: Running): void {
  writeFileAtomic(runningPath(dataDir, verb), JSON.stringify(running))
}

export function forgetRunning(dataDir: string, verb: Verb): void {
  rmSync(runningPath(dataDir, verb), { force: true })
}

/** Null when nothing was started here, it stopped cleanly, or the file is damaged. */
export function readRunning(dataDir: string, verb: Verb): Running | null {
  const text = readFileIfThere(runningPath(dataDir, verb))
  if (text === null) return null
  try {
    return JSON.parse(text) as Running // our own file; who uses it asks the server before believing it
  } catch {
    return null // damaged: then as if it were not there
  }
}

/** The daemon that was started last with this data folder, by `daemon` or `up`. */
export function daemonHere(dataDir: string): string | null {
  return readRunning(dataDir, 'daemon')?.daemonId ?? readRunning(dataDir, 'up')?.daemonId ?? null
}

function runningPath(dataDir: string, verb: Verb): string {
  return join(dataDir, `running-${verb}.json`)
}
