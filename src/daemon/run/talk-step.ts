// One step of a conversation, gathered before it is committed: what was said, asked, taken back and answered.

import type { EventBody } from '../../protocol/events.ts'
import type { FromDaemonBody } from '../../protocol/link.ts'
import type { Ask, Reduced } from '../harness/port.ts'

/** A call of the run's MCP server and its answer. */
export interface KeptCall {
  readonly key: string
  readonly answer: unknown
}

/** What the daemon says and asks on the agent's behalf, beside the agent's own output: a call of the run's MCP server. */
export interface OwnStep {
  readonly events?: readonly EventBody[]
  /** Goes to a person like an ask of the agent; its answer goes to the journal's `calls`. Its key is the call's. */
  readonly ask?: Ask
  /** The call of an ask that nobody waits for any more. */
  readonly withdraw?: string
  /** A call that is answered by this, and with what. */
  readonly call?: KeptCall
  /** What the adapter makes of something that the agent did not say, such as the stop of its run. */
  readonly reduced?: Reduced<unknown>
}

type Report =
  | { readonly kind: 'request'; readonly body: FromDaemonBody<'request'> }
  | { readonly kind: 'withdraw'; readonly body: FromDaemonBody<'withdraw'> }
  | { readonly kind: 'unsaid'; readonly body: FromDaemonBody<'unsaid'> }

/** What one step came to, gathered before it is committed. */
export interface Step {
  readonly events: EventBody[]
  readonly send: string[]
  readonly reports: Report[]
  /** Keys of asks that changed. */
  readonly touched: Set<string>
  readonly calls: KeptCall[]
  /** Asks that were answered without anybody. */
  unasked: number
  endInput: boolean
  done: boolean
  /** The words that it gave came too late for the agent. */
  late?: boolean
}

/** Keys of the daemon's own asks. An agent may choose its keys: one that begins so is turned down. */
export const ownKey = 'capstan '
export const lostKey = 'lost '
export function newStep(): Step {
  return { events: [], send: [], reports: [], touched: new Set(), calls: [], unasked: 0, endInput: false, done: false }
}

export function isReserved(key: string): boolean {
  return key.startsWith(ownKey) || key.startsWith(lostKey)
}

export function isSilent({ send, reports, touched, endInput, done }: Step): boolean {
  return send.length + reports.length + touched.size === 0 && !endInput && !done
}
