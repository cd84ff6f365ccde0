// Sends what the outbox holds: a report that names a patch or a conversation goes only after these are at the server.

import { join } from 'node:path'
import type { Client } from '../client/client.ts'
import type { Clock } from '../core/clock.ts'
import { readPlain } from '../lib/plain-file.ts'
import type { FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import type { Journal } from './journal/journal.ts'
import type { OutboxKind } from './journal/outbox-rows.ts'
import type { Link } from './link/link.ts'
import { conversationPathOf } from './run/carried.ts'
import { patchPathOf } from './run/finish.ts'

/** No patch and no conversation is larger. */
const maxBytes = 268_435_456

export interface DeliveryDeps {
  readonly link: Link
  readonly client: Client
  readonly journal: Journal
  readonly clock: Clock
  /** The folder of all runs. */
  readonly runs: string
}

/** Sends one message of the outbox. Throws what the server or the line says; the outbox keeps the row then. */
export async function deliverMessage<K extends OutboxKind>(
  deps: DeliveryDeps,
  kind: K,
  body: FromDaemonBody<K>,
): Promise<FromDaemonReply<K>> {
  if ('evidence' in body) {
    const runDir = join(deps.runs, body.attemptId)
    await upload(deps, patchPathOf(runDir), body.evidence?.diffCid ?? null)
    await upload(deps, conversationPathOf(runDir), 'sessionCid' in body ? (body.sessionCid ?? null) : null)
  }
  return deps.link.request(kind, 'openForMs' in body ? { ...body, openForMs: leftOf(deps, body) } : body)
}

/** What is left of a person's time: a request may have waited for the link, or be told again. */
function leftOf(
  { journal, clock }: DeliveryDeps,
  { attemptId, requestId, openForMs }: FromDaemonBody<'request'>,
): number {
  const until = journal.talk.until(attemptId, requestId)
  return until === null ? openForMs : Math.max(1, Math.min(openForMs, until - clock.now()))
}

/** Content addressed: sending it again changes nothing. */
async function upload({ client }: DeliveryDeps, path: string, cid: string | null): Promise<void> {
  const bytes = cid === null ? null : readPlain(path, maxBytes)
  if (cid !== null && bytes !== null) await client.putBlob(cid, bytes)
}
