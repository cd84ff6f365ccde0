import { expect, it } from 'vitest'
import { outcomeLines } from '../../../src/cli/render/outcome.ts'
import { progressLines } from '../../../src/cli/render/progress.ts'
import { plain } from '../../../src/cli/render/style.ts'
import { taskTable } from '../../../src/cli/render/task-list.ts'
import { logLines, taskPage } from '../../../src/cli/render/task-page.ts'
import { columns } from '../../../src/cli/render/wrap.ts'
import { now, sampleAttempt, sampleEvidence, sampleTask, taskId } from '../sample.ts'

const look = { style: plain, width: 80 }

it('says how a task ended: duration, host, changes, checks, cost, next steps', () => {
  const checks = [
    { name: 'test', command: 'npm test', exitCode: 0, durationMs: 3_200, treeId: null, outputTail: '' },
    {
      name: 'lint',
      command: 'npm run lint',
      exitCode: 1,
      durationMs: 900,
      treeId: null,
      outputTail: 'a\nsrc/x.ts: bad\n',
    },
    { name: 'e2e', command: 'x', exitCode: null, durationMs: 0, treeId: null, outputTail: '', skipped: 'not trusted' },
  ]
  const task = sampleTask({ attempts: [sampleAttempt({ evidence: sampleEvidence({ checks }) })] })
  expect(outcomeLines(task, look)).toEqual([
    'completed after 42s on laptop:app (codex, gpt-5)',
    '  3 files changed (1 new), +10 -2 on capstan/01k70/fix-the-test',
    '  check test  passed  3.2s',
    '  check lint  exit 1  900ms',
    '    a',
    '    src/x.ts: bad',
    '  check e2e   skipped  not trusted',
    '  12.3k tokens in (10k cached), 1.2k out; $0.12',
    `  next: capstan task diff ${taskId}`,
    `        capstan task apply ${taskId}`,
  ])
})

it('a cost that was made of tokens and prices is told as about so much', () => {
  const lines = (costEstimated: boolean) =>
    outcomeLines(sampleTask({ attempts: [sampleAttempt({ costUsd: 0.5, costEstimated })] }), look).join('\n')
  expect(lines(true)).toContain('about $0.50')
  expect(lines(false)).not.toContain('about')
})

it('a failed task says why and offers logs and retry', () => {
  const attempt = sampleAttempt({
    state: 'failed',
    reason: 'no_changes',
    evidence: sampleEvidence({ filesChanged: 0, diffCid: null }),
    usage: null,
    costUsd: null,
  })
  const task = sampleTask({
    state: 'failed',
    verdict: null,
    reason: 'no_changes',
    detail: 'the agent changed nothing',
    attempts: [attempt],
  })
  expect(outcomeLines(task, look)).toEqual([
    'failed after 42s on laptop:app (codex, gpt-5)',
    '  no changes: the agent changed nothing',
    '  no files changed on capstan/01k70/fix-the-test',
    `  next: capstan task logs ${taskId}`,
    `        capstan task retry ${taskId}`,
  ])
})

it('a completed task that waits for a person is in review', () => {
  const task = sampleTask({ verdict: 'pending', review: 'required' })
  expect(outcomeLines(task, look)[0]).toBe('in review after 42s on laptop:app (codex, gpt-5)')
  expect(outcomeLines(task, look).slice(-2)).toEqual([
    `        capstan task accept ${taskId}`,
    `        capstan task reject ${taskId}`,
  ])
})

it('says when the patch stayed on the host', () => {
  const evidence = sampleEvidence({ diffCid: null, diffWithheld: "the host's policy keeps diffs back" })
  expect(outcomeLines(sampleTask({ attempts: [sampleAttempt({ evidence })] }), look)).toContain(
    "  the patch is not at the server: the host's policy keeps diffs back",
  )
})

it('lists tasks within 80 columns, ids whole', () => {
  const tasks = [
    sampleTask({ title: 'a title\x1b[31m that is far too long for the rest of the line' }),
    sampleTask({ state: 'running', title: 'short', createdAt: now - 3_000 }),
  ]
  const lines = taskTable(tasks, { ...look, now })
  expect(lines).toEqual([
    'ID                               STATE      AGE  TITLE',
    `${taskId}  completed   2m  a title that is far too long f…`,
    `${taskId}  running     3s  short`,
  ])
  for (const line of lines) expect(columns(line)).toBeLessThanOrEqual(80)
})

it('a wide terminal gets repository and host too', () => {
  expect(taskTable([sampleTask()], { style: plain, width: 140, now })[0]).toMatch(/^ID +STATE +AGE +REPO +HOST +TITLE$/)
})

it('shows one queued task on a calm page with why it waits', () => {
  const task = sampleTask({
    state: 'queued',
    verdict: null,
    endedAt: null,
    role: 'qa',
    why: 'no connected daemon serves repo acme/app with role qa; 2 serve the repo',
    attempts: [],
    checks: [{ name: 'test', command: 'npm test' }],
  })
  expect(taskPage(task, { ...look, now })).toEqual([
    'fix the failing test',
    taskId,
    '',
    'queued for 2m',
    '  no connected daemon serves repo acme/app with role qa; 2 serve the repo',
    '',
    'repo       acme/app',
    'role       qa',
    'workspace  worktree',
    'autonomy   full',
    'checks     test',
    'created    2m ago by user:local',
    'attempts   0 of 3',
    '',
    'prompt',
    '  fix the failing test',
  ])
})

it('the page of a finished task has each attempt with its facts', () => {
  const first = sampleAttempt({
    state: 'lease_expired',
    reason: 'lease_expired',
    detail: 'not heard for 90s',
    evidence: null,
    harness: null,
    harnessVersion: null,
    model: null,
  })
  const lines = taskPage(sampleTask({ attempts: [first, sampleAttempt({ n: 2 })] }), { ...look, now })
  expect(lines.slice(lines.indexOf('prompt') + 2)).toEqual([
    '',
    'attempt 1: lease expired after 42s on laptop:app',
    '  lease expired: not heard for 90s',
    '',
    'attempt 2: completed after 42s on laptop:app, codex 0.142.0 gpt-5',
    `  kept at refs/capstan/checkpoints/${taskId}/1`,
  ])
})

it('every line of a page fits 80 columns, whatever the task says', () => {
  const long = 'x'.repeat(300)
  const task = sampleTask({
    title: long,
    prompt: `${long}\n`.repeat(30),
    repo: long,
    correlationId: long,
    detail: long,
    state: 'failed',
    reason: 'agent_failed',
    attempts: [sampleAttempt({ daemonName: long, detail: long, evidence: sampleEvidence({ branch: long }) })],
  })
  for (const line of taskPage(task, { ...look, now })) expect(columns(line)).toBeLessThanOrEqual(80)
})

it('the log is one line each: when, what, who', () => {
  const lines = logLines(
    [
      {
        seq: 1,
        at: now,
        actor: 'user:local',
        cause: null,
        type: 'attempt_ended',
        data: { state: 'failed', reason: 'quota' },
      },
    ],
    look,
  )
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d {2}attempt ended {2}by user:local: failed, quota$/)
})

it('progress is told once the task moves', () => {
  const queued = sampleTask({
    state: 'queued',
    attempts: [],
    why: 'no daemon is connected; start one with: capstan daemon',
  })
  expect(progressLines(queued, now, look)).toEqual(['queued: no daemon is connected; start one with: capstan daemon'])
  expect(progressLines(sampleTask({ state: 'running' }), now, look)).toEqual([
    'running codex 0.142.0 gpt-5 on laptop:app',
  ])
  expect(progressLines(sampleTask({ state: 'parked', reason: 'quota', notBefore: now + 300_000 }), now, look)).toEqual([
    'parked: quota; next look in 5m',
  ])
  const why = 'parked until 2026-11-21T08:00:11Z: the quota of codex on laptop:app is spent; another may take it'
  expect(progressLines(sampleTask({ state: 'parked', reason: 'quota', why }), now, look).join(' ')).toBe(why)
  expect(progressLines(sampleTask(), now, look)).toEqual([])
})

it('shows what the agent handed in', () => {
  const attempt = sampleAttempt({ output: { score: 7 } })
  expect(taskPage(sampleTask({ attempts: [attempt] }), { ...look, now }).join('\n')).toContain(
    'output\n    {\n      "score": 7\n    }',
  )
})
