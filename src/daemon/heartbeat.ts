// One heartbeat for the whole daemon, on a loop of its own: no run, however slow, delays it.

import type { Clock } from '../core/clock.ts'
import type { Log } from '../lib/log.ts'
import type { ProfileSettings } from '../protocol/fleet.ts'
import type { FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import type { Link } from './link/link.ts'
import { Wake } from './wake.ts'

export interface HeartbeatOptions {
  readonly link: Link
  readonly clock: Clock
  readonly log: Log
  /** As the server asked at registration, unless the host says otherwise, ms. */
  intervalMs(): number
  body(): FromDaemonBody<'heartbeat'>
  onReply(reply: FromDaemonReply<'heartbeat'>): void
}

export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #nudge = new Wake()

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  /** Beats now: a run changed its phase and people should see it. */
  nudge(): void {
    this.#nudge.wake()
  }

  /** Beats until `signal` aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    const { link, clock, log } = this.#options
    while (!signal.aborted) {
      await link.up(signal)
      try {
        this.#options.onReply(await link.request('heartbeat', this.#options.body()))
      } catch (error) {
        log.debug({ reason: error instanceof Error ? error.message : String(error) }, 'heartbeat not answered')
      }
      await this.#nudge.wait(clock, this.#options.intervalMs(), signal)
    }
  }
}

/** How often to beat for runs with these profiles, ms: as the most impatient asks. `usual`: for those that say nothing, and without runs. */
export function leastBeat(
  profiles: readonly (Pick<ProfileSettings, 'heartbeatIntervalMs'> | undefined)[],
  usual: number,
): number {
  return profiles.length === 0 ? usual : Math.min(...profiles.map((each) => each?.heartbeatIntervalMs ?? usual))
}
