// One holder at a time, in one process and between two; a dead holder holds nothing.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { exec } from '../../src/lib/exec.ts'
import { whenFree, withLock } from '../../src/lib/lock.ts'
import { makePlace } from '../daemon/workspace/place.ts'

const lockFile = JSON.stringify(join(import.meta.dirname, '../../src/lib/lock.ts'))

test('work under one lock never overlaps, and its result or error comes back', async () => {
  using place = makePlace()
  const path = place.path('deep/lock')
  let inside = 0
  const work = Array.from({ length: 30 }, (_, i) =>
    withLock(path, {}, async () => {
      inside += 1
      expect(inside).toBe(1)
      await systemClock.sleep(1)
      inside -= 1
      return i
    }),
  )
  expect(await Promise.all(work)).toEqual(Array.from({ length: 30 }, (_, i) => i))
  await expect(withLock(path, {}, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
  expect(await withLock(path, {}, async () => 'free')).toBe('free')
})

test('whoever gives up waiting does not let the next one in early', async () => {
  using place = makePlace()
  const path = place.path('lock')
  const hold = Promise.withResolvers<void>()
  const order: string[] = []
  const first = withLock(path, {}, () => hold.promise.then(() => order.push('first')))
  const stop = new AbortController()
  const second = withLock(path, { signal: stop.signal }, async () => order.push('second'))
  const third = withLock(path, {}, async () => order.push('third'))
  stop.abort(new Error('enough'))
  await expect(second).rejects.toThrow('enough')
  await expect(withLock(path, { timeoutMs: 50 }, async () => {})).rejects.toThrow('is held')
  hold.resolve()
  await Promise.all([first, third])
  expect(order).toEqual(['first', 'third'])
})

test('work that is done only when the lock is free says whether it was, and its own refusals are its own', async () => {
  using place = makePlace()
  const [path, other] = [place.path('lock'), place.path('other')]
  expect(await whenFree(path, {}, async () => 'done')).toBe('done')
  const busy = () => whenFree(path, { timeoutMs: 20 }, async () => 'done')
  expect(await withLock(path, {}, busy)).toBeNull()
  const inner = () => whenFree(path, {}, () => withLock(other, { timeoutMs: 20 }, async () => {}))
  await expect(withLock(other, {}, inner)).rejects.toThrow('is held')
})

test('two processes never hold it together', async () => {
  using place = makePlace()
  const log = place.write('log', '')
  const script = place.write(
    'hold.mjs',
    `import { appendFileSync } from 'node:fs'
     import { withLock } from ${lockFile}
     for (let i = 0; i < 20; i += 1) await withLock(process.argv[2], {}, async () => {
       appendFileSync(process.argv[3], 'in\\n')
       await new Promise((resolve) => setTimeout(resolve, 2))
       appendFileSync(process.argv[3], 'out\\n')
     })`,
  )
  const start = () =>
    exec(process.execPath, [script, place.path('lock'), log], {
      cwd: place.folder,
      env: process.env,
      timeoutMs: 25_000,
    })
  for (const result of await Promise.all([start(), start()])) expect([result.code, result.stderr]).toEqual([0, ''])
  expect(readFileSync(log, 'utf8')).toBe('in\nout\n'.repeat(40))
})

test('a holder that is killed holds nothing', async () => {
  using place = makePlace()
  const path = place.path('lock')
  const script = place.write(
    'die.mjs',
    `import { withLock } from ${lockFile}
     await withLock(process.argv[2], {}, async () => process.kill(process.pid, 'SIGKILL'))`,
  )
  const result = await exec(process.execPath, [script, path], {
    cwd: place.folder,
    env: process.env,
    timeoutMs: 20_000,
  })
  expect(result.signal).toBe('SIGKILL')
  expect(await withLock(path, { timeoutMs: 2_000 }, async () => 'free')).toBe('free')
})
