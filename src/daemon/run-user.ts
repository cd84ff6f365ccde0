// Runs as another user than the daemon's: found in the system's list, let through to its runs, with an environment of its own.

import { chmodSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../core/problem.ts'
import type { Env } from '../lib/env.ts'
import type { RunUser } from '../lib/exec.ts'
import { exec } from '../lib/exec.ts'
import type { StateFolder } from './state-folder.ts'

const lookMs = 10_000

/** The user of `--run-as`. Throws `configuration` when there is none, or the daemon cannot become it. */
export async function findRunUser(name: string, env: Env): Promise<RunUser> {
  const { stdout } = await exec('getent', ['passwd', '--', name], { env: { PATH: env.PATH }, timeoutMs: lookMs })
  const [found, , uid, gid, , home] = stdout.toString('utf8').trimEnd().split(':')
  if (found === undefined || home === undefined) {
    throw new Problem(
      'configuration',
      `--run-as ${name}: this host has no such user; make it with: useradd --create-home ${name}`,
    )
  }
  if (process.getuid?.() !== 0) {
    throw new Problem(
      'configuration',
      `--run-as ${name}: only a daemon of root can start runs as another user; drop it, or start it as root`,
    )
  }
  if (uid === '0') throw new Problem('configuration', `--run-as ${name}: that is root; name an ordinary user`)
  return { name: found, uid: Number(uid), gid: Number(gid), home }
}

/** The daemon's environment as the user would have it: its home, nothing of the session of the one who started the daemon. */
export function environmentAs(user: RunUser, env: Env, home: string): Env {
  const kept = Object.entries(env).filter(([name]) => !/^(XDG_|SSH_|DBUS_)/.test(name))
  return { ...Object.fromEntries(kept), HOME: user.home, USER: user.name, LOGNAME: user.name, CAPSTAN_HOME: home }
}

/**
 * Lets the user pass through the state folder, which stays closed for looking around: each run's own folder is given to it. Throws
 * `configuration` when a folder above is closed.
 */
export async function letThrough(user: RunUser, state: StateFolder, dataDir: string): Promise<void> {
  const own = ['supervisors', 'workspaces'].map((name) => join(state.dir, name))
  for (const folder of [dataDir, dirname(state.dir), state.dir, state.runs, state.workspaces, ...own]) {
    mkdirSync(folder, { recursive: true })
    chmodSync(folder, 0o711)
  }
  if (await mayEnter(user, state.runs)) return
  const sentence = `--run-as ${user.name}: that user cannot pass through to ${dataDir}; choose a data folder outside of closed ones with --data DIR`
  throw new Problem('configuration', sentence)
}

/** Whether the user reaches the folder and may work with what it knows by name there. */
export async function mayEnter(user: RunUser, folder: string): Promise<boolean> {
  const ran = await exec('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { env: {}, cwd: '/', timeoutMs: lookMs, user })
  return ran.code === 0
}
