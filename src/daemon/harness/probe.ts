// Looking around on this host for the adapters: programs on the PATH that runs will have, short answers, small files.

import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { RunUser } from '../../lib/exec.ts'
import { exec } from '../../lib/exec.ts'
import { packageRoot } from '../../lib/package-files.ts'
import { cleanPath } from './environment.ts'
import type { HostProbe } from './port.ts'

/** A CLI that does not tell its version within this is not usable, ms. */
const answerMs = 10_000

/** No configuration or credentials file is larger; `.claude.json` grows to some megabytes. */
const maxFile = 16_777_216

/** `env`: the daemon's environment. `secrets`: of the secrets folder; a key there counts as signed in. `user`: who runs the CLIs here. */
export function makeHostProbe(
  env: Readonly<Record<string, string | undefined>>,
  secrets: Readonly<Record<string, string>> = {},
  user: RunUser | null = null,
): HostProbe {
  const path = cleanPath(env.PATH ?? '', packageRoot)
  const own = ([name]: readonly [string, unknown]) => /^(?:CAPSTAN_|npm_)/.test(name)
  const seen = Object.fromEntries(Object.entries({ ...env, ...secrets, PATH: path }).filter((pair) => !own(pair)))
  return {
    env: seen,
    which: (program) => which(program, path),
    output: (file, args) => output(file, args, { env: seen, user }),
    read,
    list,
  }
}

function which(program: string, path: string): string | null {
  if (program.includes('/')) return isAbsolute(program) && isExecutable(program) ? program : null
  const places = path.split(':').map((folder) => join(folder, program))
  return places.find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false // not there, or not ours to run
  }
}

async function output(
  file: string,
  args: readonly string[],
  { env, user }: { readonly env: HostProbe['env']; readonly user: RunUser | null },
): Promise<string | null> {
  try {
    const { code, stdout } = await exec(file, args, { env, user, timeoutMs: answerMs, maxBytes: 65_536 })
    return code === 0 ? stdout.toString('utf8') : null
  } catch {
    return null // it cannot be started: the same as no answer
  }
}

function read(path: string): string | null {
  try {
    return statSync(path).size <= maxFile ? readFileSync(path, 'utf8') : null
  } catch {
    return null // not there, or not ours to read
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // not there, or not ours to read
  }
}
