// What a figure is given: how much to do, a folder, and databases that are started when first asked for and stopped at the end.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestPostgres } from '../test/fakes/postgres.ts'
import { startPostgres } from '../test/fakes/postgres.ts'
import type { Redis } from './redis.ts'
import { startRedis } from './redis.ts'

export class Bench implements AsyncDisposable {
  readonly rounds: number
  readonly folder = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
  readonly #quick: boolean
  readonly #stack = new AsyncDisposableStack()
  #postgres: Promise<TestPostgres> | null = null
  readonly #redis = new Map<string, Promise<Redis | null>>()
  #folders = 0

  /** `quick`: a hundredth of the work in one round, to see that a figure runs; its numbers mean nothing. */
  constructor(quick: boolean) {
    this.#quick = quick
    this.rounds = quick ? 1 : 3
    this.#stack.defer(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  /** How many to do of what a full run does `full` times. */
  count(full: number): number {
    return this.#quick ? Math.max(10, Math.ceil(full / 100)) : full
  }

  /** An empty folder; removed at the end. */
  dir(): string {
    this.#folders += 1
    const made = join(this.folder, `d${this.#folders}`)
    mkdirSync(made)
    return made
  }

  /** An empty database on a PostgreSQL with its durability on. */
  async database(): Promise<string> {
    this.#postgres ??= startPostgres({ durable: true }).then((started) => {
      this.#stack.defer(() => started.stop())
      return started
    })
    return await (await this.#postgres).makeDatabase()
  }

  /** A Redis with this `appendfsync`; null when none is installed. */
  async redis(appendfsync: 'always' | 'everysec'): Promise<Redis | null> {
    const known = this.#redis.get(appendfsync)
    if (known !== undefined) return await known
    const started = startRedis(this.dir(), appendfsync).then((redis) => {
      if (redis !== null) this.#stack.defer(() => redis.stop())
      return redis
    })
    this.#redis.set(appendfsync, started)
    return await started
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}
