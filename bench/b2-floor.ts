// B2: what durability costs, and what is kept of the least that could do the same.

import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { type Place, queueAt, startServerProcess } from './capstan.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import type { FloorArgument } from './floor/server.ts'
import { interleaved } from './measure.ts'
import { startProcess } from './processes.ts'
import { streamed } from './queue.ts'

export const floor: Figure = {
  id: 'B2',
  title: 'Durability, and what is kept of a bare http + ws + SQLite server',
  run,
}

async function run(bench: Bench): Promise<Line[]> {
  await using stack = new AsyncDisposableStack()
  const bare = async (synchronous: 'FULL' | 'NORMAL') => {
    const argument: FloorArgument = { path: join(bench.dir(), 'floor.db'), synchronous }
    const started = await startProcess<Place>('floor/server.ts', argument)
    stack.defer(() => started.stop())
    return started.line
  }
  const ours = async (synchronous: 'FULL' | 'NORMAL') => {
    const dir = bench.dir()
    const started = await startServerProcess({ database: join(dir, 'capstan.db'), dataDir: dir, synchronous })
    stack.defer(() => started.stop())
    return started.line
  }
  const [full, normal, floorFull] = [await ours('FULL'), await ours('NORMAL'), await bare('FULL')]
  const turn = (place: Place) => async () => {
    await using queue = queueAt([place])
    return await streamed(queue, bench.count(8_000))
  }
  const found = await interleaved(bench.rounds, { full: turn(full), normal: turn(normal), floor: turn(floorFull) })
  const rate = (name: keyof typeof found) => found[name].rate ?? Number.NaN
  return [
    compare('synchronous FULL, against NORMAL', 'tasks/s', [rate('full'), 'Capstan, NORMAL', rate('normal')], {
      atLeast: 0.95,
    }),
    compare('all features, against the bare floor', 'tasks/s', [rate('full'), 'floor, FULL', rate('floor')], {
      atLeast: 0.7,
    }),
  ]
}
