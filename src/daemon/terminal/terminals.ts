// The terminals of this daemon's interactive runs: started in tmux, typed into, shown to the server while somebody watches, ended with their runs.

import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import { messageOf } from '../../lib/error-text.ts'
import { exec } from '../../lib/exec.ts'
import type { Log } from '../../lib/log.ts'
import type { FromDaemonBody } from '../../protocol/link.ts'
import type { TerminalOrder } from '../../protocol/terminal.ts'
import type { HostProbe } from '../harness/port.ts'
import type { Link } from '../link/link.ts'
import type { Policy } from '../policy.ts'
import { mayAnswer } from '../run/answer-words.ts'
import type { ScriptKind } from './pane.ts'
import { streamTerminal } from './stream.ts'
import type { Size } from './tmux.ts'
import { Tmux } from './tmux.ts'
import { Typing } from './typing.ts'

export interface TerminalsOptions {
  readonly state: { readonly dir: string }
  readonly clock: Clock
  readonly log: Log
  readonly policy: Pick<Policy, 'upload' | 'approvers'>
  probe(): HostProbe
  readonly link: Pick<Link, 'request'>
}

/** A run whose terminal can be watched. */
export interface Shown {
  readonly attemptId: string
  readonly runDir: string
  redact(text: string): string
  tail(text: string): number
}

interface Live extends Shown {
  readonly ended: PromiseWithResolvers<string>
  readonly typing: Typing
  readonly gone: PromiseWithResolvers<void>
  /** The window's size, as somebody who watched has chosen it; null: nobody has since the daemon started. */
  chosen: Size | null
  misses: number
  watching: { readonly stream: string; readonly stop: AbortController; seq: number } | null
}

/** Between two looks at the sessions: one look for all runs, ms. */
const lookMs = 5_000
/** The second look at a session that was not there, ms. */
const againMs = 1_000
const firstSize: Size = { cols: 120, rows: 36 }
/** A program that draws itself anew has seen the other size by then, ms. */
const nudgeMs = 200

export class Terminals {
  readonly #options: TerminalsOptions
  readonly #live = new Map<string, Live>()
  readonly #over = new AbortController()
  #tmux: Tmux | null = null
  #kind: ScriptKind | null = null
  #looking: Promise<void> | null = null

  constructor(options: TerminalsOptions) {
    this.#options = options
  }

  /** How the agent's terminal can be written down here. Throws `not_executable` or `configuration` in words when there cannot be one. */
  async require(): Promise<ScriptKind> {
    this.#server()
    this.#kind ??= await scriptKind(this.#options.probe())
    return this.#kind
  }

  /** Runs `argv` in a terminal; its command line is seen by every user of the host. */
  async start(attemptId: string, argv: readonly string[], cwd: string): Promise<void> {
    await this.#server().start(attemptId, argv, { ...firstSize, cwd })
  }

  /** From now on the run can be watched. Resolves when two looks found no terminal; never when the run ends before that. */
  show(shown: Shown): Promise<void> {
    const type = (bytes: Uint8Array) => this.#server().type(shown.attemptId, bytes)
    const { log } = this.#options
    const failed = (error: unknown) => log.warn({ attemptId: shown.attemptId, error: messageOf(error) }, 'not typed')
    const live: Live = {
      ...shown,
      ended: Promise.withResolvers(),
      gone: Promise.withResolvers(),
      typing: new Typing(type, failed),
      chosen: null,
      misses: 0,
      watching: null,
    }
    this.#live.set(shown.attemptId, live)
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    return live.gone.promise
  }

  /** The run's agent is gone: who watches sees the rest and is told. The session ends. Never rejects. */
  async end(attemptId: string, reason: string): Promise<void> {
    const live = this.#live.get(attemptId)
    this.#live.delete(attemptId)
    live?.ended.resolve(reason)
    try {
      await this.#server().end(attemptId)
    } catch (error) {
      this.#options.log.warn({ attemptId, error: messageOf(error) }, 'terminal not ended; the next start does it')
    }
  }

  /** Ends sessions of runs that are no more: of a daemon that was killed between a run's end and its session's. Never rejects. */
  async sweep(known: ReadonlySet<string>): Promise<void> {
    try {
      if (this.#options.probe().which('tmux') === null) return
      const tmux = this.#server()
      for (const name of await tmux.sessions()) if (!known.has(name)) await tmux.end(name)
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'left terminals not looked for')
    }
  }

  /** Bytes as a person would type them; resolves when the terminal has them. */
  async type(attemptId: string, bytes: Uint8Array): Promise<void> {
    await this.#server().type(attemptId, bytes)
  }

  order(order: TerminalOrder): void {
    const live = this.#live.get(order.attemptId)
    if (live === undefined) {
      if (order.kind === 'open') this.#tell(order, 'no terminal of this run is on this host any more')
      return
    }
    switch (order.kind) {
      case 'open':
        this.#open(live, order)
        break
      case 'input':
        this.#input(live, order)
        break
      case 'resize':
        this.#resize(live, order)
        break
      case 'close':
        if (live.watching?.stream === order.stream) this.#unwatch(live)
    }
  }

  /** Lets go of all: the runs go on. */
  close(): void {
    this.#over.abort()
    for (const live of this.#live.values()) this.#unwatch(live)
  }

  #open(live: Live, order: TerminalOrder & { readonly kind: 'open' }): void {
    const { policy, log, clock, link } = this.#options
    const send = (body: FromDaemonBody<'terminal'>) => link.request('terminal', body)
    this.#unwatch(live)
    if (policy.upload.events !== 'full') {
      const rule = `upload.events = ${policy.upload.events}`
      this.#tell(order, `the host's policy.toml says ${rule}: its terminals are not shown elsewhere`)
      return
    }
    const stop = new AbortController()
    live.watching = { stream: order.stream, stop, seq: 0 }
    const { attemptId, runDir, redact, tail } = live
    const { stream } = order
    const { signal } = stop
    const shown = async () => {
      const size = await this.#nudge(live, signal)
      if (!(await send({ attemptId, stream, data: '', end: null, size })).open) return
      await streamTerminal(
        { attemptId, stream, runDir, clock, redact, tail, send },
        { ended: live.ended.promise, signal },
      )
    }
    shown().catch((error) => log.debug({ attemptId, error: messageOf(error) }, 'terminal not shown any more'))
  }

  /** Another size for a moment makes a full-screen program draw itself anew, for somebody who has not seen it draw. Gives the window's own; null: not told. */
  async #nudge(live: Live, signal: AbortSignal): Promise<Size | null> {
    const { clock, log } = this.#options
    const { attemptId } = live
    try {
      const tmux = this.#server()
      const before = await tmux.size(attemptId)
      const { cols, rows } = live.chosen ?? before
      await tmux.resize(attemptId, { cols, rows: Math.max(2, rows - 1) })
      await clock.sleep(nudgeMs, signal).catch(() => {}) // watched no more: its size is given back all the same
      // Whoever watches may have chosen one meanwhile.
      const size = live.chosen ?? before
      await tmux.resize(attemptId, size)
      return size
    } catch (error) {
      log.debug({ attemptId, error: messageOf(error) }, 'terminal’s size not told')
      return null
    }
  }

  #input(live: Live, { stream, seq, data, by }: TerminalOrder & { readonly kind: 'input' }): void {
    const { watching } = live
    if (watching === null || watching.stream !== stream || seq <= watching.seq) return
    watching.seq = seq
    // Whoever types can grant whatever the agent asks.
    if (mayAnswer(by, this.#options.policy.approvers)) live.typing.add(Buffer.from(data, 'base64'))
  }

  #resize(live: Live, { stream, cols, rows }: TerminalOrder & { readonly kind: 'resize' }): void {
    const { attemptId } = live
    if (live.watching?.stream !== stream) return
    live.chosen = { cols, rows }
    this.#server()
      .resize(attemptId, { cols, rows })
      .catch((error) => this.#options.log.debug({ attemptId, error: messageOf(error) }, 'terminal not resized'))
  }

  #unwatch(live: Live): void {
    live.watching?.stop.abort()
    live.watching = null
  }

  #tell({ attemptId, stream }: TerminalOrder, end: string): void {
    this.#options.link.request('terminal', { attemptId, stream, data: '', end }).catch(() => {}) // the link went down: the server opens anew
  }

  /** Looks while there are runs. A look that fails says nothing; a session counts as gone after two looks without it. */
  async #look(): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#over
    while (this.#live.size > 0 && !signal.aborted) {
      const doubt = [...this.#live.values()].some(({ misses }) => misses > 0)
      await clock.sleep(doubt ? againMs : lookMs, signal).catch(() => {}) // the daemon leaves
      if (signal.aborted) return
      try {
        const there = await this.#server().sessions()
        for (const live of this.#live.values()) {
          live.misses = there.has(live.attemptId) ? 0 : live.misses + 1
          if (live.misses === 2) live.gone.resolve()
        }
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'terminals not looked at')
      }
    }
  }

  #server(): Tmux {
    const { state, clock, probe } = this.#options
    if (this.#tmux === null) {
      const program = probe().which('tmux')
      if (program === null)
        throw new Problem('not_executable', 'interactive runs need tmux, which is not on PATH: install it on that host')
      this.#tmux = new Tmux({ program, stateDir: state.dir, clock })
    }
    return this.#tmux
  }
}

/** Asked once: those of busybox and others do not tell the agent's exit code. */
async function scriptKind(host: HostProbe): Promise<ScriptKind> {
  const program = host.which('script')
  const lacking = 'interactive runs need script(1) of util-linux (package util-linux or bsdutils), which is not on PATH'
  if (program === null) throw new Problem('not_executable', lacking)
  if (process.platform === 'darwin') return 'bsd'
  const { stdout } = await exec(program, ['--version'], {
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    timeoutMs: 5_000,
  })
  if (stdout.toString('utf8').includes('util-linux')) return 'util-linux'
  throw new Problem('not_executable', `${program} is not script(1) of util-linux, which interactive runs need`)
}
