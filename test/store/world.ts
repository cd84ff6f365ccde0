// What every store test starts from: an empty database, a clock turned by hand, a team, and short words for the usual commands.

import type { DaemonId, TaskId } from '../../src/core/id.ts'
import { defaultRetryPolicy } from '../../src/core/retry.ts'
import type { Requirements } from '../../src/core/routing.ts'
import { makeId } from '../../src/lib/ids.ts'
import type { DaemonOffer } from '../../src/protocol/fleet.ts'
import type { RunReport } from '../../src/protocol/link.ts'
import { heartbeat } from '../../src/store/attempts.ts'
import { claimTasks } from '../../src/store/claims.ts'
import { registerDaemon } from '../../src/store/daemons.ts'
import { lanesAfter } from '../../src/store/lanes.ts'
import type { Claimed, NewTask, Outcome, Store, TaskRecord, TaskSpec } from '../../src/store/port.ts'
import type { FinalReport } from '../../src/store/reports.ts'
import { report } from '../../src/store/reports.ts'
import type { StepCommand } from '../../src/store/step.ts'
import { sweep } from '../../src/store/sweeps.ts'
import { createTask, taskById } from '../../src/store/tasks.ts'
import { createTeam } from '../../src/store/teams.ts'
import { transition } from '../../src/store/transition.ts'
import { HandClock } from '../fakes/clock.ts'

export const leaseMs = 90_000
export const graceMs = 600_000
export const dispatchMs = 300_000
export const user = { actor: 'user:ann', cause: null }

/** How a database under test is opened: a fresh one, and the same once more. */
export interface Opener {
  readonly dialect: 'sqlite' | 'postgres'
  /** A store on a fresh database, and how to open another on the same one. */
  open(clock: HandClock): Promise<{ readonly store: Store; readonly another: () => Promise<Store> }>
}

export class World implements AsyncDisposable {
  readonly clock: HandClock
  readonly store: Store
  readonly another: () => Promise<Store>
  readonly teamId = makeId('team', 0)

  private constructor(clock: HandClock, opened: Awaited<ReturnType<Opener['open']>>) {
    this.clock = clock
    this.store = opened.store
    this.another = opened.another
  }

  static async make(opener: Opener): Promise<World> {
    const clock = new HandClock()
    const world = new World(clock, await opener.open(clock))
    await world.store.run((tx) => createTeam(tx, { id: world.teamId, name: 'crew' }))
    return world
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.store.close()
  }

  needs(over: Partial<Requirements> = {}): Requirements {
    const any = { pool: null, daemon: null, repo: null, role: null, harness: null }
    return { teamId: this.teamId, ...any, type: 'freeform', profiles: [], labels: [], ...over }
  }

  newTask(over: Partial<Omit<NewTask, 'spec' | 'terms' | 'needs'>> & Inner = {}): NewTask {
    const { spec, terms, needs, ...rest } = over
    return {
      id: makeId('task', this.clock.now()),
      spec: { ...plainSpec, ...spec },
      needs: this.needs(needs),
      terms: { maxAttempts: 3, retryOn: [], expect: 'nothing', review: 'none', expiresAt: null, ...terms },
      priority: 0,
      runAt: null,
      correlationId: null,
      causeId: null,
      hops: 0,
      createdBy: 'user:ann',
      idempotency: null,
      ...rest,
    }
  }

  async create(over: Parameters<World['newTask']>[0] = {}): Promise<TaskId> {
    const given = this.newTask(over)
    return (await this.store.run((tx) => createTask(tx, given))).taskId
  }

  async task(id: string): Promise<TaskRecord> {
    const record = await this.store.read((tx) => taskById(tx, id))
    if (record === null) throw new Error(`no task ${id}`)
    return record
  }

  async state(id: string): Promise<string> {
    return (await this.task(id)).task.status.state
  }

  async daemon(name: string, over: Partial<DaemonOffer> = {}): Promise<DaemonId> {
    const answer = await this.store.run((tx) =>
      registerDaemon(tx, {
        id: makeId('dmn', tx.now),
        teamId: this.teamId,
        keyHash: `key of ${name}`,
        bootId: 'boot 1',
        offer: { ...plainOffer, name, ...over },
        poolId: null,
        profileIds: [],
        connectionId: `connection of ${name}`,
      }),
    )
    if (answer.is === 'refused') throw new Error(`${name} was refused`)
    return answer.daemon.id
  }

  /** Claims from every lane; a pinned lane only for its daemon, as routing has it. */
  claim(
    daemonId: DaemonId,
    over: { max?: number; taskId?: string; correlationId?: string; store?: Store; unheard?: boolean } = {},
  ): Promise<Claimed[]> {
    return (over.store ?? this.store).run(function* (tx) {
      const lanes = yield* lanesAfter(tx, 0)
      const mine = lanes.filter(({ needs }) => needs.daemon === null || needs.daemon === daemonId)
      const fits = mine.map((lane) => ({ laneId: lane.id, profileId: null, rank: 0 }))
      const { max = 1, taskId = null, correlationId = null, unheard = false } = over
      return yield* claimTasks(tx, {
        daemonId,
        daemonName: 'host',
        teamId: fitsTeam(lanes),
        fits,
        max,
        taskId,
        correlationId,
        dispatchMs,
        unheard,
      })
    })
  }

  async claimOne(daemonId: DaemonId): Promise<Claimed> {
    const [claimed] = await this.claim(daemonId)
    if (claimed === undefined) throw new Error('nothing to claim')
    return claimed
  }

  heartbeat(daemonId: DaemonId, runs: readonly RunReport[]) {
    return this.store.run((tx) => heartbeat(tx, daemonId, runs, { leaseMs }))
  }

  /** A claimed task whose agent runs. */
  async running(daemonId: DaemonId, over: Parameters<World['newTask']>[0] = {}): Promise<Claimed> {
    await this.create(over)
    const claimed = await this.claimOne(daemonId)
    await this.heartbeat(daemonId, [run(claimed, 'running')])
    return claimed
  }

  do(taskId: string, command: StepCommand) {
    return this.store.run((tx) => transition(tx, taskId, command, { cause: user }))
  }

  complete(claimed: Claimed, over: Partial<Extract<FinalReport, { kind: 'complete' }>> = {}) {
    const { attemptId, epoch, daemonId } = claimed
    const facts = { changed: true, output: true }
    const said = { kind: 'complete', attemptId, epoch, facts, outcome: plainOutcome, ...over } as const
    return this.store.run((tx) => report(tx, daemonId, said))
  }

  fail(claimed: Claimed, over: Partial<Extract<FinalReport, { kind: 'fail' }>> = {}) {
    const { attemptId, epoch, daemonId } = claimed
    const plain = { reason: 'agent_failed', detail: 'exit 1', resetAt: null, outcome: plainOutcome } as const
    return this.store.run((tx) => report(tx, daemonId, { kind: 'fail', attemptId, epoch, ...plain, ...over }))
  }

  sweep(limit = 100) {
    return this.store.run((tx) => sweep(tx, { limit, graceMs, policy: defaultRetryPolicy }))
  }
}

interface Inner {
  readonly spec?: Partial<TaskSpec>
  readonly terms?: Partial<NewTask['terms']>
  readonly needs?: Partial<Requirements>
}

export function run(claimed: Claimed, phase: RunReport['phase']): RunReport {
  const { attemptId, epoch } = claimed
  const facts = { harness: 'shell', harnessVersion: '1', model: null, containment: 'pgid' }
  return { attemptId, epoch, phase, ...facts }
}

function fitsTeam(lanes: readonly { readonly needs: Requirements }[]): string {
  return lanes[0]?.needs.teamId ?? ''
}

export const plainOutcome: Outcome & { readonly sessionRef: string | null } = {
  exitCode: 0,
  signal: null,
  usage: null,
  costUsd: null,
  evidence: null,
  output: null,
  outputCid: null,
  withheld: [],
  sessionRef: 'conversation 1',
}

export const plainOffer: DaemonOffer = {
  hostId: 'host_1',
  name: 'alpha',
  version: '0.1.0',
  platform: 'linux-x64',
  pid: 4_242,
  identity: 'default',
  pool: null,
  roles: [],
  repos: [],
  harnesses: [{ name: 'shell', version: '1', ready: true, problem: null }],
  profiles: [],
  labels: [],
  types: [],
  only: {},
  maxAgents: 4,
  freeDiskBytes: null,
  freeMemoryBytes: null,
}

const plainSpec: TaskSpec = {
  title: 'mend the gate',
  prompt: 'mend the gate',
  input: {},
  model: null,
  autonomy: 'full',
  workspace: { mode: 'scratch', scope: 'attempt', base: null },
  checks: [],
  budgets: {},
  runningTimeoutMs: 7_200_000,
  setupTimeoutMs: 900_000,
  checkTimeoutMs: 900_000,
  failover: 'patient',
  onStall: 'notify',
  stallTimeoutMs: 1_800_000,
  claimCondition: null,
  continueFrom: null,
  context: [],
  attachments: [],
}
