// A run's memory: its state, journalled at each change, and what it says to the server by way of the outbox.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeRedactor, redactEvent } from '../../lib/redact.ts'
import type { FromDaemonBody, RunReport } from '../../protocol/link.ts'
import { writeEndRecord } from '../gc/end-record.ts'
import type { Harness } from '../harness/port.ts'
import { findHarness } from '../harness/registry.ts'
import type { ReportKind } from '../journal/outbox-rows.ts'
import { clearOut } from '../mcp/place.ts'
import { releaseShared } from '../workspace/hold.ts'
import type { Workspace } from '../workspace/port.ts'
import { keepCopy } from './copy.ts'
import type { RunDeps } from './deps.ts'
import { subfolderOf } from './finish.ts'
import { attachmentsIn } from './given.ts'
import { formOf } from './interactive.ts'
import { releasePorts } from './ports.ts'
import { RunRefused } from './refused.ts'
import { reportOf, salvageOf } from './report.ts'
import type { RunState } from './state.ts'

/** The kinds of a last report. */
export type Said = 'result' | 'fail' | 'abort' | 'salvage'

export class RunRecord {
  readonly runDir: string
  readonly #deps: RunDeps
  #state: RunState
  #said: Said | null = null

  constructor(deps: RunDeps, state: RunState) {
    this.#deps = deps
    this.#state = state
    this.runDir = join(deps.state.runs, state.assignment.attemptId)
  }

  get state(): RunState {
    return this.#state
  }

  get attemptId(): string {
    return this.#state.assignment.attemptId
  }

  /** What its last report is, once that is in the outbox. */
  get said(): Said | null {
    return this.#state.step === 'reported' ? (this.#said ?? 'result') : null
  }

  /** What the heartbeat says of it. */
  summary(): RunReport {
    const { assignment, step, harness, harnessVersion, inputBase, handle, ending, box } = this.#state
    const phase = step === 'claimed' || step === 'prepared' ? 'preparing' : step === 'started' ? 'running' : 'finishing'
    const talks = harness !== null && findHarness(this.#deps.harnesses, harness)?.message !== undefined
    return {
      attemptId: assignment.attemptId,
      epoch: assignment.epoch,
      phase,
      takesMessages: step === 'started' && inputBase !== null && talks,
      ...this.#lease(),
      harness,
      harnessVersion,
      model: ending?.model ?? assignment.task.model,
      containment: handle === null ? null : box == null ? handle.containment : `${handle.containment}, ${box}`,
    }
  }

  #lease(): Pick<RunReport, 'leaseTtlMs'> {
    const asked = this.#state.assignment.profile?.settings.leaseTtlMs ?? this.#deps.leaseTtlMs ?? null
    return asked === null ? {} : { leaseTtlMs: asked }
  }

  /** Workspace and harness of a run that is prepared. Throws `RunRefused` when this start of the daemon does not know its harness. */
  prepared(): { readonly workspace: Workspace; readonly harness: Harness } {
    const { workspace, harness: name } = this.#state
    const harness = name === null ? null : findHarness(this.#deps.harnesses, name)
    if (workspace !== null && harness !== null) return { workspace, harness: formOf(harness, this.#state.assignment) }
    throw new RunRefused('harness_unavailable', `the harness ${name} is no longer known on this host`)
  }

  save(change: Partial<RunState>): void {
    const next = { ...this.#state, ...change }
    const { assignment, step } = next
    const { attemptId, epoch, n, task } = assignment
    this.#deps.journal.saveRun({ attemptId, taskId: task.id, epoch, n, step, data: next })
    this.#state = next
    keepCopy(this.runDir, next)
  }

  /** The daemon's own words in the transcript. */
  notice(messages: readonly string[]): void {
    if (messages.length === 0) return
    const { journal, clock, poke } = this.#deps
    const events = messages.map((message) => ({ type: 'notice' as const, message }))
    journal.appendEvents(this.attemptId, events, clock.now())
    poke()
  }

  /** Puts the last report into the outbox and ends what the run held. `lost`: why another owner has the task; null: it is ours. */
  report(lost: string | null): void {
    const before = this.#state
    this.#recordEnd(lost)
    try {
      this.#deps.journal.transaction(() => {
        this.#enqueue(lost)
        this.save({ step: 'reported' })
      })
    } catch (error) {
      this.#state = before // the transaction was taken back as a whole
      throw error
    }
    if (this.#state.workspace?.mode === 'shared') releaseShared(this.#state.workspace)
    rmSync(join(this.runDir, 'tmp'), { recursive: true, force: true })
    rmSync(attachmentsIn(this.runDir), { recursive: true, force: true })
    releasePorts(this.#deps.places.dataDir, this.attemptId)
    clearOut(this.runDir)
    this.#deps.changed()
    this.#deps.poke()
  }

  /** For those who clean up later, when the journal knows nothing of the run any more. */
  #recordEnd(lost: string | null): void {
    const { assignment, workspace, ending } = this.#state
    const warmMs = assignment.task.correlationId === null ? null : (this.#deps.warmSessionTtlMs ?? null)
    const keepMs = assignment.profile?.settings.workspaceTtlMs ?? null
    const subfolder = subfolderOf(this.#state)
    writeEndRecord(this.runDir, {
      attemptId: this.attemptId,
      taskId: assignment.task.id,
      mode: workspace?.mode ?? null,
      outcome: lost === null && ending?.failure === null ? 'completed' : 'failed',
      at: this.#deps.clock.now(),
      ...(keepMs === null ? {} : { keepMs }),
      ...(warmMs === null ? {} : { warmMs }),
      ...(subfolder === null ? {} : { subfolder }),
    })
  }

  #enqueue(lost: string | null): void {
    const { journal, clock, secrets } = this.#deps
    const redact = makeRedactor(secrets())
    const add = <K extends ReportKind>({ kind, body }: { readonly kind: K; readonly body: FromDaemonBody<K> }) =>
      journal.outbox.add(this.attemptId, kind, redactEvent(body, redact), clock.now())
    const report = lost === null ? reportOf(this.#state) : salvageOf(this.#state, lost)
    this.#said = report.kind
    add(report)
  }
}
