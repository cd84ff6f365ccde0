// How a sandboxed run ends under its supervisor: with grace, with its exit code, and with nothing left.

import { spawn } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { look, startRun } from '../../../src/daemon/supervisor/run.ts'
import { stopTree } from '../../../src/daemon/supervisor/stop.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { processEnv } from '../../../src/lib/env.ts'
import { exec } from '../../../src/lib/exec.ts'
import { carriers, commandLine, findProcess, listProcesses } from '../../../src/lib/proc.ts'
import { until } from '../supervisor/run-world.ts'
import { type Asked, BoxWorld, runUser, sandboxHost, without } from './box-world.ts'

const source = resolve(import.meta.dirname, '../../../src')

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

  test('cut short at any moment of its start leaves nothing', async () => {
    await using world = new BoxWorld()
    const workspace = await world.workspace(null)
    const marker = `${workspace.attemptId}-cut`
    const left = async () => (await carriers(await listProcesses(), 'CAPSTAN_RUN_ID', marker)).length
    for (let ms = 1; ms < 60; ms += 3) {
      const box = world.box(workspace, { rules, env: { CAPSTAN_RUN_ID: marker } })
      const [program, ...args] = [...box.before, '/bin/sh', '-c', 'sleep 300']
      await exec(program, args, { cwd: workspace.path, env: box.env, user: runUser, timeoutMs: ms })
    }
    await until(async () => (await left()) === 0, 'nothing to be left')
  })

  test('whose bwrap alone is killed does not begin, or ends', async () => {
    await using world = new BoxWorld()
    const workspace = await world.workspace(null)
    const marker = `${workspace.attemptId}-alone`
    const begun = async () => {
      const all = await carriers(await listProcesses(), 'CAPSTAN_RUN_ID', marker)
      const lines = await Promise.all(all.map(({ pid }) => commandLine(pid)))
      return lines.some((line) => line.startsWith('sleep 300') || line.startsWith('socat '))
    }
    const boxes = Array.from({ length: 8 }, () => world.box(workspace, { rules, env: { CAPSTAN_RUN_ID: marker } }))
    for (const [n, box] of boxes.entries()) {
      const [program, ...args] = [...box.before, '/bin/sh', '-c', 'sleep 300']
      const ids = runUser === null ? {} : { uid: runUser.uid, gid: runUser.gid }
      const child = spawn(program, args, { ...ids, cwd: workspace.path, env: box.env, detached: true, stdio: 'ignore' })
      const isBwrap = async () => (await commandLine(child.pid ?? 0)).startsWith(sandboxHost.bwrap ?? '?')
      await until(isBwrap, 'bwrap')
      await new Promise((later) => setTimeout(later, n * 3)) // a moment of its start: the span is the test
      child.kill('SIGKILL')
    }
    await until(async () => !(await begun()), 'nothing to have begun')
    // what bwrap itself leaves when it is killed alone before it has made the namespaces: with a run, the daemon's sweep ends it
    for (const { pid } of await carriers(await listProcesses(), 'CAPSTAN_RUN_ID', marker)) process.kill(pid, 'SIGKILL')
  })

  test('that a doctor tries, who is killed meanwhile, leaves nothing', async () => {
    await using world = new BoxWorld()
    chmodSync(world.root, 0o777)
    const look = [
      `import { sandboxAbilities } from ${JSON.stringify(join(source, 'daemon/sandbox/host.ts'))}`,
      `import { makeHostProbe } from ${JSON.stringify(join(source, 'daemon/harness/probe.ts'))}`,
      `import { systemClock } from ${JSON.stringify(join(source, 'lib/clock.ts'))}`,
      "console.log('ready')",
      `await sandboxAbilities(makeHostProbe(process.env), ${JSON.stringify(runUser)}, systemClock)`,
    ]
    const env = { PATH: processEnv().PATH, TMPDIR: world.root }
    const doctors = [0, 60, 120, 240].map(async (ms) => {
      const doctor = spawn(process.execPath, ['--input-type=module', '-e', look.join('\n')], { env })
      await new Promise((ready) => doctor.stdout.once('data', ready))
      await new Promise((later) => setTimeout(later, ms)) // a moment of its tries: the span is the test
      doctor.kill('SIGKILL')
    })
    await Promise.all(doctors)
    const left = async () => {
      const lines = await Promise.all((await listProcesses()).map(({ pid }) => commandLine(pid)))
      return lines.filter((line) => line.includes(join(world.root, 'capstan-doctor-')))
    }
    await until(async () => (await left()).length === 0, 'nothing to be left')
  })
})
