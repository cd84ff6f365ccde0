// A terminal whose host is connected to another server: asked for among all, and shown here as that one sends it.

import { randomUUID } from 'node:crypto'
import type { RelayMessage } from './terminal-relay.ts'
import { relayPieceBytes, silentBeats } from './terminal-relay.ts'
import type { Audience, Stream } from './terminal-stream.ts'
import { renew, resized, show } from './terminal-stream.ts'

export interface ElsewhereActs {
  /** `to` null: whichever server has the host. */
  send(message: RelayMessage, to: string | null): void
  /** The terminal is over. */
  ended(reason: string): void
}

export class Elsewhere {
  readonly #stream: Stream
  readonly #acts: ElsewhereActs
  readonly #found = Promise.withResolvers<void>()
  #relay = randomUUID()
  /** The server that has the host; null: none has answered. */
  #home: string | null = null
  #seq = 0
  #inputs = 0
  #beats = 0
  #wasThere = false

  constructor(stream: Stream, acts: ElsewhereActs) {
    this.#stream = stream
    this.#acts = acts
    this.#ask()
  }

  /** Resolves when a server has answered that it has the host. */
  get found(): Promise<void> {
    return this.#found.promise
  }

  owns(relay: string): boolean {
    return relay === this.#relay
  }

  /** Called at each beat: says that somebody watches here still, and notices when the other server is silent. */
  beat(): void {
    this.#beats += 1
    if (this.#home !== null && this.#beats > silentBeats) this.#lost()
    this.#ask()
  }

  hear(message: RelayMessage, from: string): void {
    if (message.is === 'here' && this.#home === null) this.#begin(from)
    if (from !== this.#home) return
    if (message.is === 'here') this.#beats = 0
    if (message.is === 'gone') {
      this.#askAnew()
      return
    }
    if (message.is !== 'bytes' && message.is !== 'note') return
    this.#seq += 1
    if (message.seq !== this.#seq) {
      // A note was lost on its way: only the whole of it is right.
      this.leave()
      this.#askAnew()
    } else if (message.is === 'bytes') show(this.#stream, Buffer.from(message.data, 'base64'))
    else this.#heed(message.note)
  }

  type(bytes: Buffer, by: string): void {
    for (let from = 0; from < bytes.length; from += relayPieceBytes) {
      const data = bytes.subarray(from, from + relayPieceBytes).toString('base64')
      if (this.#home === null) return
      this.#inputs += 1
      this.#acts.send({ is: 'input', relay: this.#relay, seq: this.#inputs, data, by }, this.#home)
    }
  }

  resize(size: { readonly cols: number; readonly rows: number }, by: Audience): void {
    resized(this.#stream, size, by)
    const { cols, rows } = size
    if (this.#home !== null) this.#acts.send({ is: 'resize', relay: this.#relay, cols, rows }, this.#home)
  }

  leave(): void {
    if (this.#home !== null) this.#acts.send({ is: 'leave', relay: this.#relay }, this.#home)
  }

  #ask(): void {
    const { taskId, attemptId, n, daemonId, daemonName } = this.#stream
    this.#acts.send({ is: 'join', relay: this.#relay, taskId, attemptId, n, daemonId, daemonName }, null)
  }

  #askAnew(): void {
    this.#relay = randomUUID()
    this.#home = null
    this.#ask()
  }

  #begin(home: string): void {
    this.#home = home
    this.#beats = 0
    this.#seq = 0
    renew(this.#stream)
    if (this.#wasThere) for (const each of this.#stream.audience) each.restart('the host is connected again')
    this.#wasThere = true
    this.#found.resolve()
  }

  #heed(note: (RelayMessage & { readonly is: 'note' })['note']): void {
    switch (note.type) {
      case 'size':
        resized(this.#stream, note, null)
        return
      case 'reset':
        renew(this.#stream)
        for (const each of this.#stream.audience) each.tell(note)
        return
      case 'end':
        this.#acts.ended(note.reason)
        return
      case 'ready': // each server tells its own
    }
  }

  #lost(): void {
    this.#home = null
    this.#relay = randomUUID()
    for (const each of this.#stream.audience) each.tell({ type: 'reset', reason: awayWords(this.#stream.daemonName) })
  }
}

export function awayWords(daemonName: string): string {
  return `the host ${daemonName} is not connected; what you type is not heard until it is back`
}
