// capstan up: server and daemon in one command, or one more repository for the one that runs.

import { Problem } from '../core/problem.ts'
import type { RunningDaemon } from '../daemon/daemon.ts'
import { camelValues, flagLayer, resolveSettings, variableLayer } from '../lib/config.ts'
import { makeLog } from '../lib/log.ts'
import type { DaemonView } from '../protocol/fleet.ts'
import type { RunningServer } from '../server/server.ts'
import { clientOf, writeConnection } from './connection.ts'
import type { Context } from './context.ts'
import { announcing, startHere, stopsOf } from './daemon.ts'
import { resolveDaemonOptions } from './daemon-options.ts'
import { forgetRunning, type Running, readRunning, repoRegistryPath, upDataDir, writeRunning } from './data-dir.ts'
import type { settingsOfDaemon } from './host/options.ts'
import { upOptions } from './host/options.ts'
import { joinedLines, programOf, welcome } from './render/welcome.ts'
import { awaitServed } from './repo/served.ts'
import { requirePlace, requireWritable, serve } from './serve.ts'
import type { Given } from './spec.ts'
import { untilStopped } from './stop.ts'
import { chooseWorkspaces } from './workspaces.ts'

type Up = Given<typeof upOptions>
const defaultPort = 7420

/** With --json one line `{url, token, signInUrl, daemonId, dataDir, pid}` when all is ready. */
export async function runUp(given: Up, context: Context): Promise<number> {
  const options = withEnvironment(given, context)
  const dataDir = upDataDir(context, options.data)
  requirePlace(dataDir)
  requirePlace(context.home) // client.json is written there
  const running = await whoRuns(dataDir, context)
  if (running !== null) return join(running, { dataDir, options, context })
  // what is wrong with the settings or a named repository is told before anything starts
  // the lease is then the server's own, for every host
  const { leaseTtl: _, ...settings } = camelValues<typeof settingsOfDaemon>(
    resolveDaemonOptions(given.options, context),
  )
  await chooseWorkspaces(settings, context)
  const log = makeLog(context.env.CAPSTAN_LOG ?? 'warn')
  const server = await serve(
    { ...options, dataDir, host: '127.0.0.1', port: options.port ?? defaultPort },
    context,
    log,
  )
  const connection = { url: server.url, token: server.token, daemonToken: server.daemonToken }
  try {
    requireWritable(context.home)
    const daemon =
      options.daemon === false
        ? null
        : await startHere({ connection, dataDir, settings, mode: { mode: 'poll' }, log }, context)
    return await stay({ server, daemon, dataDir, stopAgents: settings.stopAgents ?? true }, context)
  } finally {
    forgetRunning(dataDir, 'up')
    await server.close()
  }
}

interface Upright {
  readonly server: RunningServer
  readonly daemon: RunningDaemon | null
  readonly dataDir: string
  readonly stopAgents: boolean
}

async function stay({ server, daemon, dataDir, stopAgents }: Upright, context: Context): Promise<number> {
  const { url, token, daemonToken, signInUrl } = server
  const daemonId = daemon?.daemonId ?? null
  writeConnection(context.home, { url, token, daemonToken, dataDir })
  writeRunning(dataDir, 'up', { url, token, daemonToken, daemonId, pid: process.pid })
  if (context.json) context.terminal.json({ url, token, signInUrl, daemonId, dataDir, pid: process.pid })
  else {
    const host = daemonId === null ? null : await describe({ url, token, daemonId }, context)
    context.terminal.out(
      ...welcome(
        { url, signInUrl, dataDir, version: context.version, program: programOf(context.env), host, stopAgents },
        context.terminal,
      ),
    )
  }
  const never = {
    done: new Promise<never>(() => {}),
    graceful: () => Promise.resolve(),
    force: () => Promise.resolve(),
  }
  const stops = daemon === null ? never : stopsOf(daemon, stopAgents)
  return untilStopped({ ...stops, clock: context.clock, announce: announcing(context, stopAgents) })
}

async function describe(at: { url: string; token: string; daemonId: string }, context: Context): Promise<DaemonView> {
  const client = await clientOf(context.env, at)
  return client.call('getDaemon', { params: { id: at.daemonId } })
}

/** The `up` that runs on this data folder, if its server answers. */
async function whoRuns(dataDir: string, context: Context): Promise<Running | null> {
  const running = readRunning(dataDir, 'up')
  if (running === null) return null
  try {
    const client = await clientOf(context.env, running, 2_000)
    await client.call('whoami', {})
    return running
  } catch (error) {
    // it crashed, or another program has its port by now: then this one starts afresh
    if (error instanceof Problem) return null
    throw error
  }
}

interface Join {
  readonly dataDir: string
  readonly options: Up['options']
  readonly context: Context
}

/** A second `up` brings its repositories to the first and is done. */
async function join(running: Running, { dataDir, options, context }: Join): Promise<number> {
  const { addRepo } = await import('../daemon/repos/registry.ts')
  const chosen = await chooseWorkspaces(options, context)
  const added = []
  for (const path of chosen.repos) {
    const { repo, known } = await addRepo(repoRegistryPath(dataDir), { path })
    added.push({ ...repo, known })
  }
  const slugs = added.map(({ slug }) => slug)
  const notices = [...chosen.notices, ...(await awaitServed(dataDir, slugs, context))]
  const { url, token, daemonToken, daemonId, pid } = running
  requireWritable(context.home)
  writeConnection(context.home, { url, token, dataDir, ...(daemonToken === undefined ? {} : { daemonToken }) })
  if (context.json) context.terminal.json({ url, token, signInUrl: null, daemonId, dataDir, pid })
  else context.terminal.out(...joinedLines({ url, pid, added, notices }, context.terminal))
  return 0
}

function withEnvironment(given: Up, context: Context): Up['options'] {
  const resolved = resolveSettings(upOptions, [
    flagLayer(upOptions, given.options),
    variableLayer(upOptions, 'environment', context.env),
  ])
  if (resolved.wrong.length > 0) throw new Problem('configuration', resolved.wrong.join('; '))
  return camelValues<typeof upOptions>(resolved)
}
