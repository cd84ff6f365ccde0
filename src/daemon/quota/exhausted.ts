// Which accounts of this host have spent their quota, and until when. Kept in the daemon's state folder: a restart must not try them all again.

import { join } from 'node:path'
import { z } from 'zod'
import { blindWait, farthestMs, spread } from '../../core/quota.ts'
import { readFileIfThere, writeFileAtomic } from '../../lib/atomic-file.ts'
import { messageOf } from '../../lib/error-text.ts'
import type { Log } from '../../lib/log.ts'

const entry = z.object({
  harness: z.string(),
  account: z.string(),
  /** ms since the epoch. */
  until: z.number(),
  /** Times in a row that nobody said when it returns. */
  blind: z.number().int(),
})
const file = z.object({ entries: z.array(entry) })
type Entry = z.infer<typeof entry>

/** One account of one harness on this host. */
export interface Account {
  readonly harness: string
  readonly account: string
}

export interface Stop {
  /** When the quota returns, as the agent said; null: it did not. */
  readonly resetAt: number | null
  /** The first wait where it did not say, ms; doubled each time in a row. */
  readonly firstMs: number
  readonly now: number
}

/** What returned so long ago tells nothing about the next wait. */
const forgetMs = 86_400_000

export class Exhausted {
  readonly #path: string
  readonly #hostId: string
  readonly #log: Log
  #entries: readonly Entry[]

  /** `host`: the daemon's own folder and its host's id. */
  constructor(host: { readonly dir: string; readonly hostId: string }, log: Log) {
    this.#path = join(host.dir, 'exhausted.json')
    this.#hostId = host.hostId
    this.#log = log
    this.#entries = read(this.#path, log)
  }

  /** When the account's quota returns, ms since the epoch; null: it is not known to be spent. */
  until(of: Account, now: number): number | null {
    const found = this.#entries.find((each) => same(each, of))
    return found === undefined || found.until <= now ? null : found.until
  }

  /**
   * Notes that an agent met the end of a quota; gives when it returns. Several agents of one account meet it together: they are one stop.
   * A little is added by the host's id, so that hosts of one account do not come back in one moment.
   */
  note(of: Account, { resetAt, firstMs, now }: Stop): number {
    const before = this.#entries.find((each) => same(each, of))
    const running = before !== undefined && before.until > now
    const told = resetAt !== null && resetAt > now ? Math.min(resetAt, now + farthestMs) : null
    if (running && (told === null || told <= before.until)) return before.until
    const blind = told === null ? (before?.blind ?? 0) + 1 : 0
    const at = told ?? now + blindWait(blind - 1, firstMs)
    const until = at + spread(`${this.#hostId} ${of.harness}`, at - now)
    this.#save([...this.#entries.filter((each) => !same(each, of)), { ...of, until, blind }], now)
    this.#log.warn({ ...of, until: new Date(until).toISOString() }, 'quota spent, no work is taken for it until then')
    return until
  }

  /** An agent of the account ended well: the next stop is the first in a row again. */
  worked(of: Account, now: number): void {
    const known = this.#entries.find((each) => same(each, of))
    if (known === undefined || known.until > now) return
    this.#save(
      this.#entries.filter((each) => each !== known),
      now,
    )
  }

  /** A person knows better: each account is tried again. False: none was known to be spent. */
  forget(now: number): boolean {
    if (!this.#entries.some((each) => each.until > now)) return false
    this.#save([], now)
    return true
  }

  /** In memory first: a full disk must not make the daemon forget what it has just learnt. */
  #save(entries: readonly Entry[], now: number): void {
    this.#entries = entries.filter((each) => each.until > now - forgetMs)
    try {
      writeFileAtomic(this.#path, JSON.stringify({ entries: this.#entries }))
    } catch (error) {
      this.#log.warn({ path: this.#path, error: messageOf(error) }, 'spent quotas not written down')
    }
  }
}

function same(a: Account, b: Account): boolean {
  return a.harness === b.harness && a.account === b.account
}

/** A file that cannot be read costs one more try of each account, so it is only told. */
function read(path: string, log: Log): readonly Entry[] {
  try {
    const text = readFileIfThere(path)
    return text === null ? [] : file.parse(JSON.parse(text)).entries
  } catch (error) {
    log.warn({ path, error: messageOf(error) }, 'spent quotas not read')
    return []
  }
}
