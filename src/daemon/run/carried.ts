// A run's conversation, kept for other hosts of its pool.

import { join } from 'node:path'
import { cidOf } from '../../lib/cid.ts'
import { messageOf } from '../../lib/error-text.ts'
import { writePlain } from '../../lib/plain-file.ts'
import { isStorageTrouble } from '../../lib/storage-trouble.ts'
import type { Harness, HostProbe } from '../harness/port.ts'
import type { Bundle } from '../session/bundle.ts'
import { pack, readBundle } from '../session/bundle.ts'
import { conversationHost } from '../session/conversation-home.ts'
import { redactorOf } from './agent.ts'
import type { RunDeps } from './deps.ts'
import type { RunRecord } from './record.ts'

/** Where a run's conversation lies until the server has it. */
export function conversationPathOf(runDir: string): string {
  return join(runDir, 'conversation')
}

/**
 * Keeps the conversation for other hosts, without secrets. Gives its content id, or null when it is not to be had or stays here: it can then be
 * resumed on this host alone, and takes no work with it.
 */
export function keepConversation(deps: RunDeps, record: RunRecord, cwd: string): string | null {
  const { state, runDir, attemptId } = record
  const { harness, workspace } = record.prepared()
  try {
    const ref = state.ending?.sessionRef ?? null
    const bundle =
      ref === null || !deps.sharesSessions
        ? null
        : bundleOf(conversationHost(deps.probe(), deps.state.dir, workspace), harness, { ref, cwd })
    if (bundle === null) return null
    const redact = redactorOf(deps, { assignment: state.assignment, harness, runDir })
    const bytes = pack({ ...bundle, files: bundle.files.map(({ name, text }) => ({ name, text: redact(text) })) })
    writePlain(conversationPathOf(runDir), bytes)
    return cidOf(bytes)
  } catch (error) {
    if (isStorageTrouble(error)) throw error
    deps.log.error({ attemptId, error: messageOf(error) }, 'conversation not kept')
    return null
  }
}

function bundleOf(
  host: HostProbe,
  harness: Harness,
  { ref, cwd }: { readonly ref: string; readonly cwd: string },
): Bundle | null {
  if (harness.sessionRoot === undefined) return null
  const files = harness.sessionFiles?.(host, { ref, cwd }) ?? []
  return readBundle({ harness: harness.name, ref }, harness.sessionRoot(host, { cwd }), files)
}
