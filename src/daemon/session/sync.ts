// Conversations that this host has and the server has not: found, freed of secrets, uploaded and attached to their attempts.

import { join } from 'node:path'
import type { Client } from '../../client/client.ts'
import { Problem } from '../../core/problem.ts'
import { cidOf } from '../../lib/cid.ts'
import type { Redactor } from '../../lib/redact.ts'
import type { Output } from '../../protocol/operations.ts'
import { readEndRecord } from '../gc/end-record.ts'
import type { Harness, HostProbe } from '../harness/port.ts'
import { preparedWorkspace } from '../workspace/prepare.ts'
import type { Bundle } from './bundle.ts'
import { pack, readBundle } from './bundle.ts'
import { conversationHost } from './conversation-home.ts'

export interface SyncInput {
  readonly client: Client
  readonly harnesses: readonly Harness[]
  readonly host: HostProbe
  readonly redact: Redactor
  readonly signal: AbortSignal
  /** Says what would be done, and does it not. */
  readonly dryRun: boolean
  readonly states: readonly string[]
  readonly profile: string | null
  readonly limit: number | null
}

/** One daemon of this host: its state folder and its key. */
export interface Seat {
  readonly stateDir: string
  readonly key: string
}

export type Synced = Output<'listUnsyncedSessions'>['items'][number] & {
  /** `absent`: its files are not on this host any more, or its agent keeps none that can be carried. */
  readonly outcome: 'uploaded' | 'found' | 'absent'
  readonly bytes: number
}

/** Goes on after each; what was attached stays so. A daemon that never registered with this server has nothing to upload. */
export async function syncSessions(input: SyncInput, seat: Seat): Promise<readonly Synced[]> {
  const { client, signal, states, profile, limit, dryRun } = input
  const body = {
    key: seat.key,
    ...(states.length === 0 ? {} : { states: states as Output<'getTask'>['attempts'][number]['state'][] }), // the server says which there are
    ...(profile === null ? {} : { profile }),
    ...(limit === null ? {} : { limit }),
  }
  const { items } = await client.call('listUnsyncedSessions', { body, signal }).catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'unknown_daemon') return { items: [] }
    throw error
  })
  const done: Synced[] = []
  for (const item of items) {
    const bytes = bytesOf(input, seat, item)
    if (bytes === null) done.push({ ...item, outcome: 'absent', bytes: 0 })
    else if (dryRun) done.push({ ...item, outcome: 'found', bytes: bytes.length })
    else {
      const sessionCid = cidOf(bytes)
      await client.putBlob(sessionCid, bytes, signal)
      const attached = { key: seat.key, attemptId: item.attemptId, sessionCid }
      await client.call('attachSession', { body: attached, signal })
      done.push({ ...item, outcome: 'uploaded', bytes: bytes.length })
    }
  }
  return done
}

function bytesOf(
  { harnesses, host, redact }: SyncInput,
  { stateDir }: Seat,
  { attemptId, harness: name, sessionRef: ref }: Output<'listUnsyncedSessions'>['items'][number],
): Uint8Array | null {
  const harness = harnesses.find((each) => each.name === name)
  const workspace = preparedWorkspace(stateDir, attemptId)
  if (harness?.sessionRoot === undefined || workspace === null) return null
  const { subfolder } = readEndRecord(join(stateDir, 'runs', attemptId)) ?? {}
  const path = subfolder === undefined ? workspace.path : join(workspace.path, subfolder)
  const bundle = found(harness, conversationHost(host, stateDir, workspace), { ref, path })
  if (bundle === null) return null
  return pack({ ...bundle, files: bundle.files.map(({ name: file, text }) => ({ name: file, text: redact(text) })) })
}

function found(
  harness: Harness,
  host: HostProbe,
  { ref, path: cwd }: { readonly ref: string; readonly path: string },
): Bundle | null {
  const files = harness.sessionFiles?.(host, { ref, cwd }) ?? []
  return readBundle({ harness: harness.name, ref }, harness.sessionRoot?.(host, { cwd }) ?? cwd, files)
}

/** Where the daemons of a data folder keep their state. */
export function seatFolders(dataDir: string): string {
  return join(dataDir, 'daemon')
}
