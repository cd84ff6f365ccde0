// Facts about a task: what was asked, what the daemon proved, how to take the result over.

import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'
import { exactText } from '../parts/ansi.ts'
import { bytes, count, dollars, exactTime, plural, span, who, words } from '../parts/figures.ts'
import { costWords, sumOf } from './cost.ts'
import { Prompt } from './prompt.tsx'

interface DetailsProps {
  readonly task: TaskView
  readonly attempt: AttemptView | undefined
}

/** `asked`: with the prompt; the transcript has it already. */
export function Details({ task, attempt, asked }: DetailsProps & { readonly asked: boolean }) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-5 p-4">
      {asked && (
        <Section title="Prompt">
          <Prompt task={task} />
        </Section>
      )}
      <Output attempt={attempt} />
      <Proof attempt={attempt} />
      <Section title="Asked for">
        <Asked task={task} />
      </Section>
      {attempt !== undefined && (
        <Section title={task.attempts.length > 1 ? `Attempt ${attempt.n}` : 'Run'}>
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

/** What the agent handed in, checked against the task's schema. */
function Output({ attempt }: { readonly attempt: AttemptView | undefined }) {
  const output = attempt?.output ?? null
  if (output === null) return null
  return (
    <Section title="Handed in">
      <pre
        tabIndex={0}
        className="max-h-96 overflow-auto rounded-md border border-line bg-bg px-2.5 py-1.5 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]"
      >
        {exactText(typeof output === 'string' ? output : JSON.stringify(output, null, 2))}
      </pre>
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
          Kept on its host: {exactText(each)}
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
          ['Thinking', task.thinkingLevel],
          ['Autonomy', task.autonomy === 'full' ? null : task.autonomy],
          ['Completion needs', task.expect === 'nothing' ? null : task.expect],
          ['Review', task.review === 'required' ? 'required' : null],
          ['Workspace', [task.workspace.mode, task.workspace.base].filter((each) => each !== null).join(' from ')],
          ['Labels', task.labels.join(', ')],
          ['Files given', task.attachments.map((each) => `${each.name}, ${bytes(each.bytes)}`).join('; ')],
          ['Texts given', task.context.map((each) => each.slug).join(', ')],
          ['Not before', task.runAt === null ? null : exactTime(task.runAt)],
          ['Not after', task.expiresAt === null ? null : exactTime(task.expiresAt)],
          ['Priority', task.priority === 0 ? null : String(task.priority)],
          ['Agent time', task.runningTimeoutMs === 0 ? 'no limit' : span(task.runningTimeoutMs)],
          ['Token limit', task.budgets.maxTokens === undefined ? null : count(task.budgets.maxTokens)],
          ['Turn limit', task.budgets.maxTurns === undefined ? null : String(task.budgets.maxTurns)],
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
        ['Took', attempt.endedAt === null ? null : span(attempt.endedAt - attempt.startedAt)],
        ['Tokens in', usage === null ? null : count(usage.inputTokens)],
        ['Tokens out', usage === null ? null : count(usage.outputTokens)],
        ['From cache', usage === null || usage.cacheReadTokens === 0 ? null : count(usage.cacheReadTokens)],
        ['Into cache', usage === null || usage.cacheWriteTokens === 0 ? null : count(usage.cacheWriteTokens)],
        ['Tokens in all', usage === null ? null : count(sumOf(usage))],
        ['Cost', costWords(attempt)],
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
            <dd className="[overflow-wrap:anywhere]">{exactText(value ?? '')}</dd>
          </div>
        ))}
    </dl>
  )
}
