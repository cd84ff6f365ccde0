// What goes on while a daemon lives: the link, heartbeats, claims, the outbox, looks at the host. And how all of it ends.

import type { Client } from '../client/client.ts'
import { Problem } from '../core/problem.ts'
import { messageOf } from '../lib/error-text.ts'
import { makeId } from '../lib/ids.ts'
import type { FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import { protocolVersion } from '../protocol/link.ts'
import { Claiming } from './claiming.ts'
import { deliverMessage } from './delivery.ts'
import { Heartbeat } from './heartbeat.ts'
import { defaultMaxAgents, platformName, roomAt } from './host.ts'
import type { Push } from './link/connection.ts'
import { Link } from './link/link.ts'
import type { Offering } from './offering.ts'
import type { DaemonOptions } from './options.ts'
import type { Sender } from './outbox/sender.ts'
import { sendOutbox } from './outbox/sender.ts'
import type { RunDeps } from './run/deps.ts'
import { Runs } from './runs.ts'
import type { StateFolder } from './state-folder.ts'

export interface LoopsInput {
  readonly options: DaemonOptions
  readonly state: StateFolder
  readonly client: Client
  readonly offering: Offering
  readonly deps: Omit<RunDeps, 'changed' | 'poke'>
}

/** Supervisors are told that their daemon lives, and the disk is looked at, this often, ms. */
const touchMs = 10_000
const defaultHeartbeatMs = 10_000
/** What is said last gets this long to reach the server when the daemon stops, ms. */
const flushMs = 5_000

export class Loops {
  readonly #input: LoopsInput
  readonly #stop = new AbortController()
  readonly #bootId: string
  readonly #maxAgents: number
  readonly #link: Link
  readonly #runs: Runs
  readonly #heartbeat: Heartbeat
  readonly #claiming: Claiming
  readonly #sender: Sender
  readonly #registered = Promise.withResolvers<string>()
  readonly #done = Promise.withResolvers<{ exitCode: number }>()
  #draining = false
  #heartbeatMs = defaultHeartbeatMs
  #stopped: Promise<void> | null = null
  #shortOf: string | null = null

  constructor(input: LoopsInput) {
    this.#input = input
    const { options, client, state, deps } = input
    const { clock, log } = options
    this.#bootId = makeId('boot', clock.now())
    this.#maxAgents = options.maxAgents ?? defaultMaxAgents()
    this.#link = new Link({
      url: options.serverUrl,
      token: options.token,
      env: options.env,
      clock,
      log,
      registration: () => this.#registration(),
      onRegistered: (reply) => this.#onRegistered(reply),
      onPush: (push) => this.#onPush(push),
    })
    const runDeps: RunDeps = { ...deps, changed: () => this.#heartbeat.nudge(), poke: () => this.#sender.poke() }
    this.#runs = new Runs({ deps: runDeps, maxAgents: this.#maxAgents, onRoom: () => this.#claiming.changed() })
    this.#heartbeat = new Heartbeat({
      link: this.#link,
      clock,
      log,
      intervalMs: () => options.heartbeatIntervalMs ?? this.#heartbeatMs,
      body: () => this.#beat(),
      onReply: (reply) => this.#onBeat(reply),
    })
    this.#claiming = new Claiming({
      link: this.#link,
      clock,
      log,
      free: () => this.#free(),
      onAssigned: (one) => this.#runs.take(one),
    })
    this.#sender = sendOutbox({
      journal: deps.journal,
      send: (kind, body) => deliverMessage({ link: this.#link, client, runs: state.runs }, kind, body),
      onLost: (attemptId, detail) => this.#runs.reconcile({ lost: [{ attemptId, detail }], cancelled: [] }),
      onAcknowledged: (attemptId, kind) => {
        if (kind === 'request') return
        this.#runs.delivered(attemptId)
        this.#heartbeat.nudge() // the server's count of what runs here is of the last beat
      },
      clock,
      log,
      signal: this.#stop.signal,
    })
  }

  get done(): Promise<{ readonly exitCode: number }> {
    return this.#done.promise
  }

  /** Surveys the host, takes up what an earlier start left, connects; gives the daemon's id once registered. */
  async start(): Promise<string> {
    const { options, offering } = this.#input
    const { signal } = this.#stop
    await offering.survey(signal)
    this.#look()
    this.#runs.recover()
    this.#own(this.#keepLink(), 'link')
    const daemonId = await this.#registered.promise
    this.#own(this.#heartbeat.keep(signal), 'heartbeat')
    this.#own(this.#tend(signal), 'tending')
    this.#own(
      offering.watch(signal, () => this.#link.refresh()),
      'offering',
    )
    if (options.mode === 'poll') this.#own(this.#claiming.poll(signal), 'claiming')
    else this.#own(this.#errand(signal), options.mode)
    return daemonId
  }

  /** True for the call that did it; a second call only hurries the first. */
  async stop({ agents, now = false }: { readonly agents: boolean; readonly now?: boolean }): Promise<boolean> {
    if (this.#stopped !== null) {
      if (agents) this.#runs.killAll()
      await this.#stopped
      return false
    }
    this.#draining = true
    this.#stopped = this.#end(agents, now)
    await this.#stopped
    return true
  }

  async #end(agents: boolean, now: boolean): Promise<void> {
    const { clock } = this.#input.options
    if (agents) await this.#runs.abortAll('the daemon is stopping')
    else await this.#runs.leaveAll()
    if (!now && this.#link.connected) {
      this.#sender.poke()
      await Promise.race([this.#sender.settled(), clock.sleep(flushMs, this.#stop.signal).catch(() => {})])
    }
    this.#stop.abort(new Error('the daemon stopped'))
    this.#link.close()
  }

  async #keepLink(): Promise<void> {
    const { mode } = this.#input.options
    try {
      await this.#link.keep({ patient: mode === 'poll' })
    } catch (error) {
      this.#registered.reject(error)
      this.#done.resolve({ exitCode: exitCodeOf(error) })
      this.#input.options.log.error({ reason: messageOf(error) }, 'server refuses this daemon')
    }
  }

  #registration(): FromDaemonBody<'register'> {
    const { options, state, offering } = this.#input
    const { repos, harnesses, profiles } = offering.parts
    const room = roomAt(options.dataDir, options.minFreeDiskBytes)
    const offer = {
      hostId: state.hostId,
      name: state.name,
      version: options.version,
      platform: platformName(),
      pid: process.pid,
      identity: options.identity,
      pool: options.pool,
      roles: [...options.roles],
      repos: [...repos],
      harnesses: [...harnesses],
      profiles: [...profiles],
      labels: [...options.labels],
      types: [...options.types],
      only: { ...options.only },
      maxAgents: this.#maxAgents,
      freeDiskBytes: room.freeDiskBytes,
      freeMemoryBytes: room.freeMemoryBytes,
    }
    return { protocol: protocolVersion, key: state.key, bootId: this.#bootId, offer, running: this.#runs.reports() }
  }

  #onRegistered(reply: FromDaemonReply<'register'>): void {
    this.#heartbeatMs = reply.heartbeatIntervalMs
    this.#runs.reconcile(reply)
    for (const assignment of reply.assigned) this.#runs.take(assignment)
    this.#registered.resolve(reply.daemonId)
    this.#sender.poke()
    this.#claiming.changed()
    this.#heartbeat.nudge()
  }

  #onPush(push: Push): void {
    switch (push.type) {
      case 'assigned':
        this.#runs.take(push.body.assignment)
        break
      case 'cancel':
        this.#runs.cancel(push.body.attemptId)
        break
      case 'drain':
        this.#setDraining(push.body.on)
        break
      case 'answer':
      case 'message':
        break // no harness here takes answers or messages while it runs; the server does not send any to it
    }
    this.#link.request('ack', { seq: push.seq }).catch(() => {}) // sent again by the server if it was not heard
  }

  #beat(): FromDaemonBody<'heartbeat'> {
    const { freeDiskBytes, freeMemoryBytes } = roomAt(this.#input.options.dataDir, null)
    return { runs: this.#runs.reports(), draining: this.#draining, freeDiskBytes, freeMemoryBytes }
  }

  #onBeat(reply: FromDaemonReply<'heartbeat'>): void {
    this.#runs.reconcile(reply)
    this.#setDraining(reply.draining)
    this.#sender.poke()
  }

  #setDraining(on: boolean): void {
    if (this.#stopped !== null || this.#draining === on) return
    this.#draining = on
    this.#claiming.changed()
  }

  #free(): number {
    return this.#draining || this.#shortOf !== null || this.#stopped !== null ? 0 : this.#runs.free
  }

  async #tend(signal: AbortSignal): Promise<void> {
    const { clock } = this.#input.options
    while (!signal.aborted) {
      this.#runs.touch(clock.now())
      this.#look()
      await clock.sleep(touchMs, signal)
    }
  }

  #look(): void {
    const { dataDir, minFreeDiskBytes, log } = this.#input.options
    const { shortOf } = roomAt(dataDir, minFreeDiskBytes)
    if (shortOf !== null && this.#shortOf === null) log.warn({ reason: shortOf }, 'no work is taken')
    if (shortOf === null && this.#shortOf !== null) this.#claiming.changed()
    this.#shortOf = shortOf
  }

  /** `once` and `batch`: claims, works, and ends the daemon with an exit code. */
  async #errand(signal: AbortSignal): Promise<void> {
    const { errand } = await import('./errand.ts')
    const exitCode = await errand({
      options: this.#input.options,
      claiming: this.#claiming,
      runs: this.#runs,
      client: this.#input.client,
      signal,
    })
    this.#done.resolve({ exitCode })
  }

  /** Every loop has an owner: what it throws after the stop is its end, before it is a fault of ours. */
  #own(loop: Promise<void>, name: string): void {
    loop.catch((error) => {
      if (this.#stop.signal.aborted) return
      this.#input.options.log.error({ loop: name, error: messageOf(error) }, 'loop failed')
      this.#done.resolve({ exitCode: 75 })
    })
  }
}

/** SPEC 6: 5 another daemon has this id, 7 version too old, 77 not authorised, 69 server unreachable, 78 configuration. */
function exitCodeOf(error: unknown): number {
  if (!(error instanceof Problem)) return 75
  if (error.code === 'daemon_running') return 5
  if (error.code === 'protocol_unsupported') return 7
  if (error.code === 'unauthorized' || error.code === 'forbidden') return 77
  return error.code === 'not_connected' ? 69 : 78
}
