// What both bindings of the link give the daemon, and how what the server says is read.

import type { ProblemCode } from '../../core/problem.ts'
import { isProblemCode, Problem } from '../../core/problem.ts'
import type { Env } from '../../lib/env.ts'
import type { FromDaemon, FromDaemonBody, FromDaemonReply, FromServer, FromServerBody } from '../../protocol/link.ts'
import { fromDaemon, fromServer } from '../../protocol/link.ts'
import type { TerminalOrder } from '../../protocol/terminal.ts'

export type Push = {
  [T in FromServer]: { readonly seq: number; readonly type: T; readonly body: FromServerBody<T> }
}[FromServer]

export interface Opening {
  readonly url: string
  readonly token: string
  /** For HTTPS_PROXY and NO_PROXY. */
  readonly env: Env
  readonly onPush: (push: Push) => void
  readonly onOrder: (order: TerminalOrder) => void
}

/** How a connection ended: the server's close code, or 1006 when nobody said anything. */
export interface Ended {
  readonly code: number
  readonly why: Problem
}

/** The server goes away or restarts; another may stand at its address already. */
export const goingAway = 1001
/** An end without a word, as WebSocket numbers it. */
export const broken = 1006

export interface Wire {
  readonly kind: 'ws' | 'http'
  /** Resolves when the connection is over. */
  readonly closed: Promise<Ended>
  /** Sends a message and gives its reply. Throws the server's problem, or `not_connected` when the connection or the time ends first. */
  request<T extends FromDaemon>(type: T, body: FromDaemonBody<T>, timeoutMs: number): Promise<FromDaemonReply<T>>
  /** A server that is to answer more often than its pings come is missed sooner. */
  expectBeats(intervalMs: number): void
  /** Ends it without a word to the server, which may not be there: for a connection nobody can trust. */
  drop(): void
  /** Says goodbye and ends it; resolves when that is said. Never rejects. */
  close(): Promise<void>
}

/** Nothing heard for this long means that the connection is half open: a server pings every 15 s and answers every heartbeat. */
export const longestSilenceMs = 45_000
const shortestSilenceMs = 2_000
/** Heartbeats in a row that may go unanswered. */
const missedBeats = 4.5

export function silenceFor(beatMs: number): number {
  return Math.min(longestSilenceMs, Math.max(shortestSilenceMs, beatMs * missedBeats))
}

/** A reply as its message's table says. Throws `not_connected` for one that is not understood. */
export function readReply<T extends FromDaemon>(type: T, reply: unknown): FromDaemonReply<T> {
  const parsed = fromDaemon[type].reply.safeParse(reply)
  if (parsed.success) return parsed.data as FromDaemonReply<T> // the table pairs the schema with its type
  throw new Problem('not_connected', `the server's reply to ${type} is not understood: ${parsed.error.message}`)
}

/** Null for a newer server's message: unknown ones are ignored. */
export function readPush(frame: { seq: number; type: string; body?: unknown }): Push | null {
  if (!Object.hasOwn(fromServer, frame.type)) return null
  const type = frame.type as FromServer // just looked up
  const body = fromServer[type].safeParse(frame.body)
  return body.success ? ({ seq: frame.seq, type, body: body.data } as Push) : null // the table pairs type and body
}

export function readProblem({ code, detail }: { code: string; detail: string }): Problem {
  return new Problem(knownCode(code), detail)
}

function knownCode(code: string): ProblemCode {
  return isProblemCode(code) ? code : 'internal'
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // refused by whoever reads it
  }
}
