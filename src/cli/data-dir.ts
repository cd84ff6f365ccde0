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

/** What an `up` or `daemon` says of itself while it runs. */
export interface Running {
  readonly url: string
  readonly token: string
  readonly daemonToken?: string
  readonly daemonId: string | null
  readonly pid: number
}

/** Written 0600 into the data folder; removed at a clean stop. It proves nothing alone: ask the server. */
export function writeRunning(dataDir: string, running: Running): void {
  writeFileAtomic(runningPath(dataDir), JSON.stringify(running))
}

export function forgetRunning(dataDir: string): void {
  rmSync(runningPath(dataDir), { force: true })
}

/** Null when nothing was started here, it stopped cleanly, or the file is damaged. */
export function readRunning(dataDir: string): Running | null {
  const text = readFileIfThere(runningPath(dataDir))
  if (text === null) return null
  try {
    return JSON.parse(text) as Running // our own file; who uses it asks the server before believing it
  } catch {
    return null // cut short by a crash before files were written whole
  }
}

function runningPath(dataDir: string): string {
  return join(dataDir, 'running.json')
}
