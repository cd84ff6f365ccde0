// Loads a peer's package from this folder's own node_modules, installing it from the lock on first use.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const folder = import.meta.dirname

/** `T` says the part of the package that the bench uses. */
export async function importPeer<T>(name: string): Promise<T> {
  if (!existsSync(join(folder, 'node_modules', name))) {
    console.error('installing the peers of the benchmark')
    const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: folder,
      stdio: 'inherit',
      timeout: 600_000,
    })
    if (done.status !== 0) throw new Error(`npm ci in ${folder} ended with exit code ${done.status}`)
  }
  return (await import(name)) as T // checked by use: the versions are pinned
}
