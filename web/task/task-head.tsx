// The top of a task's page: its name, where it stands and why, and what can be done about it now.

import { Link } from '@tanstack/react-router'
import type { TaskView } from '../../src/protocol/task.ts'
import { count, dollars, localTimes, words } from '../parts/figures.ts'
import { useNow } from '../parts/now.ts'
import { Chip, standingOf } from '../parts/standing.tsx'
import { Ago, Lasted } from '../parts/time.tsx'
import { useTitle } from '../shell/title.ts'
import { Actions } from './actions.tsx'
import { costOf } from './cost.ts'

export function TaskHead({ task, openRequests }: { readonly task: TaskView; readonly openRequests: number }) {
  useTitle(task.title)
  return (
    <header className="grid shrink-0 gap-1.5 px-4 pt-3 pb-1.5">
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
        <h1
          className="line-clamp-2 min-w-0 flex-1 basis-60 text-lg font-semibold [overflow-wrap:anywhere]"
          title={task.title}
        >
          <Link to="/" aria-label="Back to the board" className="mr-2 text-faint hover:text-text">
            ←
          </Link>
          {task.title}
        </h1>
        <Actions task={task} />
      </div>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted">
        <Chip at={standingOf(task, openRequests)} />
        <Facts task={task} />
      </div>
      <Because task={task} />
    </header>
  )
}

function Facts({ task }: { readonly task: TaskView }) {
  const last = task.attempts.at(-1)
  const { tokens, usd, estimate } = costOf(task)
  const facts = [
    task.repo,
    [last?.harness ?? task.harness, last?.model ?? task.model].filter((each) => each != null).join(' '),
    last === undefined ? null : `on ${last.daemonName}`,
    task.attempts.length > 1 ? `attempt ${task.attempts.length} of ${task.maxAttempts}` : null,
    tokens > 0 ? `${count(tokens)} tokens` : null,
    usd > 0 ? `${estimate ? 'about ' : ''}${dollars(usd)}` : null,
  ].filter((fact): fact is string => fact !== null && fact !== '')
  return (
    <>
      {facts.map((fact) => (
        <span key={fact}>{fact}</span>
      ))}
      {last === undefined ? (
        <span>
          made <Ago at={task.createdAt} />
        </span>
      ) : (
        <span>
          <Lasted from={last.startedAt} to={last.endedAt} />
        </span>
      )}
    </>
  )
}

/** Why it waits, or why it ended so. */
function Because({ task }: { readonly task: TaskView }) {
  const now = useNow()
  const { why, state, detail, reason, verdict } = task
  const bad = state === 'failed' || state === 'expired'
  const ended = [bad && reason !== null ? words(reason) : '', detail].filter((each) => each !== '').join(': ')
  const said = why ?? (task.endedAt !== null ? (verdict === 'rejected' ? `Rejected: ${detail}` : ended) : '')
  if (said === '' || said === null) return null
  return (
    <p className={`line-clamp-4 [overflow-wrap:anywhere] ${bad ? 'text-bad' : 'text-muted'}`}>
      {localTimes(said, now)}
    </p>
  )
}
