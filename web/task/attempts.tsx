// Every attempt: where it ran, how it ended and why, what was kept of it.

import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'
import { plainText } from '../parts/ansi.ts'
import { Empty } from '../parts/empty.tsx'
import { count, exactTime, plural, words } from '../parts/figures.ts'
import { Lasted } from '../parts/time.tsx'
import type { TaskTab } from '../routes.tsx'
import { costWords, tokensOf } from './cost.ts'

export function Attempts({ task }: { readonly task: TaskView }) {
  if (task.attempts.length === 0)
    return (
      <Empty title="No attempt yet">
        Each time a host takes the task, it is one attempt; a failed one may be followed by another.
      </Empty>
    )
  return (
    <ol className="mx-auto grid w-full max-w-4xl content-start gap-3 p-4">
      {[...task.attempts].reverse().map((attempt) => (
        <Attempt key={attempt.id} attempt={attempt} />
      ))}
    </ol>
  )
}

function tone({ state }: AttemptView): string {
  if (state === 'completed') return 'text-good'
  if (state === 'preparing' || state === 'running') return 'text-busy'
  return state === 'cancelled' ? 'text-muted' : 'text-bad'
}

function Attempt({ attempt }: { readonly attempt: AttemptView }) {
  const { n, evidence, salvage } = attempt
  return (
    <li className="grid gap-2 rounded-md border border-line p-3">
      <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h2 className="font-semibold">Attempt {n}</h2>
        <span className={`font-medium ${tone(attempt)}`}>
          {words(attempt.state)}
          {attempt.reason !== null && attempt.reason !== attempt.state && `: ${words(attempt.reason)}`}
        </span>
        <span className="flex-1" />
        <span className="text-xs text-muted">
          {exactTime(attempt.startedAt)}, <Lasted from={attempt.startedAt} to={attempt.endedAt} />
        </span>
      </div>
      {attempt.detail !== '' && (
        <p className="whitespace-pre-wrap [overflow-wrap:anywhere]">{plainText(attempt.detail)}</p>
      )}
      <div className="flex flex-wrap gap-x-3 gap-y-1 text-xs text-muted">
        <span>{attempt.daemonName}</span>
        <span>{[attempt.harness, attempt.model].filter((each) => each !== null).join(' ')}</span>
        {attempt.exitCode !== null && attempt.exitCode !== 0 && <span>exit code {attempt.exitCode}</span>}
        {attempt.signal !== null && <span>{attempt.signal}</span>}
        {tokensOf(attempt) > 0 && <span>{count(tokensOf(attempt))} tokens</span>}
        {attempt.costUsd !== null && <span>{costWords(attempt)}</span>}
        {evidence !== null && evidence.filesChanged > 0 && (
          <To tab="changes" n={n}>
            {plural(evidence.filesChanged, 'file')} changed
          </To>
        )}
        {evidence !== null && evidence.checks.length > 0 && (
          <To tab="checks" n={n}>
            {checksText(evidence.checks)}
          </To>
        )}
        <To tab="details" n={n}>
          Evidence
        </To>
      </div>
      {lapsed(attempt) && (
        <p className="text-xs text-needs">
          Its host has not been heard
          {attempt.lastHeartbeatAt !== null && ` since ${exactTime(attempt.lastHeartbeatAt)}`}. It goes on there; when
          the host is back, so is the attempt.
        </p>
      )}
      {evidence?.checkpointSha != null && (
        <p className="text-xs text-muted">
          Kept in checkpoint <code className="font-mono">{evidence.checkpointSha.slice(0, 10)}</code>
        </p>
      )}
      {salvage.map((each) => (
        <p key={`${each.at} ${each.kind}`} className="text-xs text-muted">
          Came in after its end, {exactTime(each.at)}: {words(each.kind)}, {plainText(each.detail)}
        </p>
      ))}
    </li>
  )
}

function lapsed({ ownership }: AttemptView): boolean {
  return ownership === 'lapsed'
}

function checksText(checks: NonNullable<AttemptView['evidence']>['checks']): string {
  const failed = checks.filter((check) => check.exitCode !== 0 && check.skipped === undefined).length
  return failed === 0
    ? `${plural(checks.length, 'check')} passed`
    : `${failed} of ${plural(checks.length, 'check')} failed`
}

interface ToProps {
  readonly tab: TaskTab
  readonly n: number
  readonly children: ReactNode
}

function To({ tab, n, children }: ToProps) {
  return (
    <Link from="/tasks/$taskId" to="/tasks/$taskId" search={{ tab, attempt: n }} className="text-accent underline">
      {children}
    </Link>
  )
}
