// New tasks for figures that measure the store itself.

import type { Requirements } from '../src/core/routing.ts'
import { makeId } from '../src/lib/ids.ts'
import type { NewTask } from '../src/store/port.ts'

export function newTask(teamId: string, needs: Partial<Requirements> = {}): NewTask {
  return {
    id: makeId('task', Date.now()),
    spec: {
      title: 'bench',
      prompt: 'echo hello',
      input: {},
      model: null,
      autonomy: 'full',
      workspace: { mode: 'scratch', scope: 'attempt', base: null },
      checks: [],
      budgets: { maxBashTimeouts: 3 },
      runningTimeoutMs: 7_200_000,
      failover: 'patient',
      onStall: 'notify',
      stallTimeoutMs: 1_800_000,
      setupTimeoutMs: 900_000,
      checkTimeoutMs: 900_000,
      claimCondition: null,
      continueFrom: null,
      context: [],
      attachments: [],
    },
    needs: {
      teamId,
      pool: null,
      daemon: null,
      repo: null,
      role: null,
      type: 'freeform',
      harness: 'shell',
      profiles: [],
      labels: [],
      ...needs,
    },
    terms: { maxAttempts: 3, retryOn: [], expect: 'nothing', review: 'none', expiresAt: null },
    priority: 0,
    runAt: null,
    correlationId: null,
    causeId: null,
    hops: 0,
    createdBy: 'user:bench',
    idempotency: null,
  }
}
