// One terminal as this server shows it: who watches, its newest bytes, and where they come from.

import { randomUUID } from 'node:crypto'
import type { TerminalNote, TerminalSize } from '../protocol/terminal.ts'
import { terminalBacklogBytes } from '../protocol/terminal.ts'

export interface TerminalSeat {
  readonly taskId: string
  readonly attemptId: string
  readonly n: number
  readonly daemonId: string
  readonly daemonName: string
}

/** Whoever is shown a terminal: a socket, or another server whose sockets watch it. */
export interface Audience {
  tell(note: TerminalNote): void
  show(bytes: Buffer): void
  /** What it has seen so far holds no more: it begins with what is known now. */
  restart(reason: string): void
  end(reason: string): void
  close(code: number, reason: string): void
  terminate(): void
  ping(): void
}

export interface Stream extends TerminalSeat {
  /** One time of watching; the host forgets it when its link goes down. */
  id: string
  readonly audience: Set<Audience>
  /** Those who join and wait for it. */
  coming: number
  recent: Buffer[]
  recentBytes: number
  inputs: number
  /** Null: nobody has told it yet. */
  size: TerminalSize | null
}

export function makeStream(seat: TerminalSeat): Stream {
  return {
    ...seat,
    id: randomUUID(),
    audience: new Set(),
    coming: 0,
    recent: [],
    recentBytes: 0,
    inputs: 0,
    size: null,
  }
}

/** It begins anew: what came so far holds no more. */
export function renew(stream: Stream): void {
  stream.id = randomUUID()
  stream.recent = []
  stream.recentBytes = 0
  stream.inputs = 0
}

/** To all who watch, and kept for those who come later: the newest bytes. */
export function show(stream: Stream, bytes: Buffer): void {
  if (bytes.length === 0) return
  stream.recent.push(bytes)
  stream.recentBytes += bytes.length
  while (stream.recentBytes > terminalBacklogBytes) {
    const oldest = stream.recent[0]
    if (oldest === undefined || stream.recentBytes - oldest.length < terminalBacklogBytes / 2) break
    stream.recent.shift()
    stream.recentBytes -= oldest.length
  }
  for (const each of stream.audience) each.show(bytes)
}

/** The window has another size now; `by` knows it already. */
export function resized(stream: Stream, { cols, rows }: TerminalSize, by: Audience | null): void {
  if (stream.size?.cols === cols && stream.size.rows === rows) return
  stream.size = { cols, rows }
  for (const each of stream.audience) if (each !== by) each.tell({ type: 'size', cols, rows })
}
