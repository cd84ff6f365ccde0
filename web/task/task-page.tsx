// One task: what it is and how it goes at the top, then what the agent said, what it changed, and what came of it.

import { useQuery } from '@tanstack/react-query'
import { CatchBoundary, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { lazy, Suspense, useEffect, useState } from 'react'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'
import { task as taskQuery } from '../data/queries.ts'
import { useOpenRequests } from '../data/requests.ts'
import { RequestCard } from '../inbox/request-card.tsx'
import { Button } from '../parts/button.tsx'
import { Empty, Failed, Loading } from '../parts/empty.tsx'
import type { TaskTab } from '../routes.tsx'
import { useKeys } from '../shell/keys.tsx'
import { Attempts } from './attempts.tsx'
import { Checks } from './checks.tsx'
import { Details } from './details.tsx'
import { FollowUp } from './follow-up.tsx'
import { TaskHead } from './task-head.tsx'
import { Transcript } from './transcript.tsx'

const loadChanges = () => import('../changes/changes.tsx')
const Changes = lazy(async () => ({ default: (await loadChanges()).Changes }))
const TerminalView = lazy(async () => ({ default: (await import('../terminal/terminal.tsx')).TerminalView }))

export function TaskPage() {
  const { taskId } = useParams({ from: '/tasks/$taskId' })
  const { data: task, error } = useQuery(taskQuery(taskId))
  if (task === undefined) return error === null ? <Loading what="the task" /> : <Failed error={error} />
  return <Loaded key={task.id} task={task} />
}

function Loaded({ task }: { readonly task: TaskView }) {
  const search = useSearch({ from: '/tasks/$taskId' })
  const requests = useOpenRequests().data?.filter((each) => each.taskId === task.id) ?? []
  const attempt = task.attempts.find((each) => each.n === search.attempt) ?? task.attempts.at(-1)
  // What is opened first stays when the agent ends: nobody's view changes by itself.
  const [first] = useState<TaskTab>(task.interactive === true && task.endedAt === null ? 'terminal' : 'transcript')
  const tab = search.tab ?? first
  usePreload()
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <TaskHead task={task} attempt={attempt} openRequests={requests.length} />
      {requests.length > 0 && (
        <section
          aria-label="What it asks"
          className="max-h-[50dvh] shrink-0 divide-y divide-line overflow-y-auto border-y border-needs bg-raised"
        >
          {requests.map((request) => (
            <div key={request.id} className="px-4 py-3">
              <RequestCard request={request} />
            </div>
          ))}
        </section>
      )}
      <Tabs task={task} attempt={attempt} current={tab} />
      <div className="flex min-h-0 flex-1">
        <div id="panel" role="tabpanel" aria-labelledby={`tab-${tab}`} className="flex min-h-0 min-w-0 flex-1 flex-col">
          <div className="flex min-h-0 flex-1 flex-col">
            <CatchBoundary getResetKey={() => tab} errorComponent={NotLoaded}>
              <Suspense fallback={<Loading what={tab === 'terminal' ? 'the terminal' : 'the changes'} />}>
                <Panel task={task} attempt={attempt} tab={tab} />
              </Suspense>
            </CatchBoundary>
          </div>
          {tab !== 'terminal' && <FollowUp task={task} />}
        </div>
        {tab !== 'details' && (
          <aside
            aria-label="About this task"
            tabIndex={0}
            className={`hidden w-80 shrink-0 overflow-y-auto border-l border-line bg-panel ${isWide(tab) ? 'min-[100rem]:block' : 'xl:block'}`}
          >
            <Details task={task} attempt={attempt} asked={tab !== 'transcript'} />
          </aside>
        )}
      </div>
    </div>
  )
}

/** Most who open a task look at its changes: they are there by then, also when the server is not. */
function usePreload(): void {
  useEffect(() => {
    const timer = setTimeout(() => void loadChanges().catch(() => {}), preloadMs) // told when it is opened
    return () => clearTimeout(timer)
  }, [])
}

const preloadMs = 1_500

function NotLoaded() {
  return (
    <Empty title="This part of the page is not here">
      <p>The server did not answer when it was opened, or was updated since. What you wrote is kept.</p>
      <Button className="justify-self-center" onClick={() => location.reload()}>
        Load the page again
      </Button>
    </Empty>
  )
}

interface PanelProps {
  readonly task: TaskView
  readonly attempt: AttemptView | undefined
  readonly tab: TaskTab
}

function Panel({ task, attempt, tab }: PanelProps) {
  switch (tab) {
    case 'transcript':
      return <Transcript task={task} />
    case 'terminal':
      return task.interactive === true ? (
        <TerminalView task={task} />
      ) : (
        <Empty title="No terminal">This task is not interactive: its agent works by itself.</Empty>
      )
    case 'changes':
      return <Changes task={task} attempt={attempt} />
    case 'checks':
      return (
        <Scrolled name="Checks">
          <Checks task={task} attempt={attempt} />
        </Scrolled>
      )
    case 'attempts':
      return (
        <Scrolled name="Attempts">
          <Attempts task={task} />
        </Scrolled>
      )
    case 'details':
      return (
        <Scrolled name="Details">
          <div className="mx-auto w-full max-w-4xl">
            <Details task={task} attempt={attempt} asked />
          </div>
        </Scrolled>
      )
  }
}

/** Scrolls at the edge of the page, by keyboard too. */
function Scrolled({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <section aria-label={name} tabIndex={0} className="min-h-0 flex-1 overflow-y-auto">
      {children}
    </section>
  )
}

/** What needs all of the width: the facts beside it are a view of their own until there is more. */
function isWide(tab: TaskTab): boolean {
  return tab === 'terminal' || tab === 'changes'
}

const everyName: readonly { readonly tab: TaskTab; readonly name: string }[] = [
  { tab: 'transcript', name: 'Transcript' },
  { tab: 'changes', name: 'Changes' },
  { tab: 'checks', name: 'Checks' },
  { tab: 'attempts', name: 'Attempts' },
  { tab: 'details', name: 'Details' },
]

function namesOf(task: TaskView): typeof everyName {
  return task.interactive === true ? [{ tab: 'terminal', name: 'Terminal' }, ...everyName] : everyName
}

function Tabs({
  task,
  attempt,
  current,
}: {
  readonly task: TaskView
  readonly attempt: AttemptView | undefined
  readonly current: TaskTab
}) {
  const navigate = useNavigate({ from: '/tasks/$taskId' })
  const open = (tab: TaskTab) => void navigate({ search: (before) => ({ ...before, tab }), replace: true })
  const names = namesOf(task)
  const at = names.findIndex((each) => each.tab === current)
  const step = (by: number) => {
    const next = names[(at + by + names.length) % names.length]
    if (next === undefined) return
    open(next.tab)
    document.getElementById(`tab-${next.tab}`)?.focus()
  }
  useKeys(Object.fromEntries(names.map(({ tab }, i) => [String(i + 1), () => open(tab)])))
  return (
    <div
      role="tablist"
      aria-label="Views of this task"
      onKeyDown={(event) => {
        if (event.key === 'ArrowRight') step(1)
        if (event.key === 'ArrowLeft') step(-1)
      }}
      className="flex shrink-0 overflow-x-auto border-b border-line px-2 sm:gap-1 sm:px-3"
    >
      {names.map(({ tab, name }) => (
        <button
          key={tab}
          id={`tab-${tab}`}
          type="button"
          role="tab"
          aria-selected={tab === current}
          aria-controls="panel"
          tabIndex={tab === current ? 0 : -1}
          onClick={() => open(tab)}
          className={`relative flex h-9 items-center gap-1.5 px-2 whitespace-nowrap max-md:h-11 ${tab !== 'details' || current === 'details' ? '' : isWide(current) ? 'min-[100rem]:hidden' : 'xl:hidden'} ${tab === current ? 'font-medium after:absolute after:inset-x-2 after:-bottom-px after:h-0.5 after:bg-accent' : 'text-muted hover:text-text'}`}
        >
          {name}
          <TabCount tab={tab} task={task} attempt={attempt} />
        </button>
      ))}
    </div>
  )
}

function TabCount({ tab, task, attempt }: PanelProps) {
  const evidence = attempt?.evidence ?? null
  const failed = evidence?.checks.filter((check) => check.exitCode !== 0 && check.skipped === undefined).length ?? 0
  const n = {
    terminal: 0,
    transcript: 0,
    details: 0,
    changes: evidence?.filesChanged ?? 0,
    checks: evidence?.checks.length ?? 0,
    attempts: task.attempts.length > 1 ? task.attempts.length : 0,
  }[tab]
  if (n === 0) return null
  return (
    <span className={`text-xs tabular-nums ${tab === 'checks' && failed > 0 ? 'text-bad' : 'text-faint'}`}>{n}</span>
  )
}
