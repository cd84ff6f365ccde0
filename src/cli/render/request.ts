// A request on one page: exactly what is asked, how it may be answered, until when. Nothing of it is folded, cut or left out.

import { formatDuration } from '../../lib/duration.ts'
import type { RequestView } from '../../protocol/request-operations.ts'
import { relative } from './figures.ts'
import type { Style } from './style.ts'
import { pairLines, tableLines } from './table.ts'
import { exact, oneLine } from './visible.ts'
import { wrap } from './wrap.ts'

export interface Sheet {
  readonly style: Style
  readonly width: number
  readonly now: number
}

/** One request in full. */
export function requestPage(request: RequestView, { style, width, now }: Sheet): readonly string[] {
  const { id, taskId, kind, options, title } = request
  return [
    ...wrap(exact(title), width).map(style.bold),
    style.dim(`${id}  ${kind} of ${taskId}`),
    style.dim(standing(request, now)),
    ...Object.entries(saidOnce(request)).flatMap(([name, value]) => [
      '',
      style.dim(exact(name)),
      ...valueLines(value, width),
    ]),
    ...(options.length === 0
      ? []
      : ['', style.dim('options'), ...optionLines(request, style).map((line) => `  ${line}`)]),
    ...(request.state === 'open' ? ['', ...answerLines(request).map((line) => `  ${line}`)] : []),
  ]
}

/** The body of a question without what the page has elsewhere: its words as the title, its choices as the options. All else stays. */
function saidOnce({ kind, body, title, options }: RequestView): Readonly<Record<string, unknown>> {
  if (kind !== 'question') return body
  const isTitle = (value: unknown) => value === title
  const { questions, ...rest } = body
  const others = Object.entries(rest).filter(([name, value]) => name !== 'question' || !isTitle(value))
  if (!Array.isArray(questions)) return Object.fromEntries(others)
  const listed = (choice: unknown) => options.some(({ label }) => label === labelOf(choice))
  const left = questions.map((each: unknown) => {
    if (typeof each !== 'object' || each === null) return each
    const shown = Object.entries(each).filter(([name, value]) => {
      if (name === 'question') return !isTitle(value)
      if (name === 'options' && Array.isArray(value)) return !value.every(listed)
      return name !== 'multiSelect' || value !== false
    })
    return Object.fromEntries(shown)
  })
  const [only, ...more] = left
  const alone = more.length === 0 && typeof only === 'object' && only !== null
  return { ...Object.fromEntries(others), ...(alone ? only : { questions: left }) }
}

/** As an adapter makes an option's label of a choice; a longer one was cut, and the body has it whole. */
function labelOf(choice: unknown): string | null {
  const { label, description } = { label: null, description: null, ...(typeof choice === 'object' ? choice : null) }
  if (typeof label !== 'string') return null
  return typeof description === 'string' ? `${label}: ${description}` : label
}

/** Many at a glance. */
export function requestTable(requests: readonly RequestView[], { style, width, now }: Sheet): readonly string[] {
  const rows = requests.map((request) => [
    request.id,
    request.state === 'open' ? `until ${relative(request.expiresAt, now).replace(/^in /, '+')}` : request.state,
    oneLine(request.title),
  ])
  return tableLines({ head: ['request', 'state', 'asks'], rows, flexible: 2 }, width, style)
}

/** How one answers it: ready commands. */
export function answerLines({ id, kind, options }: RequestView): readonly string[] {
  const command = `capstan task answer ${id}`
  const has = (grants: string) => options.some((option) => option.grants === grants)
  const ready = [...(has('allow') ? ['--allow'] : []), ...(has('deny') ? ['--deny'] : [])]
  const others = options.some(({ grants }) => grants === 'other' || grants === 'always')
  return [
    ...ready.map((flag) => `${command} ${flag}`),
    ...(others || (options.length > 0 && ready.length === 0) ? [`${command} --option ID`] : []),
    ...(kind === 'question' || options.length === 0 ? [`${command} --text "…"`] : []),
  ]
}

function standing({ state, createdAt, expiresAt, answer }: RequestView, now: number): string {
  const asked = `asked ${relative(createdAt, now)}`
  switch (state) {
    case 'open':
      return `${asked}; denied unless answered within ${formatDuration(Math.max(0, expiresAt - now))}`
    case 'answered': {
      const words = [answer?.optionId, answer?.text].filter((each) => each != null).join(': ')
      return `${asked}; answered ${relative(answer?.at ?? now, now)} by ${oneLine(answer?.by ?? '')}: ${oneLine(words)}`
    }
    case 'expired':
      return `${asked}; denied, as nobody answered in time`
    case 'withdrawn':
      return `${asked}; the agent took it back`
    case 'closed':
      return `${asked}; its attempt ended first`
  }
}

function optionLines({ options }: RequestView, style: Style): readonly string[] {
  const grants = { allow: '', always: ' (not only this once)', deny: '', other: '' } as const
  return pairLines(
    options.map(
      ({ id, label, grants: what }) => [oneLine(id), `${oneLine(beside(id, label))}${grants[what]}`] as const,
    ),
    style,
  )
}

/** What a label says more than the id before it. */
function beside(id: string, label: string): string {
  if (label === id) return ''
  return label.startsWith(`${id}: `) ? label.slice(id.length + 2) : label
}

/** Text as it is, line by line; everything else as JSON. */
function valueLines(value: unknown, width: number): readonly string[] {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  return wrap(exact(text), width - 2).map((line) => `  ${line}`.trimEnd())
}
