// One task on one page: where it stands, why, what was asked, its attempts and, on wish, its log.

import { reasons } from '../../core/reason.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { AttemptView, LogLine, TaskView } from '../../protocol/task.ts'
import { age, dateTime, relative } from './figures.ts'
import { evidenceLines, type Look, outcomeLines } from './outcome.ts'
import { becauseOf, inWords, paintOf, standingOf } from './standing.ts'
import { pairLines } from './table.ts'
import { oneLine, visible } from './visible.ts'
import { cut, wrap } from './wrap.ts'

export interface Page extends Look {
  readonly now: number
}

const promptLines = 8
const outputLineCount = 20
/** Less is the way of an answer, ms. */
const shownWaitMs = 1_000

export function taskPage(task: TaskView, page: Page): readonly string[] {
  const { style, width } = page
  return [
    style.bold(cut(oneLine(task.title), width)),
    style.dim(task.id),
    '',
    ...stateLines(task, page),
    '',
    ...pairLines(facts(task, page), style).map((line) => cutPainted(line, width)),
    '',
    ...promptPart(task, page),
    ...task.attempts.flatMap((attempt) => ['', ...attemptLines(attempt, toldAbove(task, attempt), page)]),
  ]
}

function stateLines(task: TaskView, page: Page): readonly string[] {
  if (task.endedAt !== null) return outcomeLines(task, page)
  const standing = standingOf(task)
  const because = becauseOf(task, page.now)
  const since = task.queuedAt ?? task.createdAt
  const span = task.state === 'queued' ? ` for ${age(page.now - since)}` : ''
  return [
    page.style.bold(paintOf(standing, page.style)(`${standing.word}${span}`)),
    ...(because === null ? [] : wrap(because, page.width - 2).map((line) => `  ${line}`)),
  ]
}

function facts(task: TaskView, { now }: Page): readonly (readonly [string, string])[] {
  const wanted: readonly (readonly [string, string | null])[] = [
    ['repo', task.repo],
    ['harness', [task.harness, task.model].filter((each) => each !== null).join(', ') || null],
    ['profiles', task.profiles.join(', ') || null],
    ['pool', task.pool],
    ['daemon', task.daemon],
    ['role', task.role],
    ['labels', task.labels.join(', ') || null],
    [
      'workspace',
      [task.workspace.mode, task.workspace.base && `from ${task.workspace.base}`].filter(Boolean).join(' '),
    ],
    ['autonomy', task.autonomy],
    ['expects', task.expect === 'nothing' ? null : task.expect],
    ['review', task.review === 'required' ? 'required' : null],
    ['checks', task.checks.map((check) => check.name).join(', ') || null],
    ['runs at', task.runAt === null ? null : dateTime(task.runAt)],
    ['expires', task.expiresAt === null ? null : relative(task.expiresAt, now)],
    ['correlation', task.correlationId],
    ['created', `${relative(task.createdAt, now)} by ${task.createdBy}`],
    ['attempts', attemptsText(task)],
  ]
  return wanted.flatMap(([name, value]) => (value === null || value === '' ? [] : [[name, oneLine(value)] as const]))
}

/** Attempts that were lost, given back or stopped by a quota cost none of those a task may have. */
function attemptsText({ attempts, maxAttempts }: TaskView): string {
  const free = attempts.filter(({ reason }) => reason !== null && ['free', 'quota'].includes(reasons[reason])).length
  const charged = `${attempts.length - free} of ${maxAttempts}`
  return free === 0 ? charged : `${charged}, and ${free} that cost none`
}

/** Only the name is painted, so cutting counts from the value's end. */
function cutPainted(line: string, width: number): string {
  const painted = line.length - line.replace(/\x1b\[\d+m/g, '').length
  return line.length - painted <= width ? line : cut(line, width + painted)
}

function promptPart(task: TaskView, { style, width }: Page): readonly string[] {
  const lines = wrap(visible(task.prompt).trim(), width - 2)
  const more = lines.length - promptLines
  const shown = lines.slice(0, promptLines).map((line) => `  ${line}`.trimEnd())
  return [style.dim('prompt'), ...shown, ...(more > 0 ? [style.dim(`  … ${more} more lines`)] : [])]
}

type Told = 'told above' | 'reason told above' | 'not told'

/** The outcome of an ended task is its last attempt's; one before it may have ended in the same words. */
function toldAbove(task: TaskView, attempt: AttemptView): Told {
  const last = task.attempts.at(-1)
  if (task.endedAt === null) return 'not told'
  if (attempt === last) return 'told above'
  const same = attempt.detail !== '' && attempt.detail === last?.detail && attempt.reason === last.reason
  return same ? 'reason told above' : 'not told'
}

function attemptLines(attempt: AttemptView, told: Told, page: Page): readonly string[] {
  const { style, width, now } = page
  const agent = [attempt.harness, attempt.harnessVersion, attempt.model].filter((each) => each !== null).join(' ')
  const on = `on ${attempt.daemonName}${agent === '' ? '' : `, ${agent}`}`
  const lines = [cut(`attempt ${attempt.n}: ${inWords(attempt.state)}${timing(attempt, now)} ${oneLine(on)}`, width)]
  const why = [attempt.reason === null ? '' : inWords(attempt.reason), oneLine(attempt.detail)].filter(
    (each) => each !== '',
  )
  if (told === 'reason told above') lines.push('  the same as above')
  if (told === 'not told')
    lines.push(...wrap(why.join(': '), width - 2).flatMap((line) => (line === '' ? [] : [`  ${line}`])))
  if (attempt.ownership === 'lapsed') lines.push(style.yellow('  its host is not heard; it may still come back'))
  if (attempt.evidence !== null && told !== 'told above') lines.push(...evidenceLines(attempt.evidence, page))
  if (attempt.evidence?.checkpointRef != null)
    lines.push(style.dim(cut(`  kept at ${attempt.evidence.checkpointRef}`, width)))
  if (attempt.output !== null) lines.push(...outputLines(attempt.output, width))
  if (attempt.withheld.length > 0) lines.push(`  kept back by the host: ${oneLine(attempt.withheld.join(', '))}`)
  for (const late of attempt.salvage) lines.push(cut(`  salvaged ${late.kind}: ${oneLine(late.detail)}`, width))
  return lines
}

/** What the agent handed in, as JSON. */
function outputLines(output: unknown, width: number): readonly string[] {
  const lines = wrap(visible(JSON.stringify(output, null, 2)), width - 4)
  const shown = lines.slice(0, outputLineCount).map((line) => `    ${line}`)
  const more = lines.length - shown.length
  return ['  output', ...shown, ...(more > 0 ? [`    … ${more} more lines: capstan task show ID --json`] : [])]
}

function timing(attempt: AttemptView, now: number): string {
  const from = attempt.runningAt ?? attempt.startedAt
  const waited = waiting(attempt, now)
  if (attempt.endedAt !== null) return ` after ${formatDuration(Math.max(0, attempt.endedAt - from))}${waited}`
  const heard = attempt.lastEventAt === null ? '' : `, last heard ${relative(attempt.lastEventAt, now)}`
  return ` for ${age(now - from)}${waited}${heard}`
}

/** How much of its time went by while it waited for people: that does not count against its limits. */
function waiting({ waitedMs, waitsSince }: AttemptView, now: number): string {
  const ms = waitedMs + (waitsSince === null ? 0 : Math.max(0, now - waitsSince))
  return ms < shownWaitMs ? '' : ` (${age(ms)} waiting for people)`
}

/** Who did what when: the audit log. */
export function logLines(log: readonly LogLine[], { style, width }: Look): readonly string[] {
  return log.map((line) => {
    const when = dateTime(line.at)
    const text = cut(`${inWords(line.type)}  by ${oneLine(line.actor)}${saying(line)}`, width - when.length - 2)
    return `${style.dim(when)}  ${text}`
  })
}

function saying({ data }: LogLine): string {
  const words = ['state', 'why', 'reason', 'detail', 'message']
    .map((key) => data[key])
    .filter((value) => typeof value === 'string' && value !== '')
  return words.length === 0 ? '' : `: ${oneLine(words.join(', '))}`
}
