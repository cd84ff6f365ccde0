// Credentials of a sandboxed run: it has a copy of the file, and nothing but renewed tokens goes from one to the other.

import { lchownSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { writeFileAtomic } from '../../lib/atomic-file.ts'
import type { RunUser } from '../../lib/exec.ts'
import { readOwn, readPlain } from '../../lib/plain-file.ts'
import type { Json } from '../harness/json.ts'
import { parseObject } from '../harness/json.ts'
import type { TokenCopy } from './homes.ts'
import { renewedByHost, renewedByRun } from './renewed.ts'

/** No file of credentials is larger, bytes. */
const maxBytes = 1_048_576

/** Files of the host, by their paths. */
interface Exchanged {
  readonly upToDate: readonly string[]
  /** Hold older tokens than their run: a daemon of root does not write them. */
  readonly refused: readonly string[]
}

/** One look. Throws when a file cannot be written. */
export function exchangeTokens(copies: readonly TokenCopy[], user: RunUser | null, now: number): Exchanged {
  const [upToDate, refused]: [string[], string[]] = [[], []]
  for (const each of copies) {
    const [own, theirs] = [
      readJson(readOwn(each.path, user?.uid ?? null, maxBytes)),
      readJson(readPlain(each.copy, maxBytes)),
    ]
    if (own === null || theirs === null) continue
    const forHost = renewedByRun(each.entries, { to: own, from: theirs }, now)
    if (forHost !== null) (writeOwn(each.path, user, textOf(forHost)) ? upToDate : refused).push(each.path)
    const forRun = renewedByHost(each.entries, { to: theirs, from: forHost ?? own })
    if (forRun !== null) writeCopy(each, user, textOf(forRun))
  }
  return { upToDate, refused }
}

function readJson(bytes: Buffer | null): Json | null {
  return bytes === null ? null : parseObject(bytes.toString('utf8'))
}

function textOf(json: Json): string {
  return `${JSON.stringify(json, null, 2)}\n`
}

/** The file that the name stands for, which may be a link of the user's. A daemon of root writes only where its runs' user could, else false. */
function writeOwn(path: string, user: RunUser | null, text: string): boolean {
  const real = realpathSync(path)
  if (user !== null && statSync(dirname(real)).uid !== user.uid) return false
  writeFileAtomic(real, text)
  if (user !== null) lchownSync(real, user.uid, user.gid)
  return true
}

/** One that stands by itself in the sandbox is mounted there and must stay the same file; where the agent may put links, it is replaced. */
function writeCopy({ copy, exposed }: TokenCopy, user: RunUser | null, text: string): void {
  if (exposed) writeFileAtomic(copy, text)
  else writeFileSync(copy, text)
  if (user !== null) lchownSync(copy, user.uid, user.gid)
}
