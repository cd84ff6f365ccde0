// A real daemon in a process of its own, as `capstan daemon` runs it.

import { startDaemon } from '../src/daemon/daemon.ts'
import { systemClock } from '../src/lib/clock.ts'
import { processEnv } from '../src/lib/env.ts'
import { keepHeapSmall } from '../src/lib/heap.ts'
import { silentLog } from '../src/lib/log.ts'
import { given, ready } from './processes.ts'

export interface DaemonArgument {
  readonly serverUrl: string
  readonly token: string
  readonly dataDir: string
  readonly home: string
  readonly maxAgents: number
  readonly env?: Readonly<Record<string, string>>
}

export interface DaemonLine {
  readonly daemonId: string
}

const { serverUrl, token, dataDir, home, maxAgents, env = {} } = given<DaemonArgument>()
keepHeapSmall()
const daemon = await startDaemon({
  serverUrl,
  token,
  dataDir,
  identity: 'default',
  name: 'bench',
  workspace: dataDir,
  workspaces: [],
  hostId: null,
  pool: null,
  roles: [],
  profiles: [],
  labels: [],
  types: [],
  only: {},
  maxAgents,
  minFreeDiskBytes: 1,
  heartbeatIntervalMs: null,
  flushIntervalMs: null,
  secretDir: null,
  mode: 'poll',
  version: '0.0.0-bench',
  clock: systemClock,
  log: silentLog,
  env: { PATH: processEnv().PATH, HOME: home, CAPSTAN_HOME: home, LANG: 'C.UTF-8', ...env },
})
ready({ daemonId: daemon.daemonId } satisfies DaemonLine, () => daemon.stop({ agents: true, now: true }))
