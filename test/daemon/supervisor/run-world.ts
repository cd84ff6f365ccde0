// Real runs in a temporary folder for tests: starts agents, waits for conditions, and proves at the end that nothing is left.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { ContainmentChoice } from '../../../src/daemon/supervisor/containment/port.ts'
import { type Look, look, type RunHandle, type RunStart, startRun } from '../../../src/daemon/supervisor/run.ts'
import { stopTree } from '../../../src/daemon/supervisor/stop.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { carriers, commandLine, listProcesses } from '../../../src/lib/proc.ts'

const runEnv = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: process.env.HOME ?? '/' }

export class RunWorld implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'capstan-run-'))
  readonly #handles: RunHandle[] = []
  #count = 0

  async start(
    argv: readonly [string, ...string[]],
    more: Partial<RunStart> & { readonly containment?: ContainmentChoice } = {},
  ): Promise<RunHandle> {
    this.#count += 1
    const handle = await startRun({
      runDir: join(this.dir, `run${this.#count}`),
      stateDir: this.dir,
      argv,
      env: runEnv,
      cwd: this.dir,
      stdin: { kind: 'null' },
      marker: `att_${basename(this.dir)}x${this.#count}`, // worlds of concurrent tests begin in the same millisecond
      deadlineAt: null,
      orphanAfterMs: null,
      graceMs: 1_000,
      containment: { name: 'sweep' },
      clock: systemClock,
      ...more,
    })
    this.#handles.push(handle)
    return handle
  }

  async sh(script: string, more: Parameters<RunWorld['start']>[1] = {}): Promise<RunHandle> {
    return await this.start(['/bin/sh', '-c', script], more)
  }

  /** Everything alive that has to do with the run: marked processes, supervisor and helpers. */
  async alive(handle: RunHandle): Promise<readonly number[]> {
    const all = await listProcesses()
    const marked = new Set((await carriers(all, 'CAPSTAN_RUN_ID', handle.marker)).map((each) => each.pid))
    const found: number[] = []
    for (const each of all) {
      const ours = marked.has(each.pid) || each.session === handle.pid || each.session === handle.agentPid
      if (ours || (await commandLine(each.pid)).includes(handle.runDir)) found.push(each.pid)
    }
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handle of this.#handles) {
      await stopTree(handle, { graceMs: 0, clock: systemClock })
      await until(async () => (await this.alive(handle)).length === 0, `nothing of ${handle.runDir} to be left`)
    }
    rmSync(this.dir, { recursive: true })
  }
}

export function text(handle: RunHandle, name: string): string {
  return readFileSync(join(handle.runDir, name), 'utf8')
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 45_000,
): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`)
    await systemClock.sleep(5)
  }
}

export async function exited(handle: RunHandle): Promise<Extract<Look, { state: 'exited' }>> {
  let last: Look = await look(handle.runDir)
  await until(async () => {
    last = await look(handle.runDir)
    return last.state !== 'running'
  }, `the exit of ${handle.runDir}`)
  if (last.state !== 'exited') throw new Error(`${handle.runDir} is ${last.state}`)
  return last
}
