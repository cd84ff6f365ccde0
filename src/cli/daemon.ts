// capstan daemon poll, once, batch: runs agents on this host for the chosen server.

import { resolve } from 'node:path'
import { Problem } from '../core/problem.ts'
import { onlyKeys } from '../core/routing.ts'
import type { RunningDaemon } from '../daemon/daemon.ts'
import type { Transport } from '../daemon/link/dial.ts'
import { camelValues } from '../lib/config.ts'
import { keepHeapSmall } from '../lib/heap.ts'
import { closeInherited } from '../lib/inherited.ts'
import { type Log, makeLog } from '../lib/log.ts'
import type { Connection } from './connection.ts'
import { readConnection, useProxies } from './connection.ts'
import type { Context } from './context.ts'
import { type DaemonFlags, resolveDaemonOptions } from './daemon-options.ts'
import { leaseOf, pollOf } from './daemon-pace.ts'
import { dataDirOf, forgetRunning, writeRunning } from './data-dir.ts'
import { failureLines } from './exit.ts'
import type { batchOptions, daemonOptions, onceOptions, settingsOfDaemon } from './host/options.ts'
import { requireWritable } from './serve.ts'
import type { Given } from './spec.ts'
import { untilStopped } from './stop.ts'
import { chooseWorkspaces } from './workspaces.ts'

/** How a daemon takes work; the rest of its settings are the same in all modes. */
export type Mode =
  | { readonly mode: 'poll' }
  | { readonly mode: 'once'; readonly taskId: string }
  | { readonly mode: 'batch'; readonly waitForFirstTaskMs: number; readonly waitAfterTaskMs: number }

export function runPoll(given: Given<typeof daemonOptions>, context: Context): Promise<number> {
  return runDaemon(given.options, { mode: 'poll' }, context)
}

export function runOnce(given: Given<typeof onceOptions>, context: Context): Promise<number> {
  const { task, ...options } = given.options
  if (task === undefined) throw new Problem('usage', '--task ID is needed')
  return runDaemon(options, { mode: 'once', taskId: task }, context)
}

export function runBatch(given: Given<typeof batchOptions>, context: Context): Promise<number> {
  const { waitForFirstTask = 0, waitAfterTask = 0, ...options } = given.options
  return runDaemon(
    options,
    { mode: 'batch', waitForFirstTaskMs: waitForFirstTask, waitAfterTaskMs: waitAfterTask },
    context,
  )
}

/** `drain NAME` stops a daemon from taking work; `drain` alone is an older name of `batch`. */
export async function runDrain(given: Given<typeof batchOptions>, context: Context): Promise<number> {
  if (given.args[0] === undefined) return runBatch(given, context)
  const { drainHost } = await import('./host/hosts.ts')
  return drainHost(given.args[0], true, context)
}

async function runDaemon(flags: DaemonFlags, mode: Mode, context: Context): Promise<number> {
  const connection = readConnection(context)
  const dataDir = dataDirOf(context, flags.data)
  const settings = camelValues<typeof settingsOfDaemon>(resolveDaemonOptions(flags, context))
  const log = makeLog(context.env.CAPSTAN_LOG ?? (process.stderr.isTTY ? 'warn' : 'info'))
  keepHeapSmall()
  const daemon = await startHere({ connection, dataDir, settings, mode, log }, context)
  const { url, token } = connection
  if (mode.mode === 'poll') writeRunning(dataDir, 'daemon', { url, token, daemonId: daemon.daemonId, pid: process.pid })
  if (context.json) context.terminal.json({ url, daemonId: daemon.daemonId, dataDir, pid: process.pid })
  else context.terminal.progress(`daemon ${daemon.daemonId} serves ${url}; Ctrl-C stops it`)
  void daemon.done.then(({ problem }) => {
    if (problem === undefined) return
    context.terminal.note(...(context.json ? [JSON.stringify(problem.toBody())] : failureLines(problem)))
  })
  try {
    return await untilStopped({
      ...stopsOf(daemon, settings.stopAgents ?? true),
      clock: context.clock,
      announce: announcing(context, settings.stopAgents ?? true),
    })
  } finally {
    if (mode.mode === 'poll') forgetRunning(dataDir, 'daemon')
  }
}

/** What two signals do to a daemon (SPEC 6, signals). */
export function stopsOf(daemon: RunningDaemon, stopAgents: boolean) {
  return {
    done: daemon.done,
    graceful: () => daemon.stop({ agents: stopAgents }),
    force: () => daemon.stop({ agents: stopAgents, now: true }),
  }
}

export function announcing({ terminal }: Context, stopAgents: boolean): () => void {
  const what = stopAgents
    ? 'stopping: agents are ended, their work is kept; Ctrl-C again kills them'
    : 'stopping: agents run on, the next start takes them over'
  return () => terminal.progress(what)
}

interface Start {
  readonly connection: Pick<Connection, 'url' | 'token' | 'daemonToken'>
  readonly dataDir: string
  readonly settings: DaemonFlags
  readonly mode: Mode
  readonly log: Log
}

/** Starts a daemon in this process with all that flags, variables and files say. */
export async function startHere(
  { connection, dataDir, settings, mode, log }: Start,
  context: Context,
): Promise<RunningDaemon> {
  requireWritable(dataDir)
  const { workspace, repos, notices } = await chooseWorkspaces(settings, context)
  if (!context.json) context.terminal.note(...notices.map((notice) => `note: ${notice}`))
  await useProxies(context.env, connection.url)
  const { startDaemon } = await import('../daemon/daemon.ts')
  requireOnly(settings.only ?? {})
  closeInherited() // files such as /dev/fd/63 have been read by now; an agent would find them open
  return startDaemon({
    serverUrl: connection.url,
    token: connection.daemonToken ?? connection.token,
    transport: transportOf(settings.transport),
    socketRetryMs: settings.socketRetry ?? null,
    dataDir,
    identity: settings.identity ?? 'default',
    name: settings.name ?? null,
    workspace,
    workspaces: repos,
    hostId: settings.hostId ?? null,
    pool: settings.pool ?? null,
    roles: settings.roles ?? [],
    profiles: settings.profile ?? [],
    labels: settings.labels ?? [],
    types: settings.taskTypes ?? [],
    only: settings.only ?? {},
    maxAgents: settings.maxAgents ?? null,
    minFreeDiskBytes: settings.minFreeDisk === undefined ? null : settings.minFreeDisk * 1e9,
    heartbeatIntervalMs: settings.heartbeatInterval ?? null,
    leaseTtlMs: leaseOf(settings) ?? null,
    maxBatchSize: settings.maxBatchSize ?? null,
    ...pollOf(settings),
    warmSessionTtlMs: settings.warmSessionTtl ?? null,
    correlationId: settings.correlationId ?? null,
    checkpointIntervalMs: settings.checkpointInterval ?? null,
    flushIntervalMs: settings.flushInterval ?? null,
    runAs: settings.runAs ?? null,
    secretDir: settings.secretDir === undefined ? null : resolve(context.cwd, settings.secretDir),
    ...mode,
    version: context.version,
    clock: context.clock,
    log,
    env: context.env,
  })
}

/** A restriction that no task could meet would leave the daemon idle for ever without a word. */
function requireOnly(only: Readonly<Record<string, string>>): void {
  const wrong = Object.keys(only).find((key) => !onlyKeys.some((known) => known === key))
  if (wrong !== undefined) throw new Problem('usage', `--only ${wrong} is not known; it takes ${onlyKeys.join(', ')}`)
}

/** The option's choices are these; a value that is none was refused when it was read. */
function transportOf(text: string | undefined): Transport {
  return text === 'ws' || text === 'http' ? text : 'auto'
}
