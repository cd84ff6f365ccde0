// Claude Code's control protocol: it asks by `control_request` on its output and is answered by `control_response` on its input. Measured on
// 2.1.329: words sent during a turn become part of that turn, so one result ends them all; after it the input is closed and the CLI leaves.

import type { EventBody } from '../../protocol/events.ts'
import type { ClaudeState, PendingAsk } from './claude-code-state.ts'
import { cut, exactLine, oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { arrayOf, objectOf, objectsOf, textOf } from './json.ts'
import type { Answer, Ask, AskOption, Reduced } from './port.ts'
import { toolTitle } from './tool-title.ts'

type Step = Reduced<ClaudeState>

/** What waits is part of the state, which is written with each step: a CLI asks for a few at once, and for less than a megabyte. */
const maxPending = 16
const maxInput = 1_048_576
const maxId = 500

/** A user message as the CLI reads it from its input: the prompt, and what people say while it works. */
export function userMessage(text: string): string {
  return JSON.stringify({ type: 'user', message: { role: 'user', content: [{ type: 'text', text }] } })
}

/** What the CLI asks. Null for a line of another shape. */
export function controlRequest(state: ClaudeState, line: Json): Step | null {
  const id = textOf(line.request_id)
  const request = objectOf(line.request)
  if (id === null || request === null) return null
  if (request.subtype !== 'can_use_tool') return refused(state, id, request)
  const tool = oneLine(textOf(request.tool_name) ?? 'tool')
  const input = objectOf(request.input) ?? {}
  // A person has read the first: another input must not take its place under their answer.
  if (Object.hasOwn(state.pending ?? {}, id))
    return { state, events: [{ type: 'notice', level: 'warning', message: 'Claude Code asked twice under one id.' }] }
  const open = Object.keys(state.pending ?? {}).length
  if (open >= maxPending) return denied(state, { id, tool }, `${maxPending} other requests are open`)
  if (id.length > maxId || JSON.stringify(input).length > maxInput)
    return denied(state, { id, tool }, 'it is too large')
  const questions = tool === 'AskUserQuestion' ? questionsOf(input) : []
  const pending: PendingAsk = {
    tool,
    input,
    lasting: lastingRules(request),
    questions: questions.map(({ text }) => text),
  }
  const ask = questions.length > 0 ? question(id, input, questions) : permission(id, pending, { request, state })
  return { state: { ...state, pending: { ...state.pending, [id]: pending } }, events: [], asks: [ask] }
}

/** The CLI does not want to know any more. */
export function controlCancel(state: ClaudeState, line: Json): Step | null {
  const id = textOf(line.request_id)
  if (id === null) return null
  return { state: without(state, id), events: [], withdrawn: [id] }
}

/** After its result the CLI gets the end of its input: what it asked cannot be answered any more. */
export function inputOver(step: Step): Step {
  const withdrawn = Object.keys(step.state.pending ?? {})
  const taken = withdrawn.length === 0 ? {} : { withdrawn }
  return { ...step, state: { ...step.state, pending: {} }, ...taken, endInput: true }
}

/** What became of an ask, as the CLI wants it. Nothing chosen is a denial. */
export function answerClaude(state: ClaudeState, answer: Answer): Step {
  const pending = Object.hasOwn(state.pending ?? {}, answer.key) ? state.pending?.[answer.key] : undefined
  if (pending === undefined) return { state, events: [] }
  const response = pending.questions.length > 0 ? toQuestion(pending, answer) : toPermission(pending, answer)
  const line = { type: 'control_response', response: { subtype: 'success', request_id: answer.key, response } }
  return { state: without(state, answer.key), events: [], send: [JSON.stringify(line)] }
}

/** Without an answer the CLI would wait for ever. */
function refused(state: ClaudeState, id: string, request: Json): Step {
  const error = `${oneLine(textOf(request.subtype) ?? 'this')} is not supported here`
  const line = { type: 'control_response', response: { subtype: 'error', request_id: id, error } }
  const raw: EventBody = { type: 'raw', stream: 'stdout', line: cut(JSON.stringify({ request_id: id, request })) }
  return { state, events: [raw], send: [JSON.stringify(line)] }
}

/** Not put to a person. */
function denied(state: ClaudeState, asked: { readonly id: string; readonly tool: string }, why: string): Step {
  const response = { behavior: 'deny', message: `This was not put to a person, because ${why}.` }
  const line = { type: 'control_response', response: { subtype: 'success', request_id: asked.id, response } }
  const message = `Not put to a person, because ${why}: ${asked.tool}`
  return { state, events: [{ type: 'notice', level: 'warning', message }], send: [JSON.stringify(line)] }
}

function without(state: ClaudeState, id: string): ClaudeState {
  const pending = Object.fromEntries(Object.entries(state.pending ?? {}).filter(([key]) => key !== id))
  return { ...state, pending }
}

const deny: AskOption = { id: 'deny', label: 'Deny', grants: 'deny' }

function permission(
  key: string,
  { tool, input, lasting }: PendingAsk,
  { request, state }: { readonly request: Json; readonly state: ClaudeState },
): Ask {
  const shown = toolTitle(tool, input, state.cwd, exactLine)
  const blocked = textOf(request.blocked_path)
  // The tool's name is ours to say: an input of that name stands apart.
  const fields: Json = Object.hasOwn(input, 'tool') ? { tool, input } : { tool, ...input }
  const options: AskOption[] = [{ id: 'allow', label: 'Allow', grants: 'allow' }]
  if (lasting.length > 0) options.push({ id: 'always', label: 'Allow this in the whole run', grants: 'always' })
  return {
    key,
    kind: 'permission',
    title: tool === 'Bash' || shown === tool ? shown : `${tool}: ${shown}`,
    body: blocked === null ? fields : { ...fields, blockedPath: blocked },
    options: [...options, deny],
    command: commandOf(tool, input),
  }
}

/** Fields that do not change what a command may do. */
const harmless: readonly string[] = ['command', 'description', 'timeout']

/** For rules: a command that is run as it stands. One that asks for more, such as to leave the sandbox, is for a person. */
function commandOf(tool: string, input: Json): string | null {
  if (tool !== 'Bash' || Object.keys(input).some((field) => !harmless.includes(field))) return null
  return textOf(input.command)
}

/** The rules that the CLI suggests to remember, kept to this run: nothing is written into the user's or the repository's settings. */
function lastingRules(request: Json): readonly Json[] {
  return arrayOf(request.permission_suggestions).flatMap((each) => {
    const suggestion = objectOf(each)
    return suggestion?.type === 'addRules' && suggestion.behavior === 'allow'
      ? [{ ...suggestion, destination: 'session' }]
      : []
  })
}

function toPermission({ input, lasting }: PendingAsk, { optionId, text }: Answer): Json {
  if (optionId === 'allow') return { behavior: 'allow', updatedInput: input }
  if (optionId === 'always') return { behavior: 'allow', updatedInput: input, updatedPermissions: lasting }
  const message = optionId === 'deny' ? 'A person denied this.' : 'Nobody answered in time, so this is denied.'
  return { behavior: 'deny', message: text === null ? message : text }
}

interface Question {
  readonly text: string
  readonly options: readonly { readonly label: string; readonly description: string | null }[]
  readonly several: boolean
}

function questionsOf(input: Json): readonly Question[] {
  return objectsOf(input.questions).flatMap((each) => {
    const text = textOf(each.question)
    if (text === null) return []
    const options = objectsOf(each.options).flatMap((option) => {
      const label = textOf(option.label)
      return label === null ? [] : [{ label, description: textOf(option.description) }]
    })
    return [{ text, options, several: each.multiSelect === true }]
  })
}

/** One question with exclusive choices has options; several, or of several choices, are answered in words: one line for each. */
function question(key: string, input: Json, questions: readonly Question[]): Ask {
  const [only] = questions.length === 1 ? questions : []
  const options = only === undefined || only.several ? [] : only.options
  return {
    key,
    kind: 'question',
    title: oneLine(questions.map(({ text }) => text).join(' / '), 500),
    body: { questions: input.questions },
    options: options.map(({ label, description }) => ({
      id: label.slice(0, 500),
      label: description === null ? label : `${label}: ${description}`,
      grants: 'other',
    })),
    command: null,
  }
}

/** `answers` by the question's text, as the CLI's own dialog gives them. */
function toQuestion({ input, questions }: PendingAsk, { optionId, text }: Answer): Json {
  const words = text?.trim() ?? ''
  if (optionId === null && words === '') return { behavior: 'deny', message: 'Nobody answered in time.' }
  const lines = words.split('\n')
  const apart = lines.length === questions.length
  const said = (at: number) => (apart ? (lines[at] ?? '') : words)
  const answers = questions.map((asked, at) => [
    asked,
    optionId === null ? said(at) : words === '' ? optionId : `${optionId} (${words})`,
  ])
  return { behavior: 'allow', updatedInput: { ...input, answers: Object.fromEntries(answers) } }
}
