// How a sandboxed run ends under its supervisor: with grace, with its exit code, and with nothing left.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { look, startRun } from '../../../src/daemon/supervisor/run.ts'
import { stopTree } from '../../../src/daemon/supervisor/stop.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { carriers, findProcess, listProcesses } from '../../../src/lib/proc.ts'
import { until } from '../supervisor/run-world.ts'
import { type Asked, BoxWorld, runUser, without } from './box-world.ts'

async function start(world: BoxWorld, script: string, asked: Asked = {}) {
  const workspace = await world.workspace(null)
  const box = world.box(workspace, asked)
  const handle = await startRun({
    runDir: world.runDir,
    stateDir: world.stateDir,
    argv: [...box.before, '/bin/sh', '-c', script],
    env: box.env,
    cwd: workspace.path,
    stdin: { kind: 'null' },
    marker: workspace.attemptId,
    deadlineAt: null,
    orphanAfterMs: null,
    graceMs: 5_000,
    containment: { name: 'sweep' },
    user: runUser,
    clock: systemClock,
  })
  const said = () => readFileSync(join(world.runDir, 'stdout.log'), 'utf8')
  const left = async () => (await carriers(await listProcesses(), 'CAPSTAN_RUN_ID', workspace.attemptId)).length
  return { handle, said, left }
}

const rules = [{ host: 'allowed.invalid', wildcard: false, port: null, private: false }]

describe.skipIf(without !== null)('a sandboxed run under its supervisor', () => {
  test('keeps its exit code, and what it left running is ended with it', async () => {
    await using world = new BoxWorld()
    const { handle, left } = await start(world, 'setsid sleep 300 & (env -i setsid sleep 300 &) ; sleep 0.1; exit 7', {
      rules,
    })
    await until(async () => (await look(world.runDir)).state === 'exited', 'the end')
    expect(await look(world.runDir)).toMatchObject({ code: 7, cause: 'exited' })
    await until(async () => (await left()) === 0, 'nothing to be left')
    expect(await stopTree(handle, { graceMs: 1_000, clock: systemClock })).toEqual({ survivors: [] })
  })

  test('has its grace when it is stopped', async () => {
    await using world = new BoxWorld()
    const script = 'trap "echo bye; exit 9" TERM; echo ready; while :; do sleep 0.05; done'
    const { handle, said, left } = await start(world, script, { rules })
    await until(() => said().includes('ready'), 'the agent')
    await stopTree(handle, { graceMs: 5_000, clock: systemClock })
    expect(said()).toContain('bye')
    expect(await look(world.runDir)).toMatchObject({ code: 9 })
    expect(await left()).toBe(0)
  })

  test('ends with its supervisor, and its proxy with it', async () => {
    await using world = new BoxWorld()
    const { handle, said, left } = await start(world, 'echo ready; setsid sleep 300 & sleep 300', { rules })
    await until(() => said().includes('ready'), 'the agent')
    expect(await left()).toBeGreaterThan(3)
    process.kill(handle.pid, 'SIGKILL')
    await until(async () => (await left()) === 0, 'nothing to be left')
    expect(await findProcess(handle.agentPid)).toBeNull()
    await stopTree(handle, { graceMs: 0, clock: systemClock })
  })

  test('shows nothing of its environment, its network or its places to who lists processes', async () => {
    await using world = new BoxWorld()
    const asked = { rules, env: { MY_TOKEN: 'tok-3c1f' }, settings: { env: { PLAIN: 'pla-77aa' } } }
    const { handle, said, left } = await start(world, 'echo ready; echo "$MY_TOKEN $PLAIN"; sleep 300', asked)
    await until(() => said().includes('ready\ntok-3c1f pla-77aa'), 'the agent')
    const lines: string[] = []
    for (const { pid } of await listProcesses()) {
      try {
        lines.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      } catch {
        // ended meanwhile
      }
    }
    expect(lines.filter((line) => /tok-3c1f|pla-77aa|allowed\.invalid/.test(line))).toEqual([])
    await stopTree(handle, { graceMs: 0, clock: systemClock })
    expect(await left()).toBe(0)
  })
})
