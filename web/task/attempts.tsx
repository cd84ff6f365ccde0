// Every attempt: where it ran, how it ended and why, what was kept of it.

import { Link } from '@tanstack/react-router'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'
import { Copy } from '../parts/copy.tsx'
import { Empty } from '../parts/empty.tsx'
import { count, dollars, exactTime, plural, words } from '../parts/figures.ts'
import { Lasted } from '../parts/time.tsx'
import { tokensOf } from './cost.ts'

export function Attempts({ task }: { readonly task: TaskView }) {
  if (task.attempts.length === 0)
    return (
      <Empty title="No attempt yet">
        Each time a host takes the task, it is one attempt; a failed one may be followed by another.
      </Empty>
    )
  return (
    <ol className="mx-auto grid w-full max-w-4xl content-start gap-3 overflow-y-auto p-4">
      {[...task.attempts].reverse().map((attempt) => (
        <Attempt key={attempt.id} task={task} attempt={attempt} />
      ))}
    </ol>
  )
}

function tone({ state }: AttemptView): string {
  if (state === 'completed') return 'text-good'
  if (state === 'preparing' || state === 'running') return 'text-busy'
  return state === 'cancelled' ? 'text-muted' : 'text-bad'
}

function Attempt({ task, attempt }: { readonly task: TaskView; readonly attempt: AttemptView }) {
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
      {attempt.detail !== '' && <p className="whitespace-pre-wrap [overflow-wrap:anywhere]">{attempt.detail}</p>}
      <div className="flex flex-wrap gap-x-3 gap-y-1 text-xs text-muted">
        <span>{attempt.daemonName}</span>
        <span>{[attempt.harness, attempt.model].filter((each) => each !== null).join(' ')}</span>
        {tokensOf(attempt) > 0 && <span>{count(tokensOf(attempt))} tokens</span>}
        {attempt.costUsd !== null && <span>{dollars(attempt.costUsd)}</span>}
        {evidence !== null && evidence.filesChanged > 0 && (
          <Link
            from="/tasks/$taskId"
            to="/tasks/$taskId"
            search={{ tab: 'changes', attempt: n }}
            className="text-accent underline"
          >
            {plural(evidence.filesChanged, 'file')} changed
          </Link>
        )}
      </div>
      {salvage.map((each) => (
        <p key={`${each.at} ${each.kind}`} className="text-xs text-muted">
          Saved later, {exactTime(each.at)}: {words(each.kind)}, {each.detail}
        </p>
      ))}
      {evidence?.checkpointRef != null && n !== task.attempts.length && (
        <Copy label={`the restore command of attempt ${n}`} text={`capstan task restore ${task.id} --attempt ${n}`} />
      )}
    </li>
  )
}
