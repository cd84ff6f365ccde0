// capstan backup, capstan restore: all that a server knows in one file, and back, between SQLite and PostgreSQL as one likes.

import { mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { flagLayer, resolveSettings, variableLayer } from '../../lib/config.ts'
import type { Context } from '../context.ts'
import { dataDirOf, upDataDir } from '../data-dir.ts'
import { requireWritable } from '../serve.ts'
import type { Given } from '../spec.ts'
import type { backupOptions, restoreOptions } from './backup-options.ts'
import { databaseSetting } from './backup-options.ts'

/** The server may be at work meanwhile. With --json one line `{path, rows, blobs, missing, at}`. */
export async function runBackup(given: Given<typeof backupOptions>, context: Context): Promise<number> {
  const { terminal, clock } = context
  const dataDir = dataDirOf(context, given.options.data)
  const path = targetPath(resolve(context.cwd, given.args[0] ?? '.'), clock.now())
  const { backup } = await import('../../store/backup.ts')
  const url = databaseOf(given.options.database, dataDir, context)
  const done = await backup({
    url,
    path,
    blobs: await blobsIn(dataDir),
    version: context.version,
    now: clock.now(),
  })
  if (context.json) terminal.json({ path, ...done })
  else {
    terminal.out(`${path} holds ${done.rows} rows and ${done.blobs} blobs; put it back with: capstan restore`)
    if (done.missing.length > 0)
      terminal.note(`note: ${done.missing.length} blobs are not in ${dataDir}, such as ${done.missing[0]}`)
  }
  return 0
}

/** With --json one line `{dataDir, rows, blobs, at, version}`. */
export async function runRestore(given: Given<typeof restoreOptions>, context: Context): Promise<number> {
  const { terminal, clock } = context
  const [file] = given.args
  if (file === undefined) throw new Problem('usage', 'name the backup: capstan restore FILE --data DIR')
  const path = resolve(context.cwd, file)
  if (!isFile(path)) throw new Problem('configuration', `there is no backup at ${path}`)
  const dataDir = upDataDir(context, given.options.data)
  requireWritable(dataDir)
  const { restore } = await import('../../store/backup.ts')
  const url = databaseOf(given.options.database, dataDir, context)
  const { rows, blobs, at, version } = await restore({ url, path, blobs: await blobsIn(dataDir), now: clock.now() })
  forgetTokens(dataDir)
  if (context.json) terminal.json({ dataDir, rows, blobs, at, version })
  else terminal.out(`${rows} rows and ${blobs} blobs are back; go on with: capstan server --data ${dataDir}`)
  return 0
}

/** Local tokens of another database's server would be refused; the next start makes new ones. Those of people and hosts are in the backup. */
function forgetTokens(dataDir: string): void {
  for (const name of ['token', 'daemon-token']) rmSync(join(dataDir, name), { force: true })
}

async function blobsIn(dataDir: string) {
  const { openDirectoryBlobs } = await import('../../blob/directory.ts')
  return openDirectoryBlobs(join(dataDir, 'blobs'))
}

/** `--database`, CAPSTAN_DATABASE, else the data folder's own. */
function databaseOf(flag: string | undefined, dataDir: string, { env }: Context): string {
  const settings = [databaseSetting]
  const { values } = resolveSettings(settings, [
    flagLayer(settings, flag === undefined ? {} : { database: flag }),
    variableLayer(settings, 'environment', env),
  ])
  return typeof values.database === 'string' ? values.database : join(dataDir, 'capstan.db')
}

/** A folder gets a file named by its time; a file is written as named, its folder made. */
function targetPath(path: string, now: number): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    const stamp = new Date(now)
      .toISOString()
      .replace(/\.\d+Z$/, '')
      .replaceAll(':', '-')
    return join(path, `capstan-${stamp}.backup`)
  }
  mkdirSync(dirname(path), { recursive: true })
  return path
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}
