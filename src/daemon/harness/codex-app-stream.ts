// `codex app-server`, line by line: the conversation by which Codex asks before it acts. Shapes of 0.169.0.

import type { EventBody } from '../../protocol/events.ts'
import { notOffered, serverRequest } from './codex-app-asks.ts'
import { itemNotice } from './codex-app-items.ts'
import type { CodexAppState } from './codex-app-state.ts'
import { maxMessages } from './codex-app-state.ts'
import {
  errorNotice,
  failed,
  inputOf,
  limitsNotice,
  openThread,
  settle,
  startTurn,
  tokensNotice,
  turnCompleted,
} from './codex-app-turn.ts'
import { helperWarning } from './codex-stream.ts'
import { cut, keepTail, oneLine } from './cut.ts'
import { classOfError } from './error-names.ts'
import { failureOf } from './failure.ts'
import type { Json } from './json.ts'
import { objectOf, objectsOf, sessionOf, textOf } from './json.ts'
import type { RpcError, RpcId, RpcMessage } from './json-rpc.ts'
import { clientInfo, notification, parseRpc, request } from './json-rpc.ts'
import type { Brief, Line, Reduced } from './port.ts'

type Step = Reduced<CodexAppState>

/** The first line, sent before Codex has said anything. Its id is 0, which the first state awaits. */
export function codexOpening(): string {
  return request('bare', 0, 'initialize', { clientInfo, capabilities: null })
}

export function reduceCodexApp(state: CodexAppState, line: Line, brief: Brief): Step {
  if (line.text.trim() === '') return { state, events: [] }
  if (line.stream === 'stderr') {
    const next = { ...state, stderr: keepTail(state.stderr, line.text) }
    return { state: next, events: [...helperWarning(line.text), raw(line)] }
  }
  const message = parseRpc(line.text)
  if (message === null) return { state, events: [raw(line)] }
  if (message.kind === 'request') {
    const step = serverRequest(state, message, brief)
    return step ?? { state, events: [raw(line)], send: [notOffered(message.id, message.method)] }
  }
  return received(state, message, brief) ?? { state, events: [raw(line)] }
}

function received(state: CodexAppState, message: Exclude<RpcMessage, { kind: 'request' }>, brief: Brief): Step | null {
  switch (message.kind) {
    case 'notification':
      return notified(state, message, brief)
    case 'result':
      return (
        steered(state, message.id, true) ??
        (message.id === state.awaits ? answered(state, message.result, brief) : null)
      )
    case 'error':
      return steered(state, message.id, false) ?? (message.id === state.awaits ? refused(state, message.error) : null)
  }
}

/** A message given to a turn that had just ended is the next turn's. */
function steered(state: CodexAppState, id: RpcId, isTaken: boolean): Step | null {
  const steer = state.steers.find((each) => each.id === id)
  if (steer === undefined) return null
  const steers = state.steers.filter((each) => each !== steer)
  const queue = isTaken ? state.queue : [...state.queue, steer.text]
  return settle({ ...state, steers, queue }, [])
}

function answered(state: CodexAppState, answer: Json, brief: Brief): Step | null {
  switch (state.phase) {
    case 'initialize': {
      const step = openThread(state, brief)
      return { ...step, send: [notification('bare', 'initialized'), ...(step.send ?? [])] }
    }
    case 'thread':
      return threadOpened(state, answer, brief)
    case 'turn':
      return { state: { ...state, turn: state.turn ?? turnId(answer.turn) }, events: [] }
    case 'over':
      return null
  }
}

function threadOpened(state: CodexAppState, answer: Json, brief: Brief): Step {
  const thread = sessionOf(objectOf(answer.thread)?.id)
  if (thread === null) return failed(state, failureOf(null, 'Codex opened a thread without an id that can be used'))
  const model = textOf(answer.model)?.slice(0, 200) ?? brief.model
  return startTurn({ ...state, thread, model }, brief.prompt)
}

function turnId(turn: unknown): string | null {
  return textOf(objectOf(turn)?.id)?.slice(0, 200) ?? null
}

function refused(state: CodexAppState, error: RpcError): Step {
  const words = oneLine(error.message === '' ? 'an error without words' : error.message, 400)
  const kind = classOfError(objectOf(error.data)?.codexErrorInfo, words)
  if (state.phase === 'thread' && /no rollout found|thread not found|invalid thread id/i.test(words)) {
    return failed(state, { ...failureOf(null, words), reason: 'not_resumable' })
  }
  const what = { initialize: 'did not start', thread: 'opened no thread', turn: 'started no turn', over: 'failed' }
  return failed(state, failureOf(kind, `Codex ${what[state.phase]}: ${words}`))
}

function notified(
  state: CodexAppState,
  { method, params }: { readonly method: string; readonly params: Json },
  brief: Brief,
): Step | null {
  if (state.phase === 'over') return quiet.has(method) ? { state, events: [] } : null
  switch (method) {
    case 'item/started':
      return itemNotice(state, params, 'started')
    case 'item/completed':
      return itemNotice(state, params, 'completed')
    case 'turn/started':
      return turnStarted(state, params)
    case 'turn/completed':
      return turnCompleted(state, params)
    case 'turn/plan/updated':
      return { state, events: [{ type: 'plan', items: planItems(params) }] }
    case 'error':
      return errorNotice(state, params)
    case 'thread/tokenUsage/updated':
      return tokensNotice(state, params, brief)
    case 'account/rateLimits/updated':
      return limitsNotice(state, params)
    case 'serverRequest/resolved':
      return resolved(state, params)
    default:
      return told(state, method, params)
  }
}

function turnStarted(state: CodexAppState, params: Json): Step {
  const isOurs = params.threadId === state.thread && state.phase === 'turn' && state.terminal === null
  return { state: isOurs ? { ...state, turn: state.turn ?? turnId(params.turn) } : state, events: [] }
}

/** Answered by us, or taken back by Codex: only the second leaves it open here. */
function resolved(state: CodexAppState, params: Json): Step {
  const ask = state.pending.find((each) => each.id === params.requestId)
  if (ask === undefined) return { state, events: [] }
  return {
    state: { ...state, pending: state.pending.filter((each) => each !== ask) },
    events: [],
    withdrawn: [ask.key],
  }
}

function planItems(params: Json): Extract<EventBody, { type: 'plan' }>['items'] {
  return objectsOf(params.plan)
    .slice(0, 200)
    .map((entry) => ({ text: oneLine(textOf(entry.step) ?? '', 500), status: statusOf(entry.status) }))
}

function statusOf(status: unknown): 'pending' | 'in_progress' | 'completed' {
  if (status === 'completed') return 'completed'
  return status === 'inProgress' ? 'in_progress' : 'pending'
}

/** Pieces of what `item/completed` tells whole, and states that events tell better. */
const quiet = new Set([
  'account/updated',
  'command/exec/outputDelta',
  'item/agentMessage/delta',
  'item/commandExecution/outputDelta',
  'item/fileChange/outputDelta',
  'item/fileChange/patchUpdated',
  'item/mcpToolCall/progress',
  'item/plan/delta',
  'item/reasoning/summaryPartAdded',
  'item/reasoning/summaryTextDelta',
  'item/reasoning/textDelta',
  'remoteControl/status/changed',
  'serverRequest/resolved',
  'thread/closed',
  'thread/name/updated',
  'thread/settings/updated',
  'thread/started',
  'thread/status/changed',
  'turn/diff/updated',
])

const warnings = new Set(['warning', 'guardianWarning', 'configWarning', 'deprecationNotice'])

function told(state: CodexAppState, method: string, params: Json): Step | null {
  if (quiet.has(method)) return { state, events: [] }
  if (warnings.has(method)) {
    const words = textOf(params.message) ?? textOf(params.summary) ?? method
    return { state, events: [{ type: 'notice', level: 'warning', message: oneLine(words, 500) }] }
  }
  if (method === 'model/rerouted') {
    const message = oneLine(`Codex went from the model ${textOf(params.fromModel)} to ${textOf(params.toModel)}.`)
    return { state, events: [{ type: 'notice', level: 'warning', message }] }
  }
  if (method !== 'mcpServer/startupStatus/updated') return null
  if (params.status !== 'failed') return { state, events: [] }
  const message = `The MCP server ${oneLine(textOf(params.name) ?? 'without a name', 100)} did not start: ${oneLine(textOf(params.error) ?? '', 300)}`
  return { state, events: [{ type: 'notice', level: 'warning', message }] }
}

/** Words for the turn at work. Until Codex has named it, or between turns, they wait for the next one. */
export function messageCodexApp(state: CodexAppState, text: string): Step {
  if (state.phase === 'over' || state.steers.length + state.queue.length >= maxMessages) {
    const why = state.phase === 'over' ? 'Codex has ended its work' : `${maxMessages} messages wait already`
    const message = `A message was not passed on, because ${why}.`
    return { state, events: [{ type: 'notice', level: 'warning', message }], refused: true }
  }
  if (state.turn === null) return { state: { ...state, queue: [...state.queue, text] }, events: [] }
  const id = state.newest + 1
  const params = { threadId: state.thread, expectedTurnId: state.turn, input: inputOf(text) }
  const steers = [...state.steers, { id, text }]
  return { state: { ...state, newest: id, steers }, events: [], send: [request('bare', id, 'turn/steer', params)] }
}

function raw(line: Line): EventBody {
  return { type: 'raw', stream: line.stream, line: cut(line.text) }
}
