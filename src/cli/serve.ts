// Starts the server for up and server: its options from flags and CAPSTAN_*, and what may go wrong in sentences.

import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../core/problem.ts'
import type { Log } from '../lib/log.ts'
import type { RunningServer } from '../server/server.ts'
import type { ServerSettings } from '../server/settings.ts'
import type { Context } from './context.ts'

export interface Serve {
  readonly dataDir: string
  readonly host: string
  readonly port: number
  readonly database?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly publicUrl?: string
  readonly trustProxy?: boolean
  readonly insecure?: boolean
  readonly leaseTtl?: number
  readonly reconnectGrace?: number
  readonly dispatchTimeout?: number
  readonly heartbeatInterval?: number
  readonly retention?: number
  readonly auditRetention?: number
}

/** Throws `configuration` when the port is taken, the data folder cannot be written, or options contradict each other. */
export async function serve(options: Serve, context: Context, log: Log): Promise<RunningServer> {
  requirePlace(options.dataDir)
  const { startServer } = await import('../server/server.ts')
  return startServer({
    database: options.database ?? join(options.dataDir, 'capstan.db'),
    dataDir: options.dataDir,
    listen: { host: options.host, port: options.port },
    tls: tlsOf(options),
    publicUrl: options.publicUrl,
    trustProxy: options.trustProxy,
    insecure: options.insecure,
    settings: settingsOf(options),
    version: context.version,
    clock: context.clock,
    log,
  })
}

function tlsOf({ tlsCert, tlsKey }: Serve): { cert: string; key: string } | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert !== undefined && tlsKey !== undefined) return { cert: tlsCert, key: tlsKey }
  throw new Problem('usage', '--tls-cert and --tls-key go together')
}

/** Throws `configuration` unless the folder can be written, or made where it is missing. Makes nothing: the start may yet be refused. */
export function requirePlace(dataDir: string): void {
  try {
    let folder = dataDir
    while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
    if (!statSync(folder).isDirectory()) throw Object.assign(new Error(`${folder} is a file`), { code: 'ENOTDIR' })
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw unwritable(dataDir, cause)
  }
}

/** Makes the folder (0700). Throws `configuration` when that or writing in it is not possible. */
export function requireWritable(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    accessSync(dataDir, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw unwritable(dataDir, cause)
  }
}

function unwritable(dataDir: string, cause: unknown): Problem {
  const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  const detail = `the data folder ${dataDir} cannot be written (${why}); choose another with --data DIR or CAPSTAN_HOME`
  return new Problem('configuration', detail, { cause })
}

function settingsOf(options: Serve): Partial<ServerSettings> {
  const { leaseTtl, reconnectGrace, dispatchTimeout, heartbeatInterval, retention, auditRetention } = options
  return {
    ...(leaseTtl === undefined ? {} : { leaseTtlMs: leaseTtl }),
    ...(reconnectGrace === undefined ? {} : { reconnectGraceMs: reconnectGrace }),
    ...(dispatchTimeout === undefined ? {} : { dispatchTimeoutMs: dispatchTimeout }),
    ...(heartbeatInterval === undefined ? {} : { heartbeatIntervalMs: heartbeatInterval }),
    ...(retention === undefined ? {} : { housekeepingAgeMs: retention }),
    ...(auditRetention === undefined ? {} : { auditAgeMs: auditRetention }),
  }
}

/** `HOST:PORT`, `[::1]:7420`, or a port alone. Throws `usage` with the value. */
export function parseListen(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:(?:\[([0-9a-f:]+)\]|([^:[\]]+)):)?(\d{1,5})$/i.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535)
    throw new Problem('usage', `--listen must be HOST:PORT such as 127.0.0.1:7420, not "${text}"`)
  return { host: bracketed ?? plain ?? '127.0.0.1', port: Number(port) }
}
