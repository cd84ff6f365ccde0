// How a task ended: state, what changed, checks, duration, cost, and what to do next.

import { formatDuration } from '../../lib/duration.ts'
import type { AttemptView, CheckOutcome, Evidence, TaskView } from '../../protocol/task.ts'
import { dollars, plural, tokens } from './figures.ts'
import { becauseOf, lastAttempt, paintOf, standingOf } from './standing.ts'
import type { Style } from './style.ts'
import { oneLine, visible } from './visible.ts'
import { columns, cut, pad, wrap } from './wrap.ts'

export interface Look {
  readonly style: Style
  readonly width: number
}

/** Lines about a task that has ended, without control characters of others. */
export function outcomeLines(task: TaskView, look: Look): readonly string[] {
  const attempt = lastAttempt(task)
  return [
    ...headline(task, attempt, look),
    ...(attempt?.evidence == null ? [] : evidenceLines(attempt.evidence, look)),
    ...outputLines(attempt, look),
    ...costLines(attempt, look),
    ...nextLines(task, look),
  ]
}

/** What the agent handed in, as much as fits a line; --json has it whole. */
function outputLines(attempt: AttemptView | null, { width }: Look): readonly string[] {
  if (attempt?.output == null) return []
  return [`  ${cut(`output ${oneLine(JSON.stringify(attempt.output))}`, width - 2)}`]
}

function headline(task: TaskView, attempt: AttemptView | null, { style, width }: Look): readonly string[] {
  const standing = standingOf(task)
  const paint = paintOf(standing, style)
  const because = task.state === 'completed' ? null : becauseOf(task, task.endedAt ?? 0)
  const where = attempt === null ? '' : ` on ${oneLine(attempt.daemonName)}${agentOf(attempt)}`
  const first = cut(`${standing.word}${spent(attempt)}${where}`, width)
  const lines = because === null ? [] : wrap(because, width - 2).map((line) => `  ${line}`)
  return [style.bold(paint(first)), ...lines]
}

function spent(attempt: AttemptView | null): string {
  if (attempt === null || attempt.endedAt === null) return ''
  return ` after ${formatDuration(Math.max(0, attempt.endedAt - (attempt.runningAt ?? attempt.startedAt)))}`
}

function agentOf(attempt: AttemptView): string {
  const names = [attempt.harness, attempt.model].filter((each) => each !== null)
  return names.length === 0 ? '' : ` (${oneLine(names.join(', '))})`
}

/** Files and lines changed, branch, checks. */
export function evidenceLines(evidence: Evidence, { style, width }: Look): readonly string[] {
  const branch = evidence.branch === null ? '' : ` on ${oneLine(evidence.branch)}`
  const lines = [`  ${cut(changes(evidence) + branch, width - 2)}`]
  if (evidence.diffWithheld !== null && evidence.filesChanged > 0)
    lines.push(...wrap(`the patch is not at the server: ${oneLine(evidence.diffWithheld)}`, width - 2).map(indent))
  if (evidence.nestedRepos.length > 0)
    lines.push(
      ...wrap(`not in it, repositories inside: ${oneLine(evidence.nestedRepos.join(', '))}`, width - 2).map(indent),
    )
  lines.push(...evidence.checks.flatMap((check) => checkLines(check, evidence.checks, { style, width })))
  if (evidence.changedByChecks)
    lines.push(indent(style.yellow('a check changed files after the capture; the result does not have those changes')))
  return lines
}

function changes(evidence: Evidence): string {
  if (evidence.filesChanged === 0) return 'no files changed'
  const fresh = evidence.untracked > 0 ? ` (${evidence.untracked} new)` : ''
  return `${plural(evidence.filesChanged, 'file')} changed${fresh}, +${evidence.insertions} -${evidence.deletions}`
}

function checkLines(check: CheckOutcome, all: readonly CheckOutcome[], { style, width }: Look): readonly string[] {
  const name = pad(oneLine(check.name), Math.min(24, Math.max(...all.map((each) => columns(oneLine(each.name))))))
  if (check.skipped !== undefined)
    return [
      indent(
        `check ${name}  ${style.yellow('skipped')}  ${style.dim(cut(oneLine(check.skipped), width - 19 - columns(name)))}`,
      ),
    ]
  const time = style.dim(formatDuration(check.durationMs))
  if (check.exitCode === 0) return [indent(`check ${name}  ${style.green('passed')}  ${time}`)]
  const how = check.exitCode === null ? 'did not finish' : `exit ${check.exitCode}`
  const tail = visible(check.outputTail).trimEnd().split('\n').slice(-5)
  return [
    indent(`check ${name}  ${style.red(how)}  ${time}`),
    ...tail.filter((line) => line !== '').map((line) => `    ${style.dim(cut(line, width - 4))}`),
  ]
}

function costLines(attempt: AttemptView | null, { style }: Look): readonly string[] {
  if (attempt === null) return []
  const used = attempt.usage === null ? [] : [tokens(attempt.usage)]
  const about = attempt.costEstimated ? 'about ' : ''
  const cost = attempt.costUsd === null ? [] : [`${about}${dollars(attempt.costUsd)}`]
  const all = [...used, ...cost]
  return all.length === 0 ? [] : [indent(style.dim(all.join('; ')))]
}

/** Ready commands for what a person would do now. */
function nextLines(task: TaskView, { style }: Look): readonly string[] {
  const commands = nextSteps(task).map((step) => `capstan task ${step} ${task.id}`)
  return commands.map((command, at) => indent(`${style.dim(at === 0 ? 'next:' : '     ')} ${command}`))
}

function nextSteps(task: TaskView): readonly string[] {
  const evidence = lastAttempt(task)?.evidence
  const patch = evidence?.diffCid == null ? [] : ['diff', 'apply']
  if (task.state === 'completed') return task.verdict === 'pending' ? [...patch, 'accept', 'reject'] : patch
  if (task.state === 'failed') return [...patch.slice(0, 1), 'logs', 'retry']
  return patch.slice(0, 1)
}

function indent(line: string): string {
  return `  ${line}`
}
