// The log: folding it gives the row, whatever happened.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fold } from '../../../src/core/evolve.ts'
import type { AttemptReason } from '../../../src/core/reason.ts'
import { loggedEntries } from '../../../src/store/audit.ts'
import { taskLog } from '../../../src/store/log.ts'
import type { Claimed } from '../../../src/store/port.ts'
import type { Opener } from '../world.ts'
import { run, World } from '../world.ts'

type Move =
  | {
      readonly do:
        | 'create'
        | 'claim'
        | 'claim again'
        | 'heartbeat'
        | 'complete'
        | 'cancel'
        | 'retry'
        | 'accept'
        | 'reject'
    }
  | { readonly do: 'fail'; readonly reason: AttemptReason }
  | { readonly do: 'wait'; readonly ms: number }

export function logContract(opener: Opener): void {
  test('every entry says who, when and why', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    const { id } = claimed.record.task
    await world.do(id, { type: 'cancel', by: 'ann', message: 'no\0' })
    const log = await world.store.read((tx) => taskLog(tx, id))
    expect(log.map(({ seq, actor, entry }) => [seq, actor, entry.type])).toEqual([
      [1, 'user:ann', 'created'],
      [2, 'user:ann', 'queued'],
      [3, 'daemon:host', 'claimed'],
      [4, 'daemon:host', 'started'],
      [5, 'user:ann', 'cancelled'],
    ])
    expect(log[4]).toMatchObject({ at: world.clock.now(), entry: { message: 'no\0' } })
  })

  test('the audit log finds a task’s entries of one type behind others, and not those that only speak of it', async () => {
    await using world = await World.make(opener)
    const { id } = (await world.running(await world.daemon('alpha'))).record.task
    await world.do(id, { type: 'cancel', by: 'ann', message: '"type":"claimed" \0' })
    const found = async (operation: string) => {
      const query = { before: null, limit: 1, operation, target: id }
      return (await world.store.read((tx) => loggedEntries(tx, world.teamId, query))).map(({ seq }) => seq)
    }
    expect(await found('created')).toEqual([1])
    expect(await found('claimed')).toEqual([3])
    expect(await found('cancelled')).toEqual([5])
    for (const other of ['CREATED', 'creat%', '']) expect(await found(other)).toEqual([])
  })

  test('the log folds to the row under any sequence of commands', { timeout: 60_000 }, async () => {
    await using world = await World.make(opener)
    const daemons = [await world.daemon('alpha'), await world.daemon('beta')] as const
    const property = fc.asyncProperty(fc.array(moves, { minLength: 3, maxLength: 25 }), async (sequence) => {
      const id = await world.create({ terms: { retryOn: ['checks_failed'], review: 'required' } })
      const claims: Claimed[] = []
      for (const move of sequence) await make(world, { move, id, claims, daemons })
      const record = await world.task(id)
      const log = await world.store.read((tx) => taskLog(tx, id))
      expect(fold(log.map((logged) => logged.entry))).toEqual(record.task)
      expect(log.map((logged) => logged.seq)).toEqual(log.map((_, n) => n + 1))
      expect(record.task.version).toBe(log.length)
    })
    await fc.assert(property, { numRuns: opener.dialect === 'sqlite' ? 80 : 25 })
  })
}

const moves: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Move>({ do: 'claim' }, { do: 'claim again' }) },
  { weight: 6, arbitrary: fc.constantFrom<Move>({ do: 'heartbeat' }, { do: 'complete' }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Move>({ do: 'cancel' }, { do: 'retry' }, { do: 'accept' }, { do: 'reject' }),
  },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom<AttemptReason>('transport', 'daemon_abort', 'quota', 'checks_failed', 'timed_out', 'cancelled')
      .map((reason): Move => ({ do: 'fail', reason })),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom(1, 10_000, 90_000, 600_000, 7_200_000).map((ms): Move => ({ do: 'wait', ms })),
  },
)

interface Scene {
  readonly move: Move
  readonly id: string
  readonly claims: Claimed[]
  readonly daemons:
    | Parameters<World['claim']>[0][]
    | readonly [Parameters<World['claim']>[0], Parameters<World['claim']>[0]]
}

async function make(world: World, { move, id, claims, daemons }: Scene): Promise<void> {
  const [alpha, beta] = daemons
  const last = claims.at(-1)
  const by = { by: 'ann', message: '' }
  switch (move.do) {
    case 'create':
      return
    case 'claim':
    case 'claim again': {
      const daemon = move.do === 'claim' ? alpha : beta
      if (daemon !== undefined) claims.push(...(await world.claim(daemon, { taskId: id })))
      return
    }
    case 'heartbeat':
      for (const claimed of claims) await world.heartbeat(claimed.daemonId, [run(claimed, 'running')])
      return
    case 'complete':
      if (last !== undefined) await world.complete(last)
      return
    case 'fail':
      // Also by an owner that may be superseded.
      for (const claimed of claims.slice(0, 2)) await world.fail(claimed, { reason: move.reason })
      return
    case 'wait':
      world.clock.advance(move.ms)
      await world.sweep()
      return
    case 'cancel':
    case 'accept':
    case 'reject':
      await world.do(id, { type: move.do, ...by })
      return
    case 'retry':
      await world.do(id, { type: 'retry', by: 'ann' })
  }
}
