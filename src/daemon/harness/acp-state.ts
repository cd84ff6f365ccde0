// What the ACP adapter remembers between lines: plain JSON, bounded.

import type { EventBody, Usage } from '../../protocol/events.ts'
import type { Json } from './json.ts'
import type { RpcId } from './json-rpc.ts'
import type { AskOption, Failure } from './port.ts'

export interface AcpState {
  /** Where the conversation stands; each phase but the last waits for one response. */
  readonly phase: 'initialize' | 'authenticate' | 'session' | 'setup' | 'prompt' | 'over'
  /** The id of the request whose response moves the conversation on. */
  readonly awaits: number
  readonly session: string | null
  /** How the agent brings an earlier conversation back, as it said at the start. */
  readonly restores: 'session/load' | 'session/resume' | null
  readonly signIn: SignIn
  /** Requests between the session and the prompt: its mode, its model. */
  readonly setup: readonly SetupRequest[]
  /** Words that came in pieces and are not told yet. */
  readonly said: Said | null
  /** The message whose words `lastText` holds, so that its pieces are put together. */
  readonly lastMessage: string | null
  readonly lastText: string | null
  /** Tool calls that have not ended. */
  readonly tools: readonly OpenTool[]
  readonly pending: readonly PendingAsk[]
  /** How many asks there were; makes their keys. */
  readonly asked: number
  /** What was not permitted since the prompt, newest; some agents end their turn then. */
  readonly denied: string | null
  /** The agent said or began something after that. */
  readonly wentOn: boolean
  /** The agent was told to end its turn: nothing is granted any more. Absent: it was not. */
  readonly cancelled?: true
  /** Messages that wait for the end of the turn. */
  readonly queue: readonly string[]
  readonly usage: Usage | null
  readonly costUsd: number | null
  readonly model: string | null
  readonly terminal: { readonly ok: true } | Failure | null
  readonly stderr: string
}

export interface SignIn {
  /** Ways to sign in that need nobody at the keyboard and were not tried yet. */
  readonly methods: readonly string[]
  /** All ways the agent offers, in its words. */
  readonly offered: string
}

export interface SetupRequest {
  readonly method: string
  readonly params: Json
  /** What is asked for, when the agent refuses it. */
  readonly what: string
}

export interface Said {
  readonly kind: 'text' | 'thinking'
  readonly text: string
  readonly message: string | null
  readonly parent: string | null
}

export interface OpenTool {
  readonly id: string
  readonly kind: string | null
  readonly title: string
  /** Its newest output, short: the end may come without one. */
  readonly output: string
  readonly parent: string | null
  /** Its start was told: that waits until the agent says what it calls. */
  readonly isShown: boolean
}

export interface PendingAsk {
  readonly key: string
  /** The agent's own id of its request. */
  readonly id: RpcId
  readonly title: string
  readonly options: readonly AskOption[]
}

export const maxTools = 24
export const maxPending = 16
export const maxQueue = 16

export function initialAcpState(): AcpState {
  return {
    phase: 'initialize',
    awaits: 0,
    session: null,
    restores: null,
    signIn: { methods: [], offered: '' },
    setup: [],
    said: null,
    lastMessage: null,
    lastText: null,
    tools: [],
    pending: [],
    asked: 0,
    denied: null,
    wentOn: false,
    queue: [],
    usage: null,
    costUsd: null,
    model: null,
    terminal: null,
    stderr: '',
  }
}

/** The agent's own knobs, fixed for all of its runs. */
export interface AcpAgent {
  /** For sentences: `Gemini CLI`. */
  readonly title: string
  /** The way to sign in when the agent asks for one, by its id; null: those that read a variable. */
  readonly authMethod: string | null
  /** The model was given in the arguments, so it is not asked for again. */
  readonly modelInArgs: boolean
}

/** A model that the agent never told of by name is not invented here. */
export function usageEvents(state: AcpState): readonly EventBody[] {
  if (state.usage === null) return []
  return [{ type: 'usage', usage: state.usage, costUsd: state.costUsd }]
}
