// From the first answer of an ACP agent to the prompt: version, sign-in, session, mode and model.

import { setupOf } from './acp-setup.ts'
import type { AcpAgent, AcpState, SetupRequest } from './acp-state.ts'
import { failed } from './acp-turn.ts'
import { oneLine } from './cut.ts'
import { classOfError } from './error-names.ts'
import { failureOf } from './failure.ts'
import type { Json } from './json.ts'
import { numberOf, objectOf, objectsOf, sessionOf, textOf } from './json.ts'
import type { RpcError } from './json-rpc.ts'
import { clientInfo, request } from './json-rpc.ts'
import type { Brief, Reduced } from './port.ts'

type Step = Reduced<AcpState>

/** What the step may need besides the state. */
export interface AcpContext {
  readonly agent: AcpAgent
  readonly brief: Brief
}

export const protocolVersion = 1

/** The first line, sent before the agent has said anything. Its id is 0, which the first state awaits. */
export function opening(): string {
  const clientCapabilities = { fs: { readTextFile: false, writeTextFile: false }, terminal: false }
  return request('2.0', 0, 'initialize', { protocolVersion, clientCapabilities, clientInfo })
}

export function initialized(state: AcpState, answer: Json, context: AcpContext): Step {
  const { agent, brief } = context
  const version = numberOf(answer.protocolVersion)
  if (version !== protocolVersion) {
    const detail = `${agent.title} speaks version ${version ?? 'unknown'} of ACP; Capstan speaks ${protocolVersion}: use a version of the agent that does`
    return failed(state, { ...failureOf(null, detail), reason: 'harness_unavailable' })
  }
  const known = { ...state, signIn: signInOf(answer, agent) }
  if (brief.sessionRef === null) return openSession(known, context)
  const restores = restoring(objectOf(answer.agentCapabilities) ?? {})
  if (restores !== null) return openSession({ ...known, restores }, context)
  const detail = `${agent.title} cannot bring back a conversation: it offers neither session/load nor session/resume`
  return failed(known, { ...failureOf(null, detail), reason: 'not_resumable' })
}

function restoring(capabilities: Json): AcpState['restores'] {
  if (capabilities.loadSession === true) return 'session/load'
  return objectOf(objectOf(capabilities.sessionCapabilities)?.resume) === null ? null : 'session/resume'
}

/** Only ways that read a variable are tried by themselves: the others open a browser or a terminal, and nobody is there. */
function signInOf(answer: Json, agent: AcpAgent): AcpState['signIn'] {
  const offered = objectsOf(answer.authMethods).slice(0, 16)
  const own = offered.filter((method) => method.type === 'env_var').map((method) => textOf(method.id))
  const methods = agent.authMethod === null ? own : [agent.authMethod]
  const names = offered.map((method) => oneLine(`${textOf(method.name) ?? ''} (${textOf(method.id) ?? ''})`, 80))
  return { methods: methods.filter((id) => id !== null).slice(0, 4), offered: names.join(', ') }
}

function openSession(state: AcpState, { brief }: AcpContext): Step {
  const place = { cwd: brief.cwd, mcpServers: brief.mcp === null ? [] : [serverOf(brief.mcp)] }
  const next = { ...state, phase: 'session' as const }
  return state.restores === null || brief.sessionRef === null
    ? ask(next, 'session/new', place)
    : ask(next, state.restores, { ...place, sessionId: brief.sessionRef })
}

function serverOf({ name, command, args, env }: NonNullable<Brief['mcp']>): Json {
  return { name, command, args, env: Object.entries(env).map(([key, value]) => ({ name: key, value })) }
}

export function authenticated(state: AcpState, context: AcpContext): Step {
  return openSession(state, context)
}

export function sessionOpened(state: AcpState, answer: Json, context: AcpContext): Step {
  const { agent, brief } = context
  const session = state.restores === null ? sessionOf(answer.sessionId) : brief.sessionRef
  if (session === null) {
    return failed(state, failureOf(null, `${agent.title} opened a session without an id that can be used`))
  }
  const isLoaded = state.restores === 'session/load'
  const { requests, notices, model } = setupOf(answer, { session, isLoaded, agent, brief })
  const next = { ...state, session, model, phase: 'setup' as const, setup: requests }
  const step = furtherSetup(next, context)
  return { ...step, events: [...notices, ...step.events] }
}

/** The next of the requests before the prompt, or the prompt. */
export function furtherSetup(state: AcpState, { brief }: AcpContext): Step {
  const [first] = state.setup
  if (first !== undefined) return ask(state, first.method, first.params)
  return promptWith(state, brief.prompt)
}

export function setupAnswered(state: AcpState, error: RpcError | null, context: AcpContext): Step {
  const [done, ...rest] = state.setup
  const step = furtherSetup({ ...state, setup: rest }, context)
  return error === null || done === undefined ? step : { ...step, events: [refused(done, error), ...step.events] }
}

function refused(asked: SetupRequest, error: RpcError): Step['events'][number] {
  const words = error.message === '' ? '' : `: ${oneLine(error.message)}`
  return { type: 'notice', level: 'warning', message: `The agent did not take ${asked.what}${words}` }
}

export function promptWith(state: AcpState, text: string): Step {
  const params = { sessionId: state.session, prompt: [{ type: 'text', text }] }
  return ask({ ...state, phase: 'prompt', denied: null }, 'session/prompt', params)
}

function ask(state: AcpState, method: string, params: Json): Step {
  const id = state.awaits + 1
  return { state: { ...state, awaits: id }, events: [], send: [request('2.0', id, method, params)] }
}

/** The code by which an agent asks for a sign-in. */
export const authRequired = -32_000

/** The first or a later step before the prompt was refused. */
export function startRefused(state: AcpState, error: RpcError, context: AcpContext): Step {
  const { title } = context.agent
  const words = wordsOf(error)
  const kind = classOfError(namedIn(error), words)
  if (error.code === authRequired || kind === 'auth' || state.phase === 'authenticate')
    return signIn(state, words, context)
  if (state.phase === 'session' && state.restores !== null && kind === null) {
    const detail = `${title} did not bring the conversation back: ${words}`
    return failed(state, { ...failureOf(null, detail), reason: 'not_resumable' })
  }
  const what = state.phase === 'initialize' ? 'did not start' : 'opened no session'
  return failed(state, failureOf(kind, `${title} ${what}: ${words}`))
}

function signIn(state: AcpState, words: string, { agent }: AcpContext): Step {
  const [method, ...methods] = state.signIn.methods
  if (method !== undefined) {
    const next = { ...state, phase: 'authenticate' as const, signIn: { ...state.signIn, methods } }
    return ask(next, 'authenticate', { methodId: method })
  }
  const offered = state.signIn.offered === '' ? '' : `; it offers ${state.signIn.offered}`
  return failed(state, failureOf('auth', `${agent.title} is not signed in: ${words}${offered}`))
}

/** What an error says, with what stands in its data. */
export function wordsOf(error: RpcError): string {
  const data = objectOf(error.data)
  const details = textOf(data?.message) ?? textOf(data?.details) ?? textOf(error.data)
  const told = /^internal error$/i.test(error.message.trim()) && details !== null ? details : error.message
  const words =
    details === null || told.includes(details) || details.includes(told) ? (details ?? told) : `${told}: ${details}`
  return oneLine(words === '' ? `error ${error.code ?? 'without a code'}` : words, 500)
}

/** The typed name of an error, by whichever key the agent puts it. */
export function namedIn(error: RpcError): unknown {
  const data = objectOf(error.data)
  return data?.errorKind ?? data?.codex_error_info ?? data?.codexErrorInfo ?? null
}
