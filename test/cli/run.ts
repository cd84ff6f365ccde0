// Runs the command line from source in a process of its own, with a home that is removed afterwards.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exec } from '../../src/lib/exec.ts'

export const mainPath = join(import.meta.dirname, '../../src/main.ts')

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly home: string
  readonly cwd?: string
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
}

export async function capstan(args: readonly string[], options: RunOptions): Promise<Ran> {
  const { code, stdout, stderr } = await exec(process.execPath, [mainPath, ...args], {
    cwd: options.cwd ?? options.home,
    env: { PATH: process.env.PATH, HOME: options.home, CAPSTAN_HOME: join(options.home, '.capstan'), ...options.env },
    timeoutMs: 20_000,
    ...(options.input === undefined ? {} : { input: options.input }),
  })
  return { code, out: stdout.toString('utf8'), err: stderr }
}

export function makeHome(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'capstan-cli-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
