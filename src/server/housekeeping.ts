// The leader's slow loop: once an hour it lets go of rows and blobs that nobody needs any more. Nothing waits for it.

import type { HouseTerms, OldBlob } from '../store/housekeeping.ts'
import {
  anyHasBlob,
  blobsBefore,
  forgetBlob,
  forgetKeys,
  forgetMessages,
  referringPlaces,
  referringTexts,
} from '../store/housekeeping.ts'
import type { Tx, Work } from '../store/port.ts'
import type { Plane } from './plane.ts'

/** Between two batches others write: SQLite has one writer. */
const breathMs = 20
/** Blobs judged in one pass over the attempts: their ids are held in memory, 100 bytes each. */
const blobsAtOnce = 5_000

/** Runs until the signal aborts; a failure is logged and tried again at the next hour. */
export async function keepHouse(plane: Plane, signal: AbortSignal): Promise<void> {
  const { clock, settings, log } = plane
  let after: OldBlob | null = null
  while (!signal.aborted) {
    try {
      await clock.sleep(settings.housekeepingMs, signal)
      const done = await tidy(plane, after, signal)
      after = done.after
      if (done.keys + done.messages + done.blobs > 0) log.info(done.counts, 'house kept')
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'housekeeping failed')
    }
  }
}

interface Tidied {
  readonly keys: number
  readonly messages: number
  readonly blobs: number
  readonly counts: { readonly keys: number; readonly messages: number; readonly blobs: number }
  /** Where the next pass over the blobs begins. */
  readonly after: OldBlob | null
}

/** One round. `after`: the last blob that the round before judged. */
export async function tidy(plane: Plane, after: OldBlob | null, signal: AbortSignal): Promise<Tidied> {
  const before = plane.clock.now() - plane.settings.housekeepingAgeMs
  const terms: HouseTerms = { before, limit: plane.settings.sweepBatch }
  const keys = await inBatches(plane, signal, (tx) => forgetKeys(tx, terms))
  const messages = await inBatches(plane, signal, (tx) => forgetMessages(tx, terms))
  const old = await plane.store.read((tx) => blobsBefore(tx, { before, limit: blobsAtOnce }, after))
  const blobs = await dropUnreferred(plane, old, signal)
  const counts = { keys, messages, blobs }
  return { ...counts, counts, after: old.length < blobsAtOnce ? null : (old.at(-1) ?? null) }
}

async function inBatches(plane: Plane, signal: AbortSignal, batch: (tx: Tx) => Work<number>): Promise<number> {
  for (let total = 0; ; ) {
    const done = await plane.store.run(batch)
    total += done
    if (done < plane.settings.sweepBatch) return total
    await plane.clock.sleep(breathMs, signal)
  }
}

/** One pass over everything that may name a blob; those that nothing names go. */
async function dropUnreferred(plane: Plane, old: readonly OldBlob[], signal: AbortSignal): Promise<number> {
  const unnamed = new Map(Map.groupBy(old, (blob) => blob.cid))
  const limit = plane.settings.sweepBatch
  for (const place of unnamed.size === 0 ? [] : referringPlaces) {
    for (let after = ''; ; ) {
      const rows = await plane.store.read((tx) => referringTexts(tx, place, after, limit))
      for (const { text } of rows) for (const [cid] of text.matchAll(/sha256-[0-9a-f]{64}/g)) unnamed.delete(cid)
      after = rows.at(-1)?.at ?? ''
      if (rows.length < limit) break
      await plane.clock.sleep(breathMs, signal)
    }
  }
  let dropped = 0
  for (const blob of [...unnamed.values()].flat()) {
    signal.throwIfAborted()
    if (await dropBlob(plane, blob)) dropped += 1
  }
  return dropped
}

/** The row first, then the bytes, which are put back when a team brought them in between. */
async function dropBlob({ store, blobs }: Plane, blob: OldBlob): Promise<boolean> {
  if (!(await store.run((tx) => forgetBlob(tx, blob)))) return false
  if (await store.read((tx) => anyHasBlob(tx, blob.cid))) return true
  const bytes = await blobs.get(blob.cid)
  await blobs.remove(blob.cid)
  if (bytes !== null && (await store.read((tx) => anyHasBlob(tx, blob.cid)))) await blobs.put(blob.cid, bytes)
  return true
}
