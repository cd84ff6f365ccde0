// What a daemon's session speaks through: a WebSocket, or posts with a long poll. Both bindings give the session the same few verbs.

import { Problem } from '../core/problem.ts'
import type { FromDaemon, FromDaemonBody, FromDaemonReply, FromServer } from '../protocol/link.ts'
import { fromDaemon, requestFrame } from '../protocol/link.ts'
import type { TerminalOrder } from '../protocol/terminal.ts'
import { check, parseJsonText } from './input.ts'

/** Why a connection was closed by this server: WebSocket close codes, and the same numbers in a poll's answer. */
export const closeCodes = {
  /** The server goes away or restarts: come back. */
  goingAway: 1001,
  /** Nothing was heard for too long. Also what a WebSocket that broke reports. */
  silent: 1006,
  /** The registration was refused; the reply said why. */
  refused: 4403,
  /** The token was revoked or ran out. */
  unauthorized: 4401,
  /** It did not register in time. */
  unregistered: 4408,
  /** The same daemon has connected anew. */
  replaced: 4409,
} as const

export interface Frame {
  readonly id: number
  readonly type: FromDaemon
  readonly body: unknown
}

/** Gives a frame's reply or throws the problem that is its reply. */
export type Answer = (frame: Frame) => Promise<unknown>

export interface LinkWire {
  readonly open: boolean
  /** Calls back once, with the code it was closed with. */
  onClose(then: (code: number) => void): void
  /** Sends a row; the daemon acknowledges its seq. */
  push(seq: number, type: FromServer, body: unknown): void
  /** Says something about a terminal, once: it is neither kept nor sent again. */
  order(order: TerminalOrder): void
  close(code: number, reason: string): void
  /** Calls back once, as soon as every frame that has come in is answered. */
  whenIdle(then: () => void): void
  /** Ends it without a word. */
  terminate(): void
  /** Called at the ping interval: what has been silent for too long is ended. */
  ping(): void
}

/** Hears what daemons say of terminals, and of their coming and going. */
export interface LinkTerminals {
  output(daemonId: string, body: FromDaemonBody<'terminal'>): FromDaemonReply<'terminal'>
  daemonUp(daemonId: string): void
  daemonDown(daemonId: string): void
}

/** Frames as they are read from either binding; a problem of the whole frame has no id to answer to. */
export function readFrame(text: string): { id: number; type: string; body?: unknown } {
  return check(requestFrame, parseJsonText(text, 'the frame', { nul: 'allowed', depth: 500 }), 'the frame')
}

/** Throws `invalid_request` for a type that is not in the table. */
export function knownFrame(frame: { id: number; type: string; body?: unknown }): Frame {
  const { id, type, body } = frame
  if (isMessage(type)) return { id, type, body }
  throw new Problem('invalid_request', `there is no message type ${JSON.stringify(type)}`)
}

function isMessage(type: string): type is FromDaemon {
  return Object.hasOwn(fromDaemon, type)
}
