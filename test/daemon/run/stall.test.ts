// A silent agent is noticed; while a person is asked the silence is not the agent's.

import { expect, test } from 'vitest'
import { StallWatch } from '../../../src/daemon/run/stall.ts'
import { HandClock } from '../../fakes/clock.ts'

const said = [{ type: 'text', text: 'x' }] as const

async function stalledAfter(watch: StallWatch, clock: HandClock, limitMs: number): Promise<number | null> {
  let over = false
  const begun = clock.monotonic()
  const gone = new AbortController()
  const watching = watch.stalled(gone.signal).then(
    () => {
      over = true
    },
    () => {}, // ended below
  )
  while (!over && clock.monotonic() - begun < limitMs) {
    clock.advance(1_000)
    await new Promise((done) => setImmediate(done))
  }
  gone.abort()
  await watching
  return over ? clock.monotonic() - begun : null
}

test('the silence begins anew with each event, and after the last open request', async () => {
  const clock = new HandClock()
  const watch = new StallWatch(clock, 60_000)
  clock.advance(50_000)
  watch.heard(said)
  expect(await stalledAfter(watch, clock, 200_000)).toBe(60_000)
  watch.heard(said)
  watch.stand(true)
  watch.heard([])
  expect(await stalledAfter(watch, clock, 600_000)).toBeNull()
  watch.stand(false)
  expect(await stalledAfter(watch, clock, 200_000)).toBe(60_000)
})
