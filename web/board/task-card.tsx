// A task in a few lines: what it is, where it runs, how it goes; and why it does not, if it does not.

import { Link } from '@tanstack/react-router'
import type { Card } from '../../src/protocol/board.ts'
import { useOpenRequests } from '../data/requests.ts'
import { plainText } from '../parts/ansi.ts'
import { count, dollars, localTimes, words } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { useNow } from '../parts/now.ts'
import { looks, wordOf } from '../parts/standing.tsx'
import { Ago, Lasted } from '../parts/time.tsx'
import type { Selection } from './selection.ts'

interface CardProps {
  readonly card: Card
  readonly current: boolean
  readonly selection: Selection
}

export function TaskCard({ card, current, selection }: CardProps) {
  const { id, title } = card
  const chosen = selection.cards.has(id)
  const look = chosen ? 'lg:border-accent bg-accent-soft' : 'bg-raised lg:border-line lg:hover:border-strong'
  return (
    <li
      id={`card-${id}`}
      data-card={id}
      className={`group relative grid grid-cols-[minmax(0,1fr)] gap-1 border-line px-3 py-2.5 max-lg:border-b lg:rounded-md lg:border lg:px-2.5 lg:py-2 ${look} ${current ? 'outline-2 -outline-offset-1 outline-accent' : ''}`}
    >
      <Link
        to="/tasks/$taskId"
        params={{ taskId: id }}
        dir="auto"
        title={title.length > 60 ? title : undefined}
        className="line-clamp-3 min-w-0 font-medium [overflow-wrap:anywhere] after:absolute after:inset-0 max-lg:pr-7"
      >
        {plainText(title)}
      </Link>
      <input
        type="checkbox"
        aria-label={`Select ${title}`}
        checked={chosen}
        onChange={() => selection.toggle([card])}
        className="absolute top-2.5 right-2 z-10 size-4 accent-accent opacity-0 group-hover:opacity-100 checked:opacity-100 focus:opacity-100 max-lg:right-3 max-lg:size-5 max-lg:opacity-60"
      />
      <Why card={card} />
      <div className="flex items-baseline gap-2 text-xs text-faint">
        <Where card={card} />
        <When card={card} />
      </div>
      <Change card={card} />
    </li>
  )
}

/** The repository first: in narrow columns there is room for little else. */
function Where({ card: { repo, harness, attempt, endedAt } }: { readonly card: Card }) {
  const rest = [attempt?.harness ?? harness, endedAt === null ? attempt?.daemonName : null]
  const words = [repo, ...rest].filter((each) => each != null)
  return (
    <span className="min-w-0 flex-1 truncate" title={words.join(', ')}>
      {words[0]}
      {words.length > 1 && (
        <span className={repo === null ? '' : 'lg:max-2xl:sr-only'}>, {words.slice(1).join(', ')}</span>
      )}
    </span>
  )
}

function Why({ card }: { readonly card: Card }) {
  const now = useNow()
  const { group, attempt, why, reason, detail } = card
  const text = `text-xs line-clamp-3 [overflow-wrap:anywhere]`
  if (card.openRequests > 0) return <Asks card={card} />
  if (attempt?.stalledSince != null && group === 'needs_you')
    return (
      <p className={`${text} text-needs`}>
        Silent for <Lasted from={attempt.stalledSince} to={null} />
      </p>
    )
  if (group === 'failed')
    return (
      <p className={`${text} text-bad`}>
        {[wordOf(card) === 'failed' ? words(reason ?? '') : wordOf(card), detail].filter(Boolean).join(': ')}
      </p>
    )
  if (why !== null && why !== '') return <p className={`${text} text-muted`}>{localTimes(why, now)}</p>
  if (card.state === 'cancelled')
    return <p className={`${text} text-faint`}>cancelled {detail.replace(/\buser:/, '')}</p>
  return null
}

/** What is asked, as the inbox has it. */
function Asks({ card: { id, openRequests } }: { readonly card: Card }) {
  const first = useOpenRequests().data?.find((each) => each.taskId === id)
  const said = openRequests === 1 ? 'Asks you something' : `Asks you ${openRequests} things`
  if (first === undefined) return <p className="text-xs text-needs">{said}</p>
  return (
    <p className="line-clamp-3 text-xs text-needs [overflow-wrap:anywhere]">
      {openRequests === 1 ? 'Asks: ' : `${said}: `}
      <bdi>{plainText(first.title)}</bdi>
    </p>
  )
}

function Change({ card: { attempt } }: { readonly card: Card }) {
  if (attempt === null) return null
  const { insertions, deletions, checksFailed, checksPassed, costUsd } = attempt
  const changed = insertions !== null && insertions + (deletions ?? 0) > 0
  if (!changed && checksFailed + checksPassed === 0 && costUsd === null) return null
  return (
    <div className="flex flex-wrap items-center gap-x-2 text-xs text-faint">
      {changed && (
        <span className="tabular-nums">
          <span className="text-good">+{count(insertions)}</span>{' '}
          <span className="text-bad">−{count(deletions ?? 0)}</span>
        </span>
      )}
      <CheckCount failed={checksFailed} passed={checksPassed} />
      {costUsd !== null && costUsd > 0 && <span className="tabular-nums">{dollars(costUsd)}</span>}
    </div>
  )
}

function CheckCount({ failed, passed }: { readonly failed: number; readonly passed: number }) {
  if (failed + passed === 0) return null
  const bad = failed > 0
  return (
    <span
      title={bad ? `${failed} of ${failed + passed} checks failed` : 'All checks passed'}
      className={`inline-flex items-center gap-0.5 whitespace-nowrap ${bad ? 'text-bad' : 'text-good'}`}
    >
      <Icon name={bad ? 'cross' : 'check'} className="size-3" />
      {bad && `${failed} of ${failed + passed}`}
      <span className="lg:max-2xl:sr-only">checks{bad ? '' : ' passed'}</span>
    </span>
  )
}

function When({ card }: { readonly card: Card }) {
  const { attempt, endedAt, createdAt, state } = card
  if (state === 'running' || state === 'preparing')
    return (
      <span className="inline-flex items-center gap-1">
        <span className={`size-1.5 rounded-full pulse ${looks[card.group].dot}`} />
        <Lasted from={attempt?.startedAt ?? createdAt} to={null} />
      </span>
    )
  return <Ago at={endedAt ?? createdAt} brief />
}
