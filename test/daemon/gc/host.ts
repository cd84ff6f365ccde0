// A host's data folder with runs that are over, for the tests of the clean-up: real workspaces, real git, and a journal where one is needed.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cleanUp } from '../../../src/daemon/gc/clean-up.ts'
import { writeEndRecord } from '../../../src/daemon/gc/end-record.ts'
import type { CleanUp } from '../../../src/daemon/gc/job.ts'
import type { GcReport } from '../../../src/daemon/gc/report.ts'
import { defaultRetention } from '../../../src/daemon/gc/retention.ts'
import { openJournal } from '../../../src/daemon/journal/journal.ts'
import { capture } from '../../../src/daemon/workspace/capture.ts'
import { deliverBranch } from '../../../src/daemon/workspace/deliver.ts'
import type { Workspace, WorkspaceRequest } from '../../../src/daemon/workspace/port.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import type { Place } from '../workspace/place.ts'
import { captureOf } from '../workspace/place.ts'

export const hourMs = 3_600_000

export function makeHost(place: Place) {
  const stateDir = join(place.folder, 'daemon', 'default-0')
  mkdirSync(join(stateDir, 'runs'), { recursive: true })
  const request = (repo: string | null, more: Partial<WorkspaceRequest> = {}) =>
    place.request(repo, { stateDir, ...more })
  const begin = (repo: string | null, more: Partial<WorkspaceRequest> = {}) => prepare(request(repo, more))
  /** Ends a run as the daemon does: captured, delivered if it went well, its end recorded. */
  const end = async (workspace: Workspace, outcome: 'completed' | 'failed' = 'completed', agoMs = 200 * hourMs) => {
    const captured = await capture(workspace, captureOf(workspace))
    const author = { name: 'Ada', email: 'ada@localhost' }
    if (outcome === 'completed') await deliverBranch(workspace, captured, { author, message: 'Work' })
    const { attemptId, taskId, mode } = workspace
    const runDir = join(stateDir, 'runs', attemptId)
    place.write(join(runDir, 'stdout.log'), 'said\n')
    writeEndRecord(runDir, { attemptId, taskId, mode, outcome, at: systemClock.now() - agoMs })
    return runDir
  }
  const clean = (more: Partial<CleanUp> = {}): Promise<GcReport> =>
    cleanUp({
      dataDir: place.folder,
      retention: defaultRetention,
      dryRun: false,
      olderThanMs: null,
      clock: systemClock,
      ...more,
    })
  /** The journal as a daemon that still needs these runs has it. */
  const needs = (...workspaces: Workspace[]) => {
    using journal = openJournal(join(stateDir, 'journal.db'), systemClock.now()).journal
    for (const { attemptId, taskId, n } of workspaces) {
      journal.saveRun({ attemptId, taskId, epoch: 1, n, step: 'reported', data: {} })
    }
  }
  return { stateDir, request, begin, end, clean, needs }
}
