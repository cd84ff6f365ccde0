// `session/request_permission`: granted by the task's autonomy, or put to a person.

import type { AcpState, PendingAsk } from './acp-state.ts'
import { maxPending } from './acp-state.ts'
import { titleOf } from './acp-tools.ts'
import { tellWords } from './acp-words.ts'
import { boundedInput, cut, exactLine, oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { arrayOf, objectOf, objectsOf, textOf } from './json.ts'
import type { RpcId } from './json-rpc.ts'
import { notification, result } from './json-rpc.ts'
import type { Answer, Ask, AskOption, Brief, Reduced } from './port.ts'

type Step = Reduced<AcpState>

/** The request of a known session while a turn runs; the caller has checked that. */
export function permission(state: AcpState, asked: { readonly id: RpcId; readonly params: Json }, brief: Brief): Step {
  const { id, params } = asked
  if (state.cancelled === true) return { state, events: [], send: [result('2.0', id, outcome(null))] }
  const call = objectOf(params.toolCall) ?? {}
  const options = optionsOf(params)
  const open = state.tools.find((tool) => tool.id === call.toolCallId)
  const title = titleOf(call, brief.cwd) ?? open?.title ?? 'a tool'
  if (brief.autonomy === 'ask') return put(state, { id, title, options, call, open: open ?? null })
  const kind = textOf(call.kind) ?? open?.kind ?? null
  const allows = brief.autonomy === 'full' || isEdit(kind, call, brief.cwd)
  return decided(state, { id, title, options, allows, autonomy: brief.autonomy })
}

function optionsOf(params: Json): readonly AskOption[] {
  return objectsOf(params.options)
    .slice(0, 16)
    .flatMap((option) => {
      const id = textOf(option.optionId)
      if (id === null || id.length > 500) return []
      return [{ id, label: oneLine(textOf(option.name) ?? id), grants: grantsOf(option.kind) }]
    })
}

function grantsOf(kind: unknown): AskOption['grants'] {
  if (kind === 'allow_once') return 'allow'
  if (kind === 'allow_always') return 'always'
  return kind === 'reject_once' || kind === 'reject_always' ? 'deny' : 'other'
}

const reads = ['read', 'search', 'think']
const writes = ['edit', 'move', 'delete']

/** Of files in the workspace only; a write must say which. The kind is the agent's own word. */
function isEdit(kind: string | null, call: Json, cwd: string): boolean {
  if (kind === null) return false
  const paths = pathsOf(call)
  const isWrite = writes.includes(kind)
  if (!isWrite && !reads.includes(kind)) return false
  return (!isWrite || paths.length > 0) && paths.every((path) => isInside(path, cwd))
}

function pathsOf(call: Json): readonly string[] {
  const places = [...objectsOf(call.locations), ...objectsOf(call.content).filter((block) => block.type === 'diff')]
  const input = objectOf(call.rawInput) ?? {}
  const named = [input.path, input.file_path, input.notebook_path]
  return [...places.map((place) => place.path), ...named].filter((path) => typeof path === 'string')
}

function isInside(path: string, cwd: string): boolean {
  if (path.split('/').includes('..')) return false
  return !path.startsWith('/') || path === cwd || path.startsWith(`${cwd.replace(/\/$/, '')}/`)
}

interface Decision {
  readonly id: RpcId
  readonly title: string
  readonly options: readonly AskOption[]
  readonly allows: boolean
  readonly autonomy: 'full' | 'edit'
}

function decided(state: AcpState, decision: Decision): Step {
  const { id, title, options, allows, autonomy } = decision
  const option = allows ? allowing(options) : denying(options)
  const spoken = tellWords(state)
  const granted = allows && option !== null
  const what = oneLine(title, 300)
  const notice = granted
    ? { type: 'notice' as const, message: `Granted by autonomy ${autonomy}: ${what}` }
    : { type: 'notice' as const, level: 'warning' as const, message: `Not granted by autonomy ${autonomy}: ${what}` }
  const next = granted ? spoken.state : denied(spoken.state, what)
  return { state: next, events: [...spoken.events, notice], send: [result('2.0', id, outcome(option))] }
}

/** Once before always: an agent may write "always" into the user's or the repository's configuration. */
function allowing(options: readonly AskOption[]): AskOption | null {
  return (
    options.find((option) => option.grants === 'allow') ?? options.find((option) => option.grants === 'always') ?? null
  )
}

function denying(options: readonly AskOption[]): AskOption | null {
  return options.find((option) => option.grants === 'deny') ?? null
}

function outcome(option: AskOption | null): Json {
  return { outcome: option === null ? { outcome: 'cancelled' } : { outcome: 'selected', optionId: option.id } }
}

interface Put {
  readonly id: RpcId
  readonly title: string
  readonly options: readonly AskOption[]
  readonly call: Json
  readonly open: AcpState['tools'][number] | null
}

function put(state: AcpState, asked: Put): Step {
  const { id, title, options, call } = asked
  const isAgain = state.pending.some((ask) => ask.id === id)
  if (isAgain)
    return { state, events: [{ type: 'notice', level: 'warning', message: 'The agent asked twice under one id.' }] }
  const spoken = tellWords(state)
  if (options.length === 0 || state.pending.length >= maxPending) {
    const why = options.length === 0 ? 'it named nothing to choose from' : `${maxPending} other requests are open`
    const message = `Not put to a person, because ${why}: ${title}`
    const events = [...spoken.events, { type: 'notice' as const, level: 'warning' as const, message }]
    return { state: denied(spoken.state, title), events, send: [result('2.0', id, outcome(denying(options)))] }
  }
  const key = `permission-${state.asked + 1}`
  const command = commandOf(call)
  const ask: Ask = {
    key,
    kind: 'permission',
    title: exactLine(command ?? title),
    body: bodyOf(asked),
    options,
    command,
  }
  const pending = [...state.pending, { key, id, title, options }]
  return { state: { ...spoken.state, pending, asked: state.asked + 1 }, events: spoken.events, asks: [ask] }
}

function bodyOf({ title, call, open }: Put): Ask['body'] {
  const diffs = objectsOf(call.content).filter((block) => block.type === 'diff')
  const texts = objectsOf(call.content).flatMap((block) => textOf(objectOf(block.content)?.text) ?? [])
  return {
    title,
    kind: textOf(call.kind) ?? open?.kind ?? null,
    toolCall: textOf(call.toolCallId)?.slice(0, 200) ?? null,
    ...(call.rawInput === undefined ? {} : { input: boundedInput(call.rawInput) }),
    ...(diffs.length === 0 ? {} : { diffs: diffs.slice(0, 20).map(diffOf) }),
    ...(texts.length === 0 ? {} : { text: cut(texts.join('\n'), 16_384) }),
  }
}

function diffOf(block: Json): Json {
  const short = (text: unknown) => (textOf(text) === null ? null : cut(String(text), 8_192))
  return { path: textOf(block.path), oldText: short(block.oldText), newText: short(block.newText) }
}

/** Not one that the agent made: a rule would then see the script and approve the program. */
const systemShell = /^(?:\/(?:usr\/(?:local\/)?)?bin\/)?(?:ba|z|da)?sh$/

/** The shell text, where the call is a command: rules that approve by themselves must see all of it, or nothing. */
function commandOf(call: Json): string | null {
  const input = objectOf(call.rawInput)
  const command = input?.command ?? input?.cmd
  const text = textOf(command)
  if (text !== null) return text
  const words = arrayOf(command).map(textOf)
  if (words.length === 0 || words.some((word) => word === null)) return null
  const [shell, flag, script] = words
  if (words.length === 3 && script && systemShell.test(shell ?? '') && /^-l?c$/.test(flag ?? '')) return script
  return words.map((word) => quoted(word ?? '')).join(' ')
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** The answer of a person, or that there was none: then nothing is granted, and the agent may go on without it. */
export function answerAcp(state: AcpState, answer: Answer): Step {
  const ask = state.pending.find((each) => each.key === answer.key)
  if (ask === undefined) return { state, events: [] }
  const chosen = ask.options.find((option) => option.id === answer.optionId) ?? denying(ask.options)
  const isDenied = chosen === null || chosen.grants === 'deny'
  const rest = without(state, ask)
  const next = isDenied ? denied(rest, oneLine(ask.title, 300)) : rest
  return { state: next, events: [], send: [result('2.0', ask.id, outcome(chosen))] }
}

/** The run is stopped: the agent is told to end its turn, and what it asked is answered as the protocol wants it then. */
export function cancelAcp(state: AcpState): Step {
  if (state.phase !== 'prompt' || state.session === null || state.cancelled === true) return { state, events: [] }
  const answers = state.pending.map((ask) => result('2.0', ask.id, outcome(null)))
  const send = [...answers, notification('2.0', 'session/cancel', { sessionId: state.session })]
  const withdrawn = state.pending.map((ask) => ask.key)
  return { state: { ...state, cancelled: true, pending: [], queue: [] }, events: [], send, withdrawn }
}

function denied(state: AcpState, what: string): AcpState {
  return { ...state, denied: what, wentOn: false }
}

export function without(state: AcpState, ask: PendingAsk): AcpState {
  return { ...state, pending: state.pending.filter((each) => each !== ask) }
}
