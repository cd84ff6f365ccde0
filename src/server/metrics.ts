// What the server measures of itself, in Prometheus's words. Counters live here; depths are read from the store when asked for.

import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { taskStates, terminalStates } from '../core/task.ts'
import { countEnded, counts } from '../store/counts.ts'
import type { Store } from '../store/port.ts'

export interface Metrics {
  readonly claims: Counter
  /** Seconds from a task's entry in the queue to the answer of its claim. */
  readonly claimLatency: Histogram
  readonly connects: Counter<'kind'>
  readonly http: Histogram<'operation' | 'status'>
  readonly events: Counter
  /** The text of /metrics; reads the store's depths first. */
  text(): Promise<string>
  readonly contentType: string
}

export interface Gauged {
  readonly connectedDaemons: () => number
  readonly waitingClaims: () => number
  readonly followers: () => number
}

const openStates = taskStates.filter((state) => !(terminalStates as readonly string[]).includes(state))

// 1 ms is what an idle server needs; above 5 min a task has waited for a host.
const latencyBuckets = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 300]

/** Makes a registry of its own, so that several servers may live in one process. */
export function makeMetrics(store: Store, gauged: Gauged): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const live = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  live('capstan_daemons_connected', 'Daemons connected to this replica', gauged.connectedDaemons)
  live('capstan_claims_waiting', 'Claims held by this replica', gauged.waitingClaims)
  live('capstan_followers', 'Open transcript streams of this replica', gauged.followers)
  const depths = makeDepths(registers)
  return {
    claims: new Counter({ name: 'capstan_claims_total', help: 'Tasks handed out', registers }),
    claimLatency: new Histogram({
      name: 'capstan_claim_latency_seconds',
      help: 'From queued to claimed',
      buckets: latencyBuckets,
      registers,
    }),
    connects: new Counter({
      name: 'capstan_daemon_connects_total',
      help: 'Registrations of daemons, first ones and reconnects',
      labelNames: ['kind'],
      registers,
    }),
    http: new Histogram({
      name: 'capstan_http_request_seconds',
      help: 'Time to answer, by operation',
      labelNames: ['operation', 'status'],
      buckets: latencyBuckets,
      registers,
    }),
    events: new Counter({ name: 'capstan_events_total', help: 'Transcript events stored', registers }),
    text: async () => {
      await depths(store)
      return registry.metrics()
    },
    contentType: registry.contentType,
  }
}

/** Gauges of the store's depths, and the ends of attempts counted from one scrape to the next. */
function makeDepths(registers: Registry[]): (store: Store) => Promise<void> {
  const tasks = new Gauge({ name: 'capstan_tasks', help: 'Open tasks by state', labelNames: ['state'], registers })
  const parked = new Gauge({
    name: 'capstan_tasks_parked',
    help: 'Parked tasks by why: a spent quota, a host that is not heard',
    labelNames: ['reason'],
    registers,
  })
  const oldest = new Gauge({ name: 'capstan_oldest_queued_seconds', help: 'Age of the oldest queued task', registers })
  const leases = new Gauge({ name: 'capstan_leases_open', help: 'Attempts that somebody owns', registers })
  const attempts = new Counter({
    name: 'capstan_attempts_total',
    help: 'Ended attempts by outcome and reason, since this replica was first asked',
    labelNames: ['outcome', 'reason'],
    registers,
  })
  let since: number | null = null
  const look = async (store: Store) => {
    const { queue, ended, now } = await store.read(function* (tx) {
      return { queue: yield* counts(tx), ended: yield* countEnded(tx, since ?? tx.now), now: tx.now }
    })
    tasks.reset()
    for (const state of openStates) tasks.set({ state }, queue.tasks[state] ?? 0)
    for (const reason of ['quota', 'host_offline']) parked.set({ reason }, queue.parked[reason] ?? 0)
    oldest.set(queue.oldestQueuedAt === null ? 0 : (now - queue.oldestQueuedAt) / 1_000)
    leases.set(queue.openLeases)
    since = ended.until
    for (const { state, reason, n } of ended.ends) attempts.inc({ outcome: state, reason: reason ?? 'none' }, n)
  }
  let turn: Promise<void> = Promise.resolve()
  // One look at a time: two scrapers at once must not count an end twice.
  return (store) => {
    turn = turn.catch(() => {}).then(() => look(store))
    return turn
  }
}
