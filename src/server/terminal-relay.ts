// Terminals between servers: what they say to each other, and the one whose people watch a terminal as the server of its host sees it.

import { z } from 'zod'
import type { TerminalNote } from '../protocol/terminal.ts'
import { terminalNote } from '../protocol/terminal.ts'
import type { Audience } from './terminal-stream.ts'

/** A note of PostgreSQL holds 8000 bytes, and these become a third more as text. */
export const relayPieceBytes = 5_400
/** What may wait to be sent before the other server is behind, bytes. */
const unsentBytes = 524_288
/** It is told the newest once no more than this waits, bytes. */
const caughtUpBytes = 65_536
/** A server that asked for a terminal and has not asked again for so many beats is gone. */
export const silentBeats = 4

/**
 * `relay` names one server's watching of one terminal. The watching server asks (`join`) at first and at each beat, of all: the one that has the
 * host answers (`here`) and from then on numbers what it sends, from 1. Whoever finds a number missing asks anew under another name.
 */
export const relayMessage = z.discriminatedUnion('is', [
  z.object({
    is: z.literal('join'),
    relay: z.string(),
    taskId: z.string(),
    attemptId: z.string(),
    n: z.number().int(),
    daemonId: z.string(),
    daemonName: z.string(),
  }),
  z.object({ is: z.literal('here'), relay: z.string() }),
  z.object({ is: z.literal('bytes'), relay: z.string(), seq: z.number().int(), data: z.string() }),
  z.object({ is: z.literal('note'), relay: z.string(), seq: z.number().int(), note: terminalNote }),
  // PostgreSQL leaves out a note that is the same as another of its transaction: the seq tells them apart.
  z.object({ is: z.literal('input'), relay: z.string(), seq: z.number().int(), data: z.string(), by: z.string() }),
  z.object({ is: z.literal('resize'), relay: z.string(), cols: z.number().int(), rows: z.number().int() }),
  z.object({ is: z.literal('leave'), relay: z.string() }),
  // The host is not with this server any more: another may answer.
  z.object({ is: z.literal('gone'), relay: z.string() }),
])
export type RelayMessage = z.infer<typeof relayMessage>

export interface RelayActs {
  /** Resolves when it was sent, or is lost. */
  send(message: RelayMessage): Promise<void>
  /** All that is known of the terminal. */
  recent(): Buffer
  /** The other server is gone, or told that nobody watches there any more. */
  gone(): void
}

/** Another server whose people watch. It does not slow the others: when it is behind it is told the newest. */
export class Relay implements Audience {
  readonly id: string
  readonly #acts: RelayActs
  #seq = 0
  #unsent = 0
  #behind = false
  #beats = 0

  constructor(id: string, acts: RelayActs) {
    this.id = id
    this.#acts = acts
  }

  /** It asked again: it is there. */
  heard(): void {
    this.#beats = 0
  }

  tell(note: TerminalNote): void {
    this.#seq += 1
    void this.#acts.send({ is: 'note', relay: this.id, seq: this.#seq, note })
  }

  show(bytes: Buffer): void {
    if (this.#behind || bytes.length === 0) return
    if (this.#unsent > unsentBytes) {
      this.#behind = true
      return
    }
    for (let from = 0; from < bytes.length; from += relayPieceBytes)
      void this.#send(bytes.subarray(from, from + relayPieceBytes))
  }

  restart(reason: string): void {
    this.#behind = false
    this.tell({ type: 'reset', reason })
    this.show(this.#acts.recent())
  }

  end(reason: string): void {
    this.tell({ type: 'end', reason })
    this.#acts.gone()
  }

  /** This server goes away. */
  close(_code: number, reason: string): void {
    this.tell({ type: 'reset', reason })
    this.letGo()
  }

  /** The host is not here any more; the other server asks until another has it. */
  letGo(): void {
    void this.#acts.send({ is: 'gone', relay: this.id })
    this.#acts.gone()
  }

  terminate(): void {
    this.#acts.gone()
  }

  ping(): void {}

  /** Called at each beat. */
  beat(): void {
    this.#beats += 1
    if (this.#beats > silentBeats) this.#acts.gone()
  }

  async #send(bytes: Buffer): Promise<void> {
    this.#seq += 1
    this.#unsent += bytes.length
    await this.#acts.send({ is: 'bytes', relay: this.id, seq: this.#seq, data: bytes.toString('base64') })
    this.#unsent -= bytes.length
    if (this.#behind && this.#unsent <= caughtUpBytes) this.restart('you fell behind; this is what is there now')
  }
}
