// The leader's slow loop: once an hour it lets go of rows and blobs that nobody needs any more. Nothing waits for it.

import type { HouseTerms, OldBlob } from '../store/housekeeping.ts'
import {
  anyHasBlob,
  blobsBefore,
  forgetAudit,
  forgetBlob,
  forgetKeys,
  forgetMessages,
  forgetRequests,
  forgetTokens,
  referringPlaces,
  referringTexts,
} from '../store/housekeeping.ts'
import type { Tx, Work } from '../store/port.ts'
import type { Plane } from './plane.ts'
import { keepUnheard } from './service/unsaid.ts'

/** Between two batches others write: SQLite has one writer. */
const breathMs = 20
/** Blobs judged in one pass over the attempts: their ids are held in memory, 100 bytes each. */
const blobsAtOnce = 5_000
/** Rows that go by the one age, whatever they are. */
const aging = {
  keys: forgetKeys,
  messages: forgetMessages,
  requests: forgetRequests,
  tokens: forgetTokens,
} as const

/** Runs until the signal aborts; a failure is logged and tried again at the next hour. */
export async function keepHouse(plane: Plane, signal: AbortSignal): Promise<void> {
  const { clock, settings, log } = plane
  let after: OldBlob | null = null
  while (!signal.aborted) {
    try {
      await clock.sleep(settings.housekeepingMs, signal)
      const done = await tidy(plane, after, signal)
      after = done.after
      if (Object.values(done.counts).some((count) => count > 0)) log.info(done.counts, 'house kept')
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'housekeeping failed')
    }
  }
}

interface Tidied {
  /** How many went, by kind. */
  readonly counts: Readonly<Record<string, number>>
  /** Where the next pass over the blobs begins. */
  readonly after: OldBlob | null
}

/** One round. `after`: the last blob that the round before judged. */
export async function tidy(plane: Plane, after: OldBlob | null, signal: AbortSignal): Promise<Tidied> {
  const { housekeepingAgeMs, housekeepingMs, auditAgeMs, sweepBatch: limit } = plane.settings
  const now = plane.clock.now()
  const before = now - housekeepingAgeMs
  const counts: Record<string, number> = { unsaid: await keepUnheard(plane, { before: now - housekeepingMs, limit }) }
  for (const [kind, forget] of Object.entries(aging))
    counts[kind] = await inBatches(plane, signal, (tx) => forget(tx, { before, limit }))
  const terms: HouseTerms = { before: now - auditAgeMs, limit }
  if (auditAgeMs > 0) counts.audit = await inBatches(plane, signal, (tx) => forgetAudit(tx, terms))
  const old = await plane.store.read((tx) => blobsBefore(tx, { before, limit: blobsAtOnce }, after))
  counts.blobs = await dropUnreferred(plane, old, signal)
  return { counts, after: old.length < blobsAtOnce ? null : (old.at(-1) ?? null) }
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
