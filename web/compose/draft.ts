// A task being written: kept in this browser until it is given, or taken from the address.

import type { TaskCreate } from '../../src/protocol/task.ts'
import { timeNow } from '../parts/now.ts'

/** Every field as a person types it. */
export interface Draft {
  readonly prompt: string
  readonly title: string
  readonly repo: string
  readonly harness: string
  readonly model: string
  readonly profile: string
  readonly pool: string
  readonly daemon: string
  readonly base: string
  readonly mode: string
  readonly expect: string
  readonly review: string
  readonly autonomy: string
  /** `yes`: the agent in a terminal that people join. */
  readonly interactive: string
  /** One command per line; `name: command` names it. */
  readonly checks: string
  readonly labels: string
  readonly priority: string
  readonly attempts: string
  readonly timeoutMinutes: string
  readonly maxCost: string
  readonly runAt: string
}

export const blank: Draft = {
  prompt: '',
  title: '',
  repo: '',
  harness: '',
  model: '',
  profile: '',
  pool: '',
  daemon: '',
  base: '',
  mode: '',
  expect: '',
  review: 'required',
  autonomy: '',
  interactive: '',
  checks: '',
  labels: '',
  priority: '',
  attempts: '',
  timeoutMinutes: '',
  maxCost: '',
  runAt: '',
}

const key = 'capstan.draft'

/** The draft that was left here; what the address says comes first. */
export function readDraft(address: URLSearchParams): Draft {
  const names = Object.keys(blank)
  const given = Object.fromEntries([...address].filter(([name]) => names.includes(name)))
  if (Object.keys(given).length > 0) return { ...blank, ...given }
  try {
    return { ...blank, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Draft>) } // written by keepDraft
  } catch {
    return blank // somebody else's bytes under our key
  }
}

export function keepDraft(draft: Draft): void {
  localStorage.setItem(key, JSON.stringify(draft))
}

/** What is likely the same for the next task stays. */
export function nextDraft(draft: Draft): Draft {
  return { ...draft, prompt: '', title: '', runAt: '' }
}

/** The body of `createTask`. Throws a sentence for a field that is no number or time. */
export function taskOf(draft: Draft): TaskCreate {
  const { prompt, profile, base, mode } = draft
  const workspace = { ...text('base', base), ...text('mode', mode) } as TaskCreate['workspace'] // the server checks the mode's name
  return {
    prompt,
    ...text('title', draft.title),
    ...text('repo', draft.repo),
    ...text('harness', draft.harness),
    ...text('model', draft.model),
    ...text('pool', draft.pool),
    ...text('daemon', draft.daemon),
    ...(text('expect', draft.expect) as Pick<TaskCreate, 'expect'>), // chosen from the schema's values
    ...(text('review', draft.review) as Pick<TaskCreate, 'review'>), // likewise
    ...(text('autonomy', draft.autonomy) as Pick<TaskCreate, 'autonomy'>), // likewise
    ...(draft.interactive === 'yes' ? { interactive: true } : {}),
    ...(profile === '' ? {} : { profiles: [profile] }),
    ...(Object.keys(workspace ?? {}).length === 0 ? {} : { workspace }),
    ...list('labels', draft.labels.split(/[\s,]+/)),
    ...list('checks', checksOf(draft.checks)),
    ...number('priority', draft.priority, 1),
    ...number('maxAttempts', draft.attempts, 1),
    ...number('runningTimeoutMs', draft.timeoutMinutes, 60_000),
    ...(draft.maxCost === '' ? {} : { budgets: number('maxCostUsd', draft.maxCost, 1) }),
    ...(draft.runAt === '' ? {} : { runAt: timeOf(draft.runAt) }),
  }
}

function text<N extends string>(name: N, value: string): { [K in N]?: string } {
  return value.trim() === '' ? {} : ({ [name]: value.trim() } as { [K in N]?: string }) // one key of that name
}

function list<N extends string, T>(name: N, values: readonly T[]): { [K in N]?: T[] } {
  const kept = values.filter((value) => value !== '')
  return kept.length === 0 ? {} : ({ [name]: kept } as { [K in N]?: T[] }) // one key of that name
}

function number<N extends string>(name: N, value: string, unit: number): { [K in N]?: number } {
  if (value.trim() === '') return {}
  const amount = Number(value) * unit
  if (!Number.isFinite(amount)) throw new Error(`${name}: ${JSON.stringify(value)} is not a number`)
  return { [name]: amount } as { [K in N]?: number } // one key of that name
}

function checksOf(lines: string): { name: string; command: string }[] {
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, i) => {
      const [, name, command] = /^([a-z0-9][\w.-]*): +(.+)$/i.exec(line.trim()) ?? []
      return { name: name ?? `check-${i + 1}`, command: command ?? line.trim() }
    })
}

function timeOf(local: string): number {
  const at = new Date(local).getTime()
  if (Number.isNaN(at)) throw new Error(`Not before: ${JSON.stringify(local)} is not a time`)
  if (at < timeNow()) throw new Error('Not before: that time is over')
  return at
}
