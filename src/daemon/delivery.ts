// Sends what the outbox holds: a report that names a patch or a conversation goes only after these are at the server.

import { join } from 'node:path'
import type { Client } from '../client/client.ts'
import { readPlain } from '../lib/plain-file.ts'
import type { FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import type { OutboxKind } from './journal/outbox-rows.ts'
import type { Link } from './link/link.ts'
import { conversationPathOf } from './run/carried.ts'
import { patchPathOf } from './run/finish.ts'

export interface DeliveryDeps {
  readonly link: Link
  readonly client: Client
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
  return deps.link.request(kind, body)
}

/** Content addressed: sending it again changes nothing. */
async function upload({ client }: DeliveryDeps, path: string, cid: string | null): Promise<void> {
  const bytes = cid === null ? null : readPlain(path)
  if (cid !== null && bytes !== null) await client.putBlob(cid, bytes)
}
