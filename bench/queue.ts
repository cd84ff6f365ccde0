// What Capstan and its peers have in common, and the three ways it is measured: streamed, drained, and started when idle.

import { median, pause, quantile, type Sample, until } from './measure.ts'

export interface Queue extends AsyncDisposable {
  /** Adds one job; resolves when the queue has acknowledged it. */
  add(): Promise<unknown>
  /** Adds many the fastest way the queue has. */
  addMany(count: number): Promise<unknown>
  /** Takes jobs until the result is called. A peer's job has ended when its handler has; ours when its result was acknowledged. */
  work(heard: { readonly started?: () => void; readonly ended?: () => void }): Promise<() => Promise<void>>
  /** Of a queue that writes later that jobs have ended: whether all of it is written. */
  settled?(): Promise<boolean>
}

/** Adds under way at once, each over a connection of its own: as many programs would add. */
export const producers = 24

/** Single adds, 24 under way, while workers take them: jobs per second from the first add to the last end. */
export async function streamed(queue: Queue, count: number): Promise<Sample> {
  let ended = 0
  const all = Promise.withResolvers<void>()
  const onEnd = () => {
    ended += 1
    if (ended === count) all.resolve()
  }
  const stop = await queue.work({ ended: onEnd })
  const begun = performance.now()
  let next = 0
  const produce = async () => {
    while (next < count) {
      next += 1
      await queue.add()
    }
  }
  await Promise.all(Array.from({ length: producers }, produce))
  await all.promise
  const ms = performance.now() - begun
  await stop()
  return { rate: (count * 1_000) / ms }
}

/** All added before, then taken: jobs per second from the first start to the last end that is written. */
export async function drained(queue: Queue, count: number): Promise<Sample> {
  await queue.addMany(count)
  let begun = 0
  let ended = 0
  const all = Promise.withResolvers<void>()
  const stop = await queue.work({
    started: () => {
      if (begun === 0) begun = performance.now()
    },
    ended: () => {
      ended += 1
      if (ended === count) all.resolve()
    },
  })
  await all.promise
  const { settled } = queue
  if (settled !== undefined) await until('all ends to be written', settled)
  const ms = performance.now() - begun
  await stop()
  return { rate: (count * 1_000) / ms }
}

/** One job at a time on an idle queue: from the call to add until a worker has it, ms. */
export async function starts(queue: Queue, count: number, betweenMs = 5): Promise<Sample> {
  let at = 0
  const stop = await queue.work({
    started: () => {
      at = performance.now()
    },
  })
  await pause(300) // a worker that has just come up polls
  const found: number[] = []
  for (let i = 0; i < count; i += 1) {
    at = 0
    const begun = performance.now()
    const added = queue.add()
    await until('a start', () => at > 0, 10_000)
    found.push(at - begun)
    await added
    await pause(betweenMs)
  }
  await stop()
  return { p50: median(found), p99: quantile(found, 0.99) }
}
