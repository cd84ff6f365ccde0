// Sends what the outbox holds: a report whose evidence names a patch goes only after the patch is at the server.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '../client/client.ts'
import type { FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import type { OutboxKind } from './journal/outbox-rows.ts'
import type { Link } from './link/link.ts'
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
  if ('evidence' in body) await uploadPatch(deps, body.attemptId, body.evidence?.diffCid ?? null)
  return deps.link.request(kind, body)
}

/** Content addressed: sending it again changes nothing. */
async function uploadPatch({ client, runs }: DeliveryDeps, attemptId: string, cid: string | null): Promise<void> {
  const path = patchPathOf(join(runs, attemptId))
  if (cid !== null && existsSync(path)) await client.putBlob(cid, readFileSync(path))
}
