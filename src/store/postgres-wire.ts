// The connection that carries notes among replicas: LISTEN and grouped NOTIFY. Notes are hints; while it is down they are dropped.

import pg from 'pg'
import { systemClock } from '../lib/clock.ts'
import { coalesce, packNotes, unpackNotes } from './notes.ts'
import type { Note } from './port.ts'
import { connectionConfig } from './postgres-config.ts'

const channel = 'capstan_notes'
const firstWaitMs = 100
const longestWaitMs = 5_000

export class NoteWire {
  readonly #url: string
  readonly #replicaId: string
  readonly #hear: (notes: readonly Note[]) => void
  readonly #stopped = new AbortController()
  #client: pg.Client | null = null
  #pending: Note[] = []
  #work: Promise<void> = Promise.resolve()
  #flushing: Promise<void> = Promise.resolve()
  #reconnecting: Promise<void> = Promise.resolve()

  constructor(wire: { url: string; replicaId: string; hear: (notes: readonly Note[]) => void }) {
    this.#url = wire.url
    this.#replicaId = wire.replicaId
    this.#hear = wire.hear
  }

  /** Resolves when the channel is heard. Rejects when the first connection fails; later ones are tried until `close`. */
  async open(): Promise<void> {
    const client = new pg.Client(connectionConfig(this.#url))
    client.on('notification', ({ payload }) => this.#receive(payload ?? ''))
    client.on('error', () => this.#lost(client))
    client.on('end', () => this.#lost(client))
    await client.connect()
    if (this.#stopped.signal.aborted) return client.end()
    await client.query(`LISTEN ${channel}`)
    this.#client = client
  }

  /** Sends notes to the other replicas: those of one event-loop tick together, in order. Resolves when they were sent or are lost; never rejects. */
  send(notes: readonly Note[]): Promise<void> {
    if (notes.length === 0) return Promise.resolve()
    if (this.#pending.length === 0) this.#flushing = new Promise((done) => setImmediate(() => done(this.#flush())))
    this.#pending.push(...notes)
    return this.#flushing
  }

  async close(): Promise<void> {
    this.#stopped.abort()
    await this.#reconnecting
    await this.#flush()
    const client = this.#client
    this.#client = null
    await client?.end()
  }

  #flush(): Promise<void> {
    const payloads = packNotes(this.#replicaId, coalesce(this.#pending))
    this.#pending = []
    if (payloads.length > 0) this.#work = this.#work.then(() => this.#notify(payloads))
    return this.#work
  }

  async #notify(payloads: readonly string[]): Promise<void> {
    const sql = 'select pg_notify($1, payload) from unnest($2::text[]) payload'
    try {
      await this.#client?.query(sql, [channel, payloads])
    } catch {
      // The connection's own error handler reconnects; the notes are hints.
    }
  }

  #receive(payload: string): void {
    const notes = unpackNotes(this.#replicaId, payload)
    if (notes !== null) this.#hear(notes)
  }

  #lost(client: pg.Client): void {
    if (this.#client !== client) return
    this.#client = null
    client.end().catch(() => {}) // it is gone already
    if (!this.#stopped.signal.aborted) this.#reconnecting = this.#reconnect()
  }

  async #reconnect(): Promise<void> {
    let waitMs = firstWaitMs
    while (!this.#stopped.signal.aborted && this.#client === null) {
      try {
        await systemClock.sleep(waitMs * (0.5 + Math.random() / 2), this.#stopped.signal)
        await this.open()
      } catch {
        waitMs = Math.min(longestWaitMs, waitMs * 2)
      }
    }
  }
}
