// What must be true after the soak, read from the server, the repositories and /proc: nothing lost, doubled, leaked, destroyed.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openSqlite } from '../../src/lib/sqlite.ts'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import { processesOf } from '../journeys/world.ts'
import type { Machine } from './machine.ts'
import { hostNames, repoNames } from './machine.ts'
import type { Given } from './work.ts'
import { witnessPath } from './work.ts'

export interface Findings {
  readonly lost: string[]
  readonly doubled: string[]
  readonly leaked: string[]
  readonly destroyed: string[]
}

/** Attempts that the soak itself hurt. */
export interface Hurt {
  readonly deleted: ReadonlySet<string>
  readonly killed: ReadonlySet<string>
}

export interface Audited extends Findings {
  readonly tasks: readonly TaskView[]
}

/** While the server still runs: tasks, attempts, transcripts, kept work. */
export async function auditWork(machine: Machine, given: readonly Given[], hurt: Hurt): Promise<Audited> {
  const findings = { lost: [], doubled: [], leaked: [], destroyed: [] } as Findings // filled below
  const starts = witnesses(machine, 'start')
  const tasks: TaskView[] = []
  for (const each of given) {
    const task = await machine.client.call('getTask', { params: { id: each.id } }).catch(() => null)
    if (task === null) {
      findings.lost.push(`${each.id} is not there`)
      continue
    }
    tasks.push(task)
    if (task.endedAt === null) findings.lost.push(`${task.id} is ${task.state}: ${task.why}`)
    auditAttempts(task, each, starts, findings)
    auditFailure(task, each, hurt, findings)
    await auditTranscript(machine, task, each, findings)
    await auditKept(machine, task, { each, deleted: hurt.deleted }, findings)
  }
  return { tasks, ...findings }
}

function auditAttempts(task: TaskView, each: Given, starts: ReadonlyMap<string, number>, findings: Findings): void {
  const done = task.attempts.filter((attempt) => attempt.state === 'completed')
  if (done.length > 1) findings.doubled.push(`${task.id} completed ${done.length} times`)
  if (task.state === 'completed' && done.length === 0)
    findings.lost.push(`${task.id} completed without an attempt that did`)
  if (task.state === 'completed' && each.kind === 'fail') findings.lost.push(`${task.id} exits 3 and is a success`)
  for (const attempt of task.attempts) {
    const times = starts.get(`${task.id} ${attempt.n}`) ?? 0
    if (times > 1) findings.doubled.push(`${task.id} attempt ${attempt.n} ran ${times} times`)
    if (attempt.state === 'completed' && times === 0) findings.lost.push(`${task.id} attempt ${attempt.n} never ran`)
    if (task.endedAt !== null && attempt.endedAt === null) findings.leaked.push(`${attempt.id} is still open`)
  }
}

/** A task fails because its script does, or because the soak killed its agent or deleted its worktree; nothing else is a reason. */
function auditFailure(task: TaskView, each: Given, { deleted, killed }: Hurt, findings: Findings): void {
  if (task.state !== 'failed' || each.kind === 'fail') return
  if (task.attempts.some((attempt) => deleted.has(attempt.id) || killed.has(attempt.id))) return
  findings.lost.push(`${task.id} (${each.kind}) failed without cause: ${task.reason}: ${task.detail}`)
}

async function auditTranscript(machine: Machine, task: TaskView, each: Given, findings: Findings): Promise<void> {
  const events: TranscriptEvent[] = []
  if (task.endedAt === null) return
  for await (const one of machine.client.follow(task.id)) if (one.type === 'transcript') events.push(one.event)
  for (const [n, of] of Map.groupBy(events, (event) => event.attempt)) {
    if (of.some((event, at) => event.seq !== at + 1))
      findings.lost.push(`${task.id} attempt ${n} has a hole in its transcript`)
  }
  const last = task.attempts.findLast((attempt) => attempt.state === 'completed')
  if (last === undefined) return
  const said = events.filter((event) => event.attempt === last.n && event.type === 'text')
  const lines = said.flatMap((event) =>
    event.type === 'text' ? event.text.split('\n').filter((line) => line !== '') : [],
  )
  const wanted = ['one', 'two', 'three'].map((word) => `${word} ${each.word}`)
  if (JSON.stringify(lines) !== JSON.stringify(wanted)) findings.lost.push(`${task.id} said ${JSON.stringify(lines)}`)
}

/** What an attempt's evidence names must be in the repository, with the content. */
async function auditKept(
  machine: Machine,
  task: TaskView,
  { each, deleted }: { each: Given; deleted: ReadonlySet<string> },
  findings: Findings,
): Promise<void> {
  if (each.repo === null) return
  const cwd = machine.repo(each.repo)
  for (const { state, evidence, id, n } of task.attempts) {
    if (deleted.has(id) || evidence?.checkpointSha == null) {
      const needs = state === 'completed' && each.kind !== 'fail' && !deleted.has(id)
      if (needs) findings.destroyed.push(`${task.id} attempt ${n} has no checkpoint`)
      continue
    }
    const ref = await machine.world.run('git', ['rev-parse', '--verify', '-q', evidence.checkpointRef ?? ''], { cwd })
    if (ref.code !== 0) findings.destroyed.push(`${task.id} attempt ${n}: ${evidence.checkpointRef} is gone`)
    if (state !== 'completed') continue
    const file = await machine.world.run('git', ['show', `${evidence.checkpointSha}:${each.word}.txt`], { cwd })
    if (file.stdout.trim() !== each.word)
      findings.destroyed.push(`${task.id} attempt ${n}: its file is not in the checkpoint`)
  }
}

/** After everything was stopped: processes, locks, undelivered reports, broken repositories. */
export async function auditRemains(machine: Machine, findings: Findings): Promise<void> {
  for (const line of processesOf(machine.world.root)) findings.leaked.push(`process ${line}`)
  for (const name of repoNames) {
    const cwd = machine.repo(name)
    for (const lock of ['index.lock', 'HEAD.lock', 'config.lock', 'packed-refs.lock'])
      if (existsSync(join(cwd, '.git', lock))) findings.leaked.push(`${name}: ${lock}`)
    const fsck = await machine.world.run('git', ['fsck', '--connectivity-only'], { cwd })
    if (fsck.code !== 0) findings.destroyed.push(`${name}: git fsck says ${fsck.stderr.slice(0, 300)}`)
    const status = await machine.world.run('git', ['status', '--porcelain'], { cwd })
    if (status.stdout !== '')
      findings.destroyed.push(`${name}: the user's checkout changed: ${status.stdout.slice(0, 200)}`)
  }
  for (const host of hostNames) {
    for (const run of machine.runsOf(host))
      for (const file of ['stdin.fifo', 'state.json', 'tmp'])
        if (existsSync(join(run, file))) findings.leaked.push(`${run}/${file}`)
    const [first] = machine.runsOf(host)
    if (first === undefined) continue
    using journal = openSqlite(join(first, '..', '..', 'journal.db'))
    const rows = journal
      .prepare('SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM runs) AS runs')
      .get()
    if (Number(rows?.outbox) > 0) findings.leaked.push(`${host}: ${rows?.outbox} reports were never delivered`)
    if (Number(rows?.runs) > 0) findings.leaked.push(`${host}: its journal still has ${rows?.runs} runs`)
  }
}

function witnesses(machine: Machine, word: string): Map<string, number> {
  const path = witnessPath(machine)
  const counts = new Map<string, number>()
  for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
    const [kind, task, attempt] = line.split(' ')
    if (kind === word) counts.set(`${task} ${attempt}`, (counts.get(`${task} ${attempt}`) ?? 0) + 1)
  }
  return counts
}
