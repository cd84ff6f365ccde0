// An ACP agent, line by line: whose turn it is, and what each message of the agent moves.

import { answerAcp, cancelAcp, permission, without } from './acp-permission.ts'
import type { AcpContext } from './acp-start.ts'
import {
  authenticated,
  authRequired,
  initialized,
  namedIn,
  promptWith,
  sessionOpened,
  setupAnswered,
  startRefused,
  wordsOf,
} from './acp-start.ts'
import type { AcpAgent, AcpState } from './acp-state.ts'
import { initialAcpState, maxQueue } from './acp-state.ts'
import { failed, finishAcp, turnEnded } from './acp-turn.ts'
import { sessionUpdate } from './acp-updates.ts'
import { cut, keepTail } from './cut.ts'
import { classOfError, classOfStatus } from './error-names.ts'
import { classify, failureOf } from './failure.ts'
import type { Json } from './json.ts'
import { numberOf } from './json.ts'
import type { RpcError, RpcId, RpcMessage } from './json-rpc.ts'
import { invalidParams, methodNotFound, parseRpc, refusal, requestCancelled } from './json-rpc.ts'
import type { Harness, Line, Reduced } from './port.ts'
import { resetTime } from './reset-time.ts'

type Step = Reduced<AcpState>
type Conversation = Required<
  Pick<Harness<AcpState>, 'initial' | 'reduce' | 'answer' | 'message' | 'cancel' | 'unread' | 'finish'>
>

/** The pure half of any ACP adapter: a harness spreads it beside its own detection and launch, which sends `opening` first. */
export function acpConversation(agent: AcpAgent): Conversation {
  return {
    initial: initialAcpState,
    reduce: (state, line, brief) => reduceAcp(state, line, { agent, brief }),
    answer: answerAcp,
    message: queued,
    cancel: cancelAcp,
    unread: ({ queue }) => queue,
    finish: (state, exit) => finishAcp(state, exit, agent.title),
  }
}

export function reduceAcp(state: AcpState, line: Line, context: AcpContext): Step {
  if (line.text.trim() === '') return { state, events: [] }
  if (line.stream === 'stderr') {
    return { state: { ...state, stderr: keepTail(state.stderr, line.text) }, events: [raw(line)] }
  }
  const message = parseRpc(line.text)
  const step = message === null ? null : received(state, message, context)
  return step === null ? { state, events: [raw(line)] } : withLine(step, line)
}

/** A request that was refused is shown as it came. */
interface Refused extends Step {
  readonly keep?: true
}

function withLine(step: Refused, line: Line): Step {
  if (step.keep === undefined) return step
  const { keep: _, ...rest } = step
  return { ...rest, events: [...rest.events, raw(line)] }
}

function received(state: AcpState, message: RpcMessage, context: AcpContext): Refused | null {
  switch (message.kind) {
    case 'notification':
      return notified(state, message, context)
    case 'request':
      return requested(state, message, context)
    case 'result':
      return message.id === state.awaits ? answered(state, message.result, context) : null
    case 'error':
      return message.id === state.awaits ? refused(state, message.error, context) : null
  }
}

function notified(
  state: AcpState,
  { method, params }: { method: string; params: Json },
  context: AcpContext,
): Step | null {
  if (method === 'session/update')
    return state.phase === 'over' ? null : sessionUpdate(state, params, context.brief.cwd)
  if (method === '$/cancel_request') return takenBack(state, params.requestId)
  return null
}

/** The agent does not want the answer any more. */
function takenBack(state: AcpState, requestId: unknown): Step | null {
  const ask = state.pending.find((each) => each.id === requestId)
  if (ask === undefined) return null
  const send = [refusal('2.0', ask.id, { code: requestCancelled, message: 'cancelled by the agent' })]
  return { state: without(state, ask), events: [], send, withdrawn: [ask.key] }
}

function requested(
  state: AcpState,
  message: { readonly id: RpcId; readonly method: string; readonly params: Json },
  { brief }: AcpContext,
): Refused {
  const { id, method, params } = message
  if (method !== 'session/request_permission') {
    const words = `Capstan does not offer ${cut(method, 100)}`
    return { state, events: [], send: [refusal('2.0', id, { code: methodNotFound, message: words })], keep: true }
  }
  if (state.phase === 'prompt' && params.sessionId === state.session) return permission(state, { id, params }, brief)
  const words = 'no turn of this session is running'
  return { state, events: [], send: [refusal('2.0', id, { code: invalidParams, message: words })], keep: true }
}

function answered(state: AcpState, answer: Json, context: AcpContext): Step | null {
  switch (state.phase) {
    case 'initialize':
      return initialized(state, answer, context)
    case 'authenticate':
      return authenticated(state, context)
    case 'session':
      return sessionOpened(state, answer, context)
    case 'setup':
      return setupAnswered(state, null, context)
    case 'prompt':
      return turnAnswered(state, answer, context)
    case 'over':
      return null
  }
}

/** A message that came meanwhile is the next turn; only a turn that ended well is followed by one. */
function turnAnswered(state: AcpState, answer: Json, { agent }: AcpContext): Step {
  const ended = turnEnded(state, answer, agent.title)
  const [next, ...queue] = state.queue
  if (next === undefined || ended.state.terminal?.ok !== true) return ended
  const { lastText, lastMessage, usage } = ended.state
  const open = { ...state, said: null, tools: [], pending: [], queue, lastText, lastMessage, usage }
  const step = promptWith(open, next)
  const taken = ended.withdrawn === undefined ? {} : { withdrawn: ended.withdrawn }
  return { ...step, events: [...ended.events.filter((event) => event.type !== 'turn_end'), ...step.events], ...taken }
}

function refused(state: AcpState, error: RpcError, context: AcpContext): Step | null {
  switch (state.phase) {
    case 'initialize':
    case 'authenticate':
    case 'session':
      return startRefused(state, error, context)
    case 'setup':
      return setupAnswered(state, error, context)
    case 'prompt':
      return turnRefused(state, error)
    case 'over':
      return null
  }
}

function turnRefused(state: AcpState, error: RpcError): Step {
  const words = wordsOf(error)
  // Gemini puts the HTTP status where JSON-RPC has its own codes, which are negative.
  const status = classOfStatus(numberOf(error.code) ?? 0)
  const named = classOfError(namedIn(error), words)
  const told = classify(words)
  const kind =
    error.code === authRequired ? 'auth' : (named ?? (status === 'rate_limit' && told === 'quota' ? told : status))
  return failed(state, failureOf(kind, words, resetTime(words, null)))
}

function queued(state: AcpState, text: string): Step {
  if (state.phase === 'over') return lost(state, 'the agent has ended its work')
  if (state.queue.length >= maxQueue) return lost(state, `${maxQueue} messages wait already`)
  return { state: { ...state, queue: [...state.queue, text] }, events: [] }
}

function lost(state: AcpState, why: string): Step {
  const message = `A message was not passed on, because ${why}.`
  return { state, events: [{ type: 'notice', level: 'warning', message }], refused: true }
}

function raw(line: Line): Step['events'][number] {
  return { type: 'raw', stream: line.stream, line: cut(line.text) }
}
