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
    ...Object.entries(request.body).flatMap(([name, value]) => [
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
    options.map((option) => [oneLine(option.id), `${oneLine(option.label)}${grants[option.grants]}`] as const),
    style,
  )
}

/** Text as it is, line by line; everything else as JSON. */
function valueLines(value: unknown, width: number): readonly string[] {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  return wrap(exact(text), width - 2).map((line) => `  ${line}`.trimEnd())
}
