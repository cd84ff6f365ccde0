// Facts about a task: what was asked, what the daemon proved, how to take the result over.

import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'
import { Copy } from '../parts/copy.tsx'
import { bytes, count, dollars, exactTime, plural, span, who, words } from '../parts/figures.ts'
import { AgentText } from '../parts/markdown.tsx'

interface DetailsProps {
  readonly task: TaskView
  readonly attempt: AttemptView | undefined
}

export function Details({ task, attempt }: DetailsProps) {
  return (
    <div className="grid gap-5 p-4">
      <Section title="Prompt">
        <Prompt text={task.prompt} />
      </Section>
      <TakeOver task={task} attempt={attempt} />
      <Proof attempt={attempt} />
      <Section title="Asked for">
        <Asked task={task} />
      </Section>
      {attempt !== undefined && (
        <Section title={`Run ${attempt.n}`}>
          <Run attempt={attempt} />
        </Section>
      )}
    </div>
  )
}

export function Section({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section className="grid min-w-0 gap-2">
      <h2 className="text-xs font-semibold text-muted">{title}</h2>
      {children}
    </section>
  )
}

/** A script or a long prompt folds. */
const promptLimit = 600

function Prompt({ text }: { readonly text: string }) {
  if (text.length <= promptLimit) return <AgentText text={text} />
  return (
    <details className="group">
      <summary className="list-none">
        <p className="line-clamp-6 whitespace-pre-wrap [overflow-wrap:anywhere] group-open:hidden">
          {text.slice(0, promptLimit)}
        </p>
        <span className="text-xs text-accent group-open:hidden">
          Show all of {plural(text.split('\n').length, 'line')}
        </span>
        <span className="hidden text-xs text-accent group-open:inline">Show less</span>
      </summary>
      <pre className="mt-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">{text}</pre>
    </details>
  )
}

function TakeOver({ task, attempt }: DetailsProps) {
  const evidence = attempt?.evidence ?? null
  if (attempt === undefined || evidence === null) return null
  const { branch, checkpointRef, filesChanged } = evidence
  if (filesChanged === 0 && checkpointRef === null) return null
  const which = attempt === task.attempts.at(-1) ? '' : ` --attempt ${attempt.n}`
  return (
    <Section title="Take it over">
      {filesChanged > 0 && <Copy label="the apply command" text={`capstan task apply ${task.id}${which}`} />}
      {checkpointRef !== null && <Copy label="the restore command" text={`capstan task restore ${task.id}${which}`} />}
      {branch !== null && <Copy label="the branch" text={branch} />}
    </Section>
  )
}

function Proof({ attempt }: { readonly attempt: AttemptView | undefined }) {
  const evidence = attempt?.evidence ?? null
  if (evidence === null) return null
  const short = (sha: string | null) => (sha === null ? null : sha.slice(0, 10))
  return (
    <Section title="Evidence">
      <Facts
        facts={[
          [
            'Changed',
            `${plural(evidence.filesChanged, 'file')}, +${count(evidence.insertions)} −${count(evidence.deletions)}`,
          ],
          ['Patch', evidence.diffBytes === 0 ? null : bytes(evidence.diffBytes)],
          ['Patch withheld', evidence.diffWithheld],
          ['New files', evidence.untracked === 0 ? null : String(evidence.untracked)],
          ['Commits', evidence.commitsAhead === 0 ? null : String(evidence.commitsAhead)],
          ['Base', short(evidence.baseSha)],
          ['Tree', short(evidence.treeId)],
          ['Checkpoint', short(evidence.checkpointSha)],
          ['Pushed', evidence.pushedRef],
          ['Changed by checks', evidence.changedByChecks ? 'yes' : null],
          ['Repositories inside', evidence.nestedRepos.join(', ')],
        ]}
      />
      {attempt?.withheld.map((each) => (
        <p key={each} className="text-xs text-muted">
          Kept on its host: {each}
        </p>
      ))}
    </Section>
  )
}

function Asked({ task }: { readonly task: TaskView }) {
  return (
    <>
      <Facts
        facts={[
          ['By', who(task.createdBy)],
          ['At', exactTime(task.createdAt)],
          ['Agent', [task.harness, task.model].filter((each) => each !== null).join(' ')],
          ['Autonomy', task.autonomy === 'full' ? null : task.autonomy],
          ['Completion needs', task.expect === 'nothing' ? null : task.expect],
          ['Review', task.review === 'required' ? 'required' : null],
          ['Workspace', [task.workspace.mode, task.workspace.base].filter((each) => each !== null).join(' from ')],
          ['Labels', task.labels.join(', ')],
          ['Priority', task.priority === 0 ? null : String(task.priority)],
          ['Agent time', task.runningTimeoutMs === 0 ? 'no limit' : span(task.runningTimeoutMs)],
          ['Cost limit', task.budgets.maxCostUsd === undefined ? null : dollars(task.budgets.maxCostUsd)],
          ['Attempts', `up to ${task.maxAttempts}`],
          ['Id', task.id],
        ]}
      />
      {task.causeId !== null && (
        <Link to="/tasks/$taskId" params={{ taskId: task.causeId }} className="text-xs text-accent underline">
          The task that asked for this one
        </Link>
      )}
    </>
  )
}

function Run({ attempt }: { readonly attempt: AttemptView }) {
  const { usage } = attempt
  return (
    <Facts
      facts={[
        ['Host', attempt.daemonName],
        ['Agent', [attempt.harness, attempt.harnessVersion].filter((each) => each !== null).join(' ')],
        ['Model', attempt.model],
        ['Ended', attempt.reason === null ? null : words(attempt.reason)],
        ['Exit code', attempt.exitCode === null ? null : String(attempt.exitCode)],
        ['Held by', attempt.containment],
        ['Events', count(attempt.eventCount)],
        ['Tokens in', usage === null ? null : count(usage.inputTokens)],
        ['Tokens out', usage === null ? null : count(usage.outputTokens)],
        ['From cache', usage === null || usage.cacheReadTokens === 0 ? null : count(usage.cacheReadTokens)],
        ['Cost', attempt.costUsd === null ? null : dollars(attempt.costUsd)],
      ]}
    />
  )
}

type Fact = readonly [string, string | null]

export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl className="grid grid-cols-[minmax(5.5rem,auto)_1fr] gap-x-3 gap-y-1 text-xs">
      {facts
        .filter(([, value]) => value !== null && value !== '')
        .map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-faint">{name}</dt>
            <dd className="[overflow-wrap:anywhere]">{value}</dd>
          </div>
        ))}
    </dl>
  )
}
