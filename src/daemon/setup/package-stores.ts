// Package stores of a repository (`caches` of a sandbox): setup fills them, every agent has a copy that ends with its run.
//
// What an agent writes must never reach another run, and package managers need a store that they may write to.

import { chmodSync, existsSync, lchownSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { cidOf } from '../../lib/cid.ts'
import type { RunUser } from '../../lib/exec.ts'
import { exec } from '../../lib/exec.ts'
import { repoFolder } from '../workspace/branch.ts'
import { bytesOf, removeTree } from '../workspace/tree.ts'
import { megabytes } from './layers.ts'

/** A store larger than this is not copied where the file system cannot share blocks: it would hold up every start. */
const mostCopied = 2_147_483_648
const copyMs = 300_000

export function storesIn(dataDir: string): string {
  return join(dataDir, 'caches')
}

/** Of one repository of one team. */
export function storesOf(dataDir: string, { team, repo }: { readonly team: string; readonly repo: string }): string {
  return join(storesIn(dataDir), repoFolder(team), repoFolder(repo))
}

/** Where a run has its own copies: in its box, which goes with it. */
export function copiesIn(runDir: string): string {
  return join(runDir, 'box', 'caches')
}

/** The folder's name of a store that is asked for as `~/.npm`. */
export function storeName(asked: string): string {
  return `${basename(asked)}-${cidOf(asked).slice('sha256-'.length, 'sha256-'.length + 8)}`
}

/** Makes the folder of a store for the run's user. */
export function makeStore(folder: string, name: string, user: RunUser | null): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  if (user === null) return path
  for (const above of [dirname(dirname(folder)), dirname(folder), folder])
    if (statSync(above).uid !== user.uid) chmodSync(above, 0o711) // to be passed through, not looked at
  lchownSync(path, user.uid, user.gid)
  return path
}

/** Tells the clean-up that a setup uses it. */
export function touchStore(path: string, now: number): void {
  utimesSync(path, new Date(now), new Date(now))
}

export interface Copying {
  readonly stores: string
  readonly runDir: string
  readonly asked: readonly string[]
  readonly user: RunUser | null
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

/** Gives the run its own copy of each store; one it has already is left. Gives what is to be told. */
export async function copyStores({ stores, runDir, asked, user, env, signal }: Copying): Promise<string[]> {
  const notices: string[] = []
  for (const each of asked) {
    const name = storeName(each)
    const from = join(stores, name)
    const to = join(copiesIn(runDir), name)
    if (!existsSync(from) || (existsSync(to) && readdirSync(to).length > 0)) continue // an empty one was made for a box
    const partial = `${to}.part`
    const copy = async (...how: string[]) => {
      await removeTree(partial)
      makeStore(copiesIn(runDir), `${name}.part`, user)
      const args = ['-a', ...how, '--', `${from}/.`, partial]
      return (await exec('cp', args, { cwd: '/', env, user, timeoutMs: copyMs, signal })).code === 0
    }
    const bytes = await bytesOf(from)
    // sharing the blocks takes no time and no room
    const copied = (await copy('--reflink=always')) || (bytes <= mostCopied && (await copy()))
    if (copied)
      renameSync(partial, to) // over the empty one
    else {
      await removeTree(partial)
      notices.push(`the cache ${each} (${megabytes(bytes)}) could not be copied: the agent begins with an empty one`)
    }
  }
  return notices
}
