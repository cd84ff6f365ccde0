// Capstan's server in a process of its own, as `capstan server` runs it, with every feature on.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { systemClock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { startServer } from '../src/server/server.ts'
import { given, ready } from './processes.ts'

export interface ServerArgument {
  readonly database: string
  readonly dataDir: string
  /** What SQLite syncs at COMMIT; `NORMAL` only to see what `FULL` costs. */
  readonly synchronous?: 'FULL' | 'NORMAL'
}

export interface ServerLine {
  readonly url: string
  readonly port: number
  readonly token: string
  readonly daemonToken: string
}

const { database, dataDir, synchronous } = given<ServerArgument>()
if (synchronous === 'NORMAL') relaxSqlite()
const server = await startServer({
  database,
  dataDir,
  listen: { host: '127.0.0.1', port: 0 },
  version: '0.0.0-bench',
  clock: systemClock,
  log: silentLog,
})
const { url, port, token, daemonToken } = server
ready({ url, port, token, daemonToken } satisfies ServerLine, () => server.close())

/** Capstan has no switch for this, and should not: the sync that comes after each commit is taken away from outside. */
function relaxSqlite(): void {
  const done = (_: number, then: fs.NoParamCallback) => setImmediate(then, null)
  Object.assign(fs, { fdatasync: done })
  syncBuiltinESMExports()
}
