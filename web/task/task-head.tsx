// The top of a task's page: its name, where it stands and why, and what can be done about it now.

import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'
import { session } from '../data/queries.ts'
import { plainText } from '../parts/ansi.ts'
import { count, dollars, localTimes, words } from '../parts/figures.ts'
import { useNow } from '../parts/now.ts'
import { Chip, standingOf } from '../parts/standing.tsx'
import { Ago, Lasted } from '../parts/time.tsx'
import { useTitle } from '../shell/title.ts'
import { Actions } from './actions.tsx'
import { costOf } from './cost.ts'
import { TakeOverButton } from './take-over.tsx'

interface HeadProps {
  readonly task: TaskView
  /** The one that is looked at. */
  readonly attempt: AttemptView | undefined
  readonly openRequests: number
}

export function TaskHead({ task, attempt, openRequests }: HeadProps) {
  const title = plainText(task.title)
  useTitle(title)
  return (
    <header className="grid shrink-0 gap-1.5 px-4 pt-3 pb-1.5">
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
        <h1
          className="line-clamp-2 min-w-0 flex-1 basis-60 text-lg font-semibold [overflow-wrap:anywhere]"
          title={title}
        >
          <Link to="/" aria-label="Back to the board" className="mr-2 text-faint hover:text-text">
            ←
          </Link>
          <bdi>{title}</bdi>
        </h1>
        <Actions task={task}>
          <TakeOverButton task={task} attempt={attempt} />
        </Actions>
      </div>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted">
        <Chip at={standingOf(task, openRequests)} />
        <Facts task={task} attempt={attempt} />
      </div>
      <Because task={task} />
    </header>
  )
}

function Facts({ task, attempt }: Omit<HeadProps, 'openRequests'>) {
  const last = task.attempts.at(-1)
  const { tokens, usd, estimated } = costOf(task)
  const facts = [
    task.repo,
    [last?.harness ?? task.harness, last?.model ?? task.model].filter((each) => each != null).join(' '),
    last === undefined ? null : `on ${last.daemonName}`,
    tokens > 0 ? `${count(tokens)} tokens` : null,
    usd > 0 ? `${estimated ? 'about ' : ''}${dollars(usd)}` : null,
  ].filter((fact): fact is string => fact !== null && fact !== '')
  return (
    <>
      {facts.map((fact) => (
        <span key={fact}>{fact}</span>
      ))}
      {task.attempts.length > 1 && attempt !== undefined && <WhichAttempt task={task} attempt={attempt} />}
      {task.attempts.some((each) => each.sessionRef !== null) && <WentOn task={task} />}
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

/** Later words of the same conversation are tasks of their own. */
function WentOn({ task }: { readonly task: TaskView }) {
  const later = useQuery(session(task.id)).data?.lastTaskId ?? task.id
  if (later === task.id) return null
  return (
    <Link to="/tasks/$taskId" params={{ taskId: later }} className="text-accent underline">
      went on from here
    </Link>
  )
}

/** Which attempt's changes, checks and evidence are shown. */
function WhichAttempt({ task, attempt }: { readonly task: TaskView; readonly attempt: AttemptView }) {
  const navigate = useNavigate({ from: '/tasks/$taskId' })
  const { attempts, maxAttempts } = task
  return (
    <span className="flex items-center gap-1.5">
      attempt
      <select
        aria-label="Attempt that is shown"
        title="Whose changes, checks and evidence are shown"
        value={attempt.n}
        onChange={(event) => {
          const n = Number(event.target.value)
          void navigate({ search: (before) => ({ ...before, attempt: n }), replace: true })
        }}
        className="h-6 rounded border border-line bg-raised px-1 max-md:h-9"
      >
        {attempts.map(({ n }) => (
          <option key={n} value={n}>
            {n}
          </option>
        ))}
      </select>
      {/* a person's retry goes beyond what was granted at first */}
      {attempts.length <= maxAttempts && `of at most ${maxAttempts}`}
    </span>
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
      {localTimes(plainText(said), now)}
    </p>
  )
}
