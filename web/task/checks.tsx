// The checks of an attempt, failed ones first and open.

import type { AttemptView, CheckOutcome, TaskView } from '../../src/protocol/task.ts'
import { exactText, plainText } from '../parts/ansi.ts'
import { Empty } from '../parts/empty.tsx'
import { span } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { TerminalText } from '../parts/terminal-text.tsx'

interface ChecksProps {
  readonly task: TaskView
  readonly attempt: AttemptView | undefined
}

export function Checks({ task, attempt }: ChecksProps) {
  const done = attempt?.evidence?.checks ?? []
  if (done.length === 0) return <NoChecks task={task} />
  const failed = done.filter((check) => !passed(check)).length
  const words = failed === 0 ? 'Checks, none failed' : `Checks, ${failed} failed`
  const sorted = [...done].sort((a, b) => Number(passed(a)) - Number(passed(b)))
  return (
    <ul aria-label={words} className="mx-auto grid w-full max-w-4xl content-start gap-2 p-4">
      {sorted.map((check) => (
        <li key={`${check.name} ${check.command}`} className="overflow-hidden rounded-md border border-line">
          <details open={!passed(check)}>
            <summary className="flex list-none items-center gap-2 px-3 py-2 hover:bg-panel">
              <State check={check} />
              <span className="font-medium">{plainText(check.name)}</span>
              <code className="min-w-0 flex-1 truncate font-mono text-xs text-muted">{exactText(check.command)}</code>
              <span className="text-xs whitespace-nowrap text-faint tabular-nums">{outcomeOf(check)}</span>
            </summary>
            <pre
              tabIndex={0}
              className="max-h-[60vh] overflow-auto border-t border-line bg-panel px-3 py-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]"
            >
              {check.skipped === undefined ? (
                <TerminalText text={check.outputTail || 'It printed nothing.'} />
              ) : (
                plainText(check.skipped)
              )}
            </pre>
          </details>
        </li>
      ))}
    </ul>
  )
}

function outcomeOf({ exitCode, durationMs, skipped }: CheckOutcome): string {
  if (skipped !== undefined) return ''
  const took = span(durationMs)
  if (exitCode === 0) return took
  return exitCode === null ? `no exit code, ended after ${took}` : `exit code ${exitCode}, ${took}`
}

function passed(check: CheckOutcome): boolean {
  return check.exitCode === 0 || check.skipped !== undefined
}

function State({ check }: { readonly check: CheckOutcome }) {
  if (check.skipped !== undefined) return <span className="rounded bg-calm-soft px-1.5 text-xs text-calm">skipped</span>
  const ok = check.exitCode === 0
  return (
    <span role="img" aria-label={ok ? 'Passed' : 'Failed'} className={ok ? 'text-good' : 'text-bad'}>
      <Icon name={ok ? 'check' : 'cross'} />
    </span>
  )
}

function NoChecks({ task }: { readonly task: TaskView }) {
  if (task.checks.length > 0 && task.endedAt === null)
    return (
      <Empty title="Checks run when the agent is done">
        {task.checks.map((check) => (
          <code key={check.name} className="font-mono text-xs">
            {exactText(check.command)}
          </code>
        ))}
      </Empty>
    )
  return (
    <Empty title="No checks ran">
      <p>
        A check is a command that must succeed after the agent, such as your tests. Give it with a task, or for all of
        them in .capstan/repo.toml:
      </p>
      <pre className="rounded-md bg-panel p-3 text-left font-mono text-xs text-text">
        {'[[checks]]\nname = "tests"\ncommand = "npm test"'}
      </pre>
    </Empty>
  )
}
