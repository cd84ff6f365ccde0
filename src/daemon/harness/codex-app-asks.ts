// What Codex's app-server asks: commands, changes of files, more permissions, questions. Put to a person, answered as Codex wants it.

import type { CodexAppState, PendingApproval } from './codex-app-state.ts'
import { maxApprovals } from './codex-app-state.ts'
import { withoutShell } from './codex-items.ts'
import { boundedInput, cut, exactLine, oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { arrayOf, objectOf, objectsOf, textOf } from './json.ts'
import type { RpcId } from './json-rpc.ts'
import { methodNotFound, refusal, result } from './json-rpc.ts'
import type { Answer, Ask, AskOption, Brief, Reduced } from './port.ts'

type Step = Reduced<CodexAppState>
type Question = Omit<PendingApproval, 'key' | 'id'> & Pick<Ask, 'kind' | 'body' | 'command'>

/** Null: not answered here, and Codex is told so. */
export function serverRequest(
  state: CodexAppState,
  asked: { readonly id: RpcId; readonly method: string; readonly params: Json },
  brief: Brief,
): Step | null {
  const { id, method, params } = asked
  if (state.phase !== 'turn') return null
  if (method === 'mcpServer/elicitation/request' && brief.mcp !== null && params.serverName === brief.mcp.name) {
    return { state, events: [], send: [result('bare', id, { action: 'accept', content: {} })] } // our own tools
  }
  const question = questionOf(state, method, params)
  return question === null ? null : put(state, id, question)
}

function questionOf(state: CodexAppState, method: string, params: Json): Question | null {
  switch (method) {
    case 'item/commandExecution/requestApproval':
      return command(params)
    case 'item/fileChange/requestApproval':
      return fileChange(state, params)
    case 'item/permissions/requestApproval':
      return morePermissions(params)
    case 'item/tool/requestUserInput':
      return words(params)
    case 'mcpServer/elicitation/request':
      return elicitation(params)
    default:
      return null
  }
}

function put(state: CodexAppState, id: RpcId, question: Question): Step {
  const { kind, body, command, title, options, results, otherwise, questions } = question
  if (state.pending.some((each) => each.id === id)) {
    return { state, events: [{ type: 'notice', level: 'warning', message: 'Codex asked twice under one id.' }] }
  }
  if (state.pending.length >= maxApprovals) {
    const message = `Not put to a person, because ${maxApprovals} other requests are open: ${title}`
    const denied = { ...state, denied: title }
    return {
      state: denied,
      events: [{ type: 'notice', level: 'warning', message }],
      send: [result('bare', id, otherwise)],
    }
  }
  const key = `${kind}-${state.asked + 1}`
  const pending = [...state.pending, { key, id, title, options, results, otherwise, questions }]
  return {
    state: { ...state, pending, asked: state.asked + 1 },
    events: [],
    asks: [{ key, kind, title, body, options, command }],
  }
}

const decline = { id: 'decline', label: 'Decline; Codex goes on without it', grants: 'deny' } as const
const cancel = { id: 'cancel', label: 'Decline and end the turn', grants: 'deny' } as const
const accept = { id: 'accept', label: 'Accept', grants: 'allow' } as const
const acceptForSession = { id: 'acceptForSession', label: 'Accept, also again in this run', grants: 'always' } as const

const declined = { decision: 'decline' }
/** A rule longer than this is not offered: it would have to be kept until the answer. */
const maxRule = 2_000

function command(params: Json): Question {
  const text = textOf(params.command)
  const shown = text === null ? (textOf(params.reason) ?? 'a command') : withoutShell(text)
  const choices = decisions(params)
  const isPlain = (params.kind ?? 'command') === 'command' && (params.networkApprovalContext ?? null) === null
  return {
    kind: 'permission',
    title: exactLine(shown),
    // Input for a running command, or a way through the network: no rule about commands may grant those.
    command: text === null || !isPlain ? null : shown,
    body: {
      ...(text === null ? {} : { command: cut(text, 16_384) }),
      ...kept(params, ['cwd', 'reason', 'kind', 'networkApprovalContext']),
    },
    options: choices.map(({ option }) => option),
    results: Object.fromEntries(choices.map(({ option, decision }) => [option.id, { decision }])),
    otherwise: declined,
    questions: [],
  }
}

interface Choice {
  readonly option: AskOption
  readonly decision: unknown
}

/** What Codex offers for this command. It takes `decline` also where it lists only `cancel` (measured). */
function decisions(params: Json): readonly Choice[] {
  const listed = arrayOf(params.availableDecisions).slice(0, 8)
  const offered = listed.length === 0 ? ['accept', 'acceptForSession'] : listed
  return [
    ...offered.flatMap(choiceOf),
    { option: decline, decision: 'decline' },
    { option: cancel, decision: 'cancel' },
  ]
}

function choiceOf(decision: unknown): readonly Choice[] {
  if (decision === 'accept') return [{ option: accept, decision }]
  if (decision === 'acceptForSession') return [{ option: acceptForSession, decision }]
  if (JSON.stringify(decision).length > maxRule) return []
  const rule = objectOf(objectOf(decision)?.acceptWithExecpolicyAmendment)
  if (rule !== null) {
    const such = oneLine(arrayOf(rule.execpolicy_amendment).join(' '), 120)
    const label = `Accept, and let Codex remember on this host: ${such}`
    return [{ option: { id: 'acceptWithExecpolicyAmendment', label, grants: 'always' }, decision }]
  }
  const network = objectOf(objectOf(objectOf(decision)?.applyNetworkPolicyAmendment)?.network_policy_amendment)
  if (network === null) return []
  const isAllow = network.action === 'allow'
  const label = `${isAllow ? 'Allow' : 'Deny'} ${oneLine(textOf(network.host) ?? 'this host', 120)} from now on`
  const option: AskOption = { id: isAllow ? 'allowHost' : 'denyHost', label, grants: isAllow ? 'always' : 'deny' }
  return [{ option, decision }]
}

function fileChange(state: CodexAppState, params: Json): Question {
  const change = state.changes.find((each) => each.item === params.itemId)
  return {
    kind: 'permission',
    title: change?.title || oneLine(textOf(params.reason) ?? 'change files'),
    command: null,
    body: { ...(change === undefined ? {} : { diff: change.diff }), ...kept(params, ['reason', 'grantRoot']) },
    options: [accept, acceptForSession, decline, cancel],
    results: Object.fromEntries([accept, acceptForSession, cancel].map(({ id }) => [id, { decision: id }])),
    otherwise: declined,
    questions: [],
  }
}

function morePermissions(params: Json): Question {
  const permissions = objectOf(params.permissions) ?? {}
  const granted = JSON.stringify(permissions).length > maxRule ? null : permissions
  const nothing = { permissions: {}, scope: 'turn' }
  const turn = { id: 'accept', label: 'Grant for this turn', grants: 'allow' } as const
  const run = { id: 'acceptForSession', label: 'Grant for this run', grants: 'always' } as const
  return {
    kind: 'permission',
    title: oneLine(textOf(params.reason) ?? 'more permissions'),
    command: null,
    body: { permissions: boundedInput(permissions), ...kept(params, ['cwd', 'reason']) },
    options: granted === null ? [decline] : [turn, run, decline],
    results:
      granted === null
        ? {}
        : {
            accept: { permissions: granted, scope: 'turn' },
            acceptForSession: { permissions: granted, scope: 'session' },
          },
    otherwise: nothing,
    questions: [],
  }
}

/** One question has its choices; several are answered by one text, which goes to each. */
function words(params: Json): Question {
  const asked = objectsOf(params.questions).slice(0, 8)
  const ids = asked.map((question) => textOf(question.id)).filter((id) => id !== null)
  const only = asked.length === 1 ? asked[0] : undefined
  const labels = objectsOf(only?.options).flatMap((option) => textOf(option.label)?.slice(0, 200) ?? [])
  const answers = (text: string) => ({ answers: Object.fromEntries(ids.map((id) => [id, { answers: [text] }])) })
  return {
    kind: 'question',
    title: oneLine(asked.map((question) => textOf(question.question) ?? '').join(' ') || 'a question'),
    command: null,
    body: { questions: boundedInput(asked) },
    options: labels.map((label) => ({ id: label, label, grants: 'other' })),
    results: Object.fromEntries(labels.map((label) => [label, answers(label)])),
    otherwise: { answers: {} },
    questions: ids.map((id) => id.slice(0, 200)),
  }
}

/** A tool server that wants a yes. One that wants a form filled in gets a no: Capstan has no forms. */
function elicitation(params: Json): Question {
  const wanted = arrayOf(objectOf(params.requestedSchema)?.required).length > 0 || params.mode === 'url'
  const title = oneLine(`${textOf(params.serverName) ?? 'a tool server'}: ${textOf(params.message) ?? 'asks'}`)
  const yes = { id: 'accept', label: 'Accept', grants: 'allow' } as const
  const no = { id: 'decline', label: 'Decline', grants: 'deny' } as const
  return {
    kind: 'permission',
    title,
    command: null,
    body: { ...kept(params, ['serverName', 'message', 'mode']), schema: boundedInput(params.requestedSchema) },
    options: wanted ? [no] : [yes, no],
    results: wanted ? {} : { accept: { action: 'accept', content: {} } },
    otherwise: { action: 'decline', content: null },
    questions: [],
  }
}

function kept(params: Json, names: readonly string[]): Json {
  const told = names.filter((name) => params[name] !== undefined && params[name] !== null)
  return Object.fromEntries(told.map((name) => [name, boundedInput(params[name])]))
}

/** The answer of a person, or that there was none: then nothing is granted, and Codex goes on without it. */
export function answerCodexApp(state: CodexAppState, answer: Answer): Step {
  const ask = state.pending.find((each) => each.key === answer.key)
  if (ask === undefined) return { state, events: [] }
  const { optionId, text } = answer
  const chosen = optionId !== null && Object.hasOwn(ask.results, optionId) ? ask.results[optionId] : undefined
  const told = chosen === undefined && text !== null && ask.questions.length > 0 ? inWords(ask, text) : undefined
  const option = ask.options.find((each) => each.id === optionId)
  const isDenied = (chosen ?? told) === undefined || option?.grants === 'deny'
  const rest = { ...state, pending: state.pending.filter((each) => each !== ask) }
  const next = isDenied ? { ...rest, denied: ask.title } : rest
  return { state: next, events: [], send: [result('bare', ask.id, chosen ?? told ?? ask.otherwise)] }
}

function inWords(ask: PendingApproval, text: string): Json {
  return { answers: Object.fromEntries(ask.questions.map((id) => [id, { answers: [text] }])) }
}

export function notOffered(id: RpcId, method: string): string {
  return refusal('bare', id, { code: methodNotFound, message: `Capstan does not offer ${cut(method, 100)} now` })
}
