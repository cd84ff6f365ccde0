// Final reports that are stored together: each is answered, and changes what it would change, as if it had come alone.

import { expect, test } from 'vitest'
import { defaultRetryPolicy } from '../../../src/core/retry.ts'
import { taskLog } from '../../../src/store/log.ts'
import type { Claimed } from '../../../src/store/port.ts'
import { type FinalReport, type ReportBy, reportTogether } from '../../../src/store/reports.ts'
import { type Opener, plainOutcome, World } from '../world.ts'

export function reportsContract(opener: Opener): void {
  const completed = ({ daemonId, attemptId, epoch }: Claimed, over: Partial<FinalReport> = {}): ReportBy => {
    const facts = { changed: true, output: true }
    const said = { kind: 'complete', attemptId, epoch, facts, outcome: plainOutcome, ...over }
    return { daemonId, said: said as FinalReport } // the parts of one kind
  }
  const failed = ({ daemonId, attemptId, epoch }: Claimed): ReportBy => {
    const said = { reason: 'agent_failed', detail: 'exit 1', resetAt: null, outcome: plainOutcome } as const
    return { daemonId, said: { kind: 'fail', attemptId, epoch, ...said } }
  }
  const together = (world: World, reports: readonly ReportBy[]) =>
    world.store.run((tx) => reportTogether(tx, reports, defaultRetryPolicy))

  test('reports of different tasks are stored together: state, outcome and log of each are its own', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const [a, b, c] = [await world.running(daemon), await world.running(daemon), await world.running(daemon)]
    const exitCode = { outcome: { ...plainOutcome, exitCode: 7 } }
    const answers = await together(world, [completed(a), failed(b), completed(c, exitCode)])
    expect(answers.map((each) => each.is === 'done' && each.record.task.status.state)).toEqual([
      'completed',
      'failed',
      'completed',
    ])
    for (const [i, { record }] of [a, b, c].entries()) {
      const answer = answers[i]
      const stored = await world.task(record.task.id)
      expect(answer).toEqual({ is: 'done', record: stored })
      const log = await world.store.read((tx) => taskLog(tx, record.task.id))
      expect(log.at(-1)?.seq).toBe(stored.task.version)
    }
    expect((await world.task(c.record.task.id)).attempts[0]?.outcome?.exitCode).toBe(7)
  })

  test('among them a repeated, a foreign and an unknown one are answered as if alone', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const [a, b] = [await world.running(daemon), await world.running(daemon)]
    const old = { ...completed(b), said: { ...completed(b).said, epoch: 99 } }
    const unknown = { ...completed(b), said: { ...completed(b).said, attemptId: 'att_none' } }
    const answers = await together(world, [completed(a), completed(a), old, unknown])
    expect(answers.map((each) => each.is)).toEqual(['done', 'done', 'refused', 'refused'])
    expect(await world.state(a.record.task.id)).toBe('completed')
    expect(await world.state(b.record.task.id)).toBe('running')
    expect((await together(world, [completed(a), completed(b)])).map((each) => each.is)).toEqual(['done', 'done'])
  })

  test('a task that waits for two of them is queued by the second', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const [a, b] = [await world.running(daemon), await world.running(daemon)]
    const conditions = [a, b].map(({ record }) => ({ op: 'task_accepted' as const, taskId: record.task.id }))
    const waiting = await world.create({ spec: { claimCondition: { op: 'all', conditions } } })
    expect(await world.state(waiting)).toBe('waiting')
    await together(world, [completed(a), completed(b)])
    expect(await world.state(waiting)).toBe('queued')
  })
}
