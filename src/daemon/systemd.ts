// Tells systemd how the daemon is: ready, stopping, and, for as long as it is healthy, alive. Nothing happens outside a unit.

import type { Clock } from '../core/clock.ts'
import type { Env } from '../lib/env.ts'
import { messageOf } from '../lib/error-text.ts'
import { exec } from '../lib/exec.ts'
import type { Log } from '../lib/log.ts'

export interface Systemd {
  /** The unit counts as started. */
  ready(): Promise<void>
  /** The unit counts as stopping. */
  stopping(): Promise<void>
  /** Speaks up at half the unit's WatchdogSec while `healthy` says so, until `signal` aborts. Returns at once without a watchdog. */
  watch(healthy: () => boolean, signal: AbortSignal): Promise<void>
}

export interface SystemdDeps {
  readonly env: Env
  readonly clock: Clock
  readonly log: Log
}

const tellTimeoutMs = 5_000

/** Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID (sd_notify(3), sd_watchdog_enabled(3)). */
export function systemdOf({ env, clock, log }: SystemdDeps): Systemd {
  const socket = env.NOTIFY_SOCKET
  let told = false
  /** Node has no datagram sockets on paths, so systemd's own program speaks. Its unit needs NotifyAccess=all. */
  const tell = async (state: string) => {
    if (socket === undefined) return
    try {
      const child = { PATH: env.PATH, NOTIFY_SOCKET: socket }
      const { code, stderr } = await exec('systemd-notify', [state], { env: child, timeoutMs: tellTimeoutMs })
      if (code !== 0) throw new Error(`systemd-notify exited ${code}: ${stderr.trim()}`)
    } catch (error) {
      if (!told) log.warn({ state, error: messageOf(error) }, 'systemd could not be told')
      told = true
    }
  }
  return {
    ready: () => tell('READY=1'),
    stopping: () => tell('STOPPING=1'),
    watch: async (healthy, signal) => {
      const everyMs = socket === undefined ? null : watchdogMs(env)
      if (everyMs === null) return
      while (!signal.aborted) {
        if (healthy()) await tell('WATCHDOG=1')
        else log.error({}, 'daemon is not healthy; systemd is not told that it lives')
        await clock.sleep(everyMs, signal).catch(() => {}) // stopped
      }
    },
  }
}

/** Half of what the unit allows, ms; null: it has no watchdog, or one for another process. */
function watchdogMs({ WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid }: Env): number | null {
  if (pid !== undefined && pid !== String(process.pid)) return null
  const ms = Number(microseconds) / 1_000
  return Number.isFinite(ms) && ms > 0 ? ms / 2 : null
}
