// One who watches a terminal: a WebSocket that is sent its bytes. One that does not keep up is cut to the newest of them and told so.

import type { WebSocket } from 'ws'
import type { TerminalNote } from '../protocol/terminal.ts'
import { terminalInputBytes, watcherNote } from '../protocol/terminal.ts'
import { parseJsonText } from './input.ts'
import type { Audience } from './terminal-stream.ts'

/** What may lie unread before a watcher is behind, bytes. */
const unreadBytes = 1_048_576
/** It is told the newest once no more than this lies unread, bytes. */
const caughtUpBytes = 65_536

export interface WatcherActs {
  readonly mayType: boolean
  typed(bytes: Buffer): void
  resized(size: { readonly cols: number; readonly rows: number }): void
  /** All that is known of the terminal, when the watcher was behind. */
  recent(): Buffer
}

export class Watcher implements Audience {
  readonly #socket: WebSocket
  readonly #acts: WatcherActs
  #behind = false
  #alive = true

  constructor(socket: WebSocket, acts: WatcherActs) {
    this.#socket = socket
    this.#acts = acts
    socket.on('pong', () => {
      this.#alive = true
    })
    socket.on('error', () => socket.terminate()) // too large a message, say; 'close' follows
    socket.on('message', (data, binary) => {
      this.#alive = true
      // The default binaryType gives Buffers, never fragments.
      if (binary) this.#type(data as Buffer)
      else this.#heed(String(data))
    })
  }

  onClose(then: () => void): void {
    this.#socket.once('close', then)
  }

  tell(note: TerminalNote): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(note))
  }

  show(bytes: Buffer): void {
    if (this.#behind || this.#socket.readyState !== this.#socket.OPEN || bytes.length === 0) return
    if (this.#socket.bufferedAmount > unreadBytes) {
      this.#behind = true
      return
    }
    this.#socket.send(bytes, () => this.#catchUp())
  }

  /** What it has seen so far holds no more: it begins with what is known now. */
  restart(reason: string): void {
    this.#behind = false
    this.tell({ type: 'reset', reason })
    this.show(this.#acts.recent())
  }

  end(reason: string): void {
    this.tell({ type: 'end', reason })
    this.#socket.close(1000, 'the terminal is over')
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  terminate(): void {
    this.#socket.terminate()
  }

  /** A socket that answered nothing since the last ping is dead. */
  ping(): void {
    if (!this.#alive) {
      this.#socket.terminate()
      return
    }
    this.#alive = false
    this.#socket.ping()
  }

  #catchUp(): void {
    if (!this.#behind || this.#socket.bufferedAmount > caughtUpBytes) return
    this.restart('you fell behind; this is what is there now')
  }

  #type(bytes: Buffer): void {
    if (this.#acts.mayType && bytes.length > 0 && bytes.length <= terminalInputBytes) this.#acts.typed(bytes)
  }

  #heed(text: string): void {
    try {
      const note = watcherNote.safeParse(parseJsonText(text, 'the note', { nul: 'allowed', depth: 5 }))
      if (note.success && this.#acts.mayType) this.#acts.resized(note.data)
    } catch {
      this.#socket.close(1007, 'notes are JSON') // not JSON
    }
  }
}
