// What goes on while a daemon lives: the link, heartbeats, claims, the outbox, looks at the host. And how all of it ends.

import type { Client } from '../client/client.ts'
import { Problem } from '../core/problem.ts'
import { messageOf } from '../lib/error-text.ts'
import type { FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import { protocolVersion } from '../protocol/link.ts'
import type { Boot } from './boot.ts'
import { beginBoot } from './boot.ts'
import { Claiming, defaultPoll } from './claiming.ts'
import { deliverMessage } from './delivery.ts'
import type { Ended } from './errand.ts'
import { asOurs, exitCodeOf } from './exit-code.ts'
import { Cleaning } from './gc/cleaning.ts'
import type { Retention } from './gc/retention.ts'
import { Heartbeat, leastBeat } from './heartbeat.ts'
import { defaultMaxAgents, roomAt } from './host.ts'
import { watchJumps } from './jump.ts'
import type { Acted } from './link/link.ts'
import { Link } from './link/link.ts'
import type { Push } from './link/wire.ts'
import { toolsHost } from './mcp/serve-tools.ts'
import { offerOf } from './offer.ts'
import type { Offering } from './offering.ts'
import type { DaemonOptions } from './options.ts'
import type { Sender } from './outbox/sender.ts'
import { sendOutbox } from './outbox/sender.ts'
import { withheld } from './outbox/withheld.ts'
import type { RunDeps } from './run/deps.ts'
import { givenBy } from './run/inbox.ts'
import { Runs } from './runs.ts'
import type { StateFolder } from './state-folder.ts'
import type { Systemd } from './systemd.ts'
import { systemdOf } from './systemd.ts'
import { Terminals } from './terminal/terminals.ts'

export interface LoopsInput {
  readonly options: DaemonOptions
  readonly state: StateFolder
  readonly client: Client
  readonly offering: Offering
  readonly retention: Retention
  readonly deps: Omit<RunDeps, 'changed' | 'poke'>
}

/** Supervisors are told that their daemon lives, and the disk is looked at, this often, ms. */
const touchMs = 10_000
const defaultHeartbeatMs = 10_000
/** Where sockets were blocked they are tried again this often, ms. */
const defaultSocketRetryMs = 60_000
/** What is said last gets this long to reach the server when the daemon stops, ms. */
const flushMs = 5_000

export class Loops {
  readonly #input: LoopsInput
  readonly #stop = new AbortController()
  readonly #boot: Boot
  readonly #systemd: Systemd
  readonly #maxAgents: number
  readonly #link: Link
  readonly #runs: Runs
  readonly #heartbeat: Heartbeat
  readonly #claiming: Claiming
  readonly #sender: Sender
  readonly #cleaning: Cleaning
  readonly #terminals: Terminals
  readonly #registered = Promise.withResolvers<string>()
  readonly #done = Promise.withResolvers<Ended>()
  #draining = false
  #heartbeatMs = defaultHeartbeatMs
  #leaseMs: number | null = null
  #stopped: Promise<void> | null = null
  #shortOf: string | null = null
  #tendedAt = 0

  constructor(input: LoopsInput) {
    this.#input = input
    const { options, state, deps } = input
    const { clock, log } = options
    this.#boot = beginBoot(state, clock.now())
    this.#systemd = systemdOf(options)
    this.#maxAgents = options.maxAgents ?? defaultMaxAgents()
    this.#link = new Link({
      url: options.serverUrl,
      transport: options.transport ?? 'auto',
      socketRetryMs: options.socketRetryMs ?? defaultSocketRetryMs,
      token: options.token,
      env: options.env,
      clock,
      log,
      registration: () => this.#registration(),
      beatMs: (reply) => options.heartbeatIntervalMs ?? reply.heartbeatIntervalMs,
      onRegistered: (reply) => this.#onRegistered(reply),
      onPush: (push) => this.#onPush(push),
      onOrder: (order) => this.#terminals.order(order),
    })
    const now = { changed: () => this.#heartbeat.nudge(), poke: () => this.#sender.poke() }
    const tools = toolsHost({ key: state.key, policy: deps.policy, link: this.#link })
    this.#terminals = new Terminals({ ...deps, link: this.#link })
    const serverLeaseMs = () => this.#leaseMs
    const runDeps: RunDeps = { ...deps, ...now, tools, terminals: this.#terminals, serverLeaseMs }
    this.#runs = new Runs({ deps: runDeps, maxAgents: this.#maxAgents, onRoom: () => this.#claiming.changed() })
    this.#heartbeat = new Heartbeat({
      link: this.#link,
      clock,
      log,
      intervalMs: () => this.#beatMs(),
      body: () => this.#beat(),
      onReply: (reply) => this.#onBeat(reply),
    })
    this.#claiming = new Claiming({
      link: this.#link,
      clock,
      log,
      poll: {
        firstMs: options.pollIntervalMs ?? defaultPoll.firstMs,
        mostMs: options.maxPollIntervalMs ?? defaultPoll.mostMs,
      },
      correlationId: options.correlationId ?? null,
      free: () => this.#free(),
      onAssigned: (one) => this.#runs.take(one),
    })
    this.#sender = this.#outbox()
    this.#cleaning = new Cleaning({
      dataDir: options.dataDir,
      stateDir: state.dir,
      retention: input.retention,
      clock,
      log,
      short: () => roomAt(options.dataDir, options.minFreeDiskBytes).shortOf !== null,
      checkpoint: () => this.#runs.checkpointAll(),
    })
  }

  #outbox(): Sender {
    const { options, client, state, deps } = this.#input
    const { clock, log } = options
    return sendOutbox({
      journal: deps.journal,
      send: async (kind, body) => {
        if ('reason' in body && body.reason === 'quota') await this.#offerQuota()
        const through = { link: this.#link, client, runs: state.runs, journal: deps.journal, clock }
        return deliverMessage(through, kind, withheld(deps.policy.upload, body))
      },
      onLost: (attemptId, detail) => this.#runs.reconcile({ lost: [{ attemptId, detail }], cancelled: [] }),
      batchSize: (attemptId) => this.#runs.settingsOf(attemptId)?.maxBatchSize ?? options.maxBatchSize ?? undefined,
      onNotAsked: (attemptId, requestId) => this.#runs.deny(attemptId, requestId),
      onAcknowledged: (attemptId, kind) => {
        if (kind === 'request' || kind === 'withdraw' || kind === 'unsaid') return
        this.#runs.delivered(attemptId)
        this.#cleaning.delivered(attemptId)
        this.#heartbeat.nudge() // the server's count of what runs here is of the last beat
      },
      clock,
      log,
      signal: this.#stop.signal,
    })
  }

  get done(): Promise<Ended> {
    return this.#done.promise
  }

  /** Surveys the host, takes up what an earlier start left, connects; gives the daemon's id once registered. */
  async start(): Promise<string> {
    const { options, offering } = this.#input
    const { signal } = this.#stop
    await offering.survey(signal)
    this.#look()
    this.#runs.recover()
    this.#own(this.#terminals.sweep(this.#runs.ids), 'terminals')
    this.#own(this.#keepLink(), 'link')
    this.#own(this.#tend(signal), 'tending') // before there is a server: the agents of an earlier start go on meanwhile
    const daemonId = await this.#registered.promise
    this.#own(this.#heartbeat.keep(signal), 'heartbeat')
    this.#own(
      watchJumps(options.clock, signal, (ms) => this.#jumped(ms)),
      'watching the clock',
    )
    this.#own(
      this.#systemd.watch(() => this.#healthy(), signal),
      'watchdog',
    )
    await this.#systemd.ready()
    this.#own(
      offering.watch(signal, () => this.#link.refresh()),
      'offering',
    )
    this.#own(this.#cleaning.keep(signal), 'cleaning')
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
    void this.#systemd.stopping() // never rejects; nothing waits for it
    if (agents) await this.#runs.abortAll('the daemon is stopping')
    else await this.#runs.leaveAll()
    if (!now && this.#link.connected) {
      this.#sender.poke()
      await Promise.race([this.#sender.settled(), clock.sleep(flushMs, this.#stop.signal).catch(() => {})])
    }
    this.#terminals.close()
    this.#stop.abort(new Error('the daemon stopped'))
    await this.#link.close()
  }

  async #keepLink(): Promise<void> {
    const { mode } = this.#input.options
    try {
      await this.#link.keep({ patient: mode === 'poll' })
    } catch (error) {
      this.#registered.reject(asOurs(error))
      this.#done.resolve({ exitCode: exitCodeOf(error), ...(error instanceof Problem ? { problem: error } : {}) })
      this.#input.options.log.error({ reason: messageOf(error) }, 'server refuses this daemon')
    }
  }

  #registration(): FromDaemonBody<'register'> {
    const { options, state, offering } = this.#input
    const host = { options, state, parts: offering.parts, policy: this.#input.deps.policy }
    const offer = offerOf({ ...host, maxAgents: this.#maxAgents })
    const { id: bootId, replaces } = this.#boot
    return { protocol: protocolVersion, key: state.key, bootId, replaces, offer, running: this.#runs.reports() }
  }

  #onRegistered(reply: FromDaemonReply<'register'>): void {
    this.#heartbeatMs = reply.heartbeatIntervalMs
    this.#leaseMs = reply.leaseTtlMs
    this.#runs.reconcile(reply)
    this.#runs.reconcileRequests(reply.requests)
    for (const assignment of reply.assigned) this.#runs.take(assignment)
    this.#registered.resolve(reply.daemonId)
    this.#sender.poke()
    this.#claiming.changed()
    this.#heartbeat.nudge()
  }

  /** What goes wrong with a row now is tried again when the server sends it again. Never rejects. */
  async #onPush(push: Push): Promise<Acted | null> {
    try {
      return await this.#act(push)
    } catch (error) {
      const { type, seq } = push
      this.#input.options.log.error({ type, seq, error: messageOf(error) }, 'row of the server not acted on')
      return null
    }
  }

  async #act(push: Push): Promise<Acted | null> {
    switch (push.type) {
      case 'assigned':
        this.#runs.take(push.body.assignment)
        return {}
      case 'cancel':
        this.#runs.cancel(push.body.attemptId)
        return {}
      case 'finish':
        return this.#runs.finish(push.body.attemptId, push.body.by) ? {} : null
      case 'drain':
        this.#setDraining(push.body.on)
        if (!push.body.on && this.#input.deps.quota?.forget() === true) void this.#offerQuota()
        return {}
      case 'answer':
      case 'message': // acknowledged only once the run has it for good
        return (await this.#runs.give(push.body.attemptId, givenBy(push))) ? {} : { unsaid: true }
    }
  }

  /** Before the report of the run that met it: else its task could come straight back. Never rejects: a report is not held up. */
  async #offerQuota(): Promise<void> {
    this.#input.offering.remark()
    await this.#link.refresh().catch(() => {}) // the offering's own loop tells it then
  }

  /** The least of what the runs at work ask for; without one as the host or the server says. */
  #beatMs(): number {
    const usual = this.#input.options.heartbeatIntervalMs ?? this.#heartbeatMs
    return leastBeat(this.#runs.settings, usual)
  }

  #beat(): FromDaemonBody<'heartbeat'> {
    this.#look()
    const { shortOf: _, ...room } = roomAt(this.#input.options.dataDir, null)
    return { runs: this.#runs.reports(), draining: this.#draining, ...room }
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
      this.#tendedAt = clock.monotonic()
      this.#runs.touch(clock.now())
      try {
        this.#look()
      } catch (error) {
        this.#input.options.log.warn({ error: messageOf(error) }, 'host not looked at; again at the next look')
      }
      await clock.sleep(touchMs, signal)
    }
  }

  /** The host slept, or its clock was set: deadlines keep their distance, and both sides say what they believe. */
  #jumped(ms: number): void {
    this.#input.options.log.warn({ jumpedMs: Math.round(ms) }, 'clock jumped, or the host slept; registering anew')
    this.#runs.shift(ms)
    this.#runs.touch(this.#input.options.clock.now())
    this.#link.renew()
  }

  /** Its loops turn and its journal answers. A server that is away is no illness of the daemon. */
  #healthy(): boolean {
    const { deps, options } = this.#input
    try {
      deps.journal.outbox.depth()
    } catch {
      return false
    }
    return options.clock.monotonic() - this.#tendedAt < 3 * touchMs
  }

  #look(): void {
    const { dataDir, minFreeDiskBytes, log } = this.#input.options
    const { shortOf } = roomAt(dataDir, minFreeDiskBytes)
    const [was, is] = [this.#shortOf !== null, shortOf !== null]
    this.#shortOf = shortOf
    if (is === was) return
    if (is) {
      log.warn({ reason: shortOf }, 'no work is taken')
      this.#cleaning.short()
    } else {
      log.info('there is disk again; work is taken')
      this.#claiming.changed()
    }
    this.#link
      .refresh()
      .catch((error) => log.debug({ error: messageOf(error) }, 'offer not sent; the next registration says it'))
  }

  /** `once` and `batch`: claims, works, and ends the daemon with an exit code. */
  async #errand(signal: AbortSignal): Promise<void> {
    const { errand } = await import('./errand.ts')
    const ended = await errand({
      options: this.#input.options,
      claiming: this.#claiming,
      runs: this.#runs,
      client: this.#input.client,
      signal,
    })
    this.#done.resolve(ended)
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
