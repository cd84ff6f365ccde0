// Starting, feeding and looking at a run, with real processes.

import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  appendStdin,
  confirmLost,
  endStdin,
  look,
  pokePump,
  setDeadline,
  touchRun,
} from '../../../src/daemon/supervisor/run.ts'
import { makeRunFolder, readExit } from '../../../src/daemon/supervisor/run-folder.ts'
import { installScript } from '../../../src/daemon/supervisor/script.ts'
import { stopTree } from '../../../src/daemon/supervisor/stop.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { exec } from '../../../src/lib/exec.ts'
import { exited, RunWorld, text, until } from './run-world.ts'

const linux = process.platform === 'linux'
/** Its bit in the masks of /proc: signal 12. */
const usr2 = 1 << 11

test('the exit code is the agent’s: 0, 3, 126, 127, and 128+n for a signal', async () => {
  await using world = new RunWorld()
  const badInterpreter = join(world.dir, 'bad')
  writeFileSync(badInterpreter, '#!/no/such/interpreter\n')
  chmodSync(badInterpreter, 0o755)
  const codes: Record<string, unknown> = {}
  for (const script of ['exit 0', 'exit 3', 'kill -TERM $$', 'kill -KILL $$']) {
    const end = await exited(await world.sh(script))
    codes[script] = [end.code, end.signal, end.cause]
  }
  expect(codes).toEqual({
    'exit 0': [0, null, 'exited'],
    'exit 3': [3, null, 'exited'],
    'kill -TERM $$': [143, 'SIGTERM', 'exited'],
    'kill -KILL $$': [137, 'SIGKILL', 'exited'],
  })
  expect([126, 127]).toContain((await exited(await world.start([badInterpreter]))).code)
})

test('a program or folder that is not there is refused in one sentence, before anything is made', async () => {
  await using world = new RunWorld()
  await expect(world.start(['no-such-agent'])).rejects.toThrow('"no-such-agent" was not found on PATH')
  await expect(world.start(['/no/such/agent'])).rejects.toThrow('"/no/such/agent" is not an executable file')
  await expect(world.start(['sh'], { cwd: '/no/such/folder' })).rejects.toThrow('"/no/such/folder" is not there')
  expect(readdirSync(world.dir)).toEqual([])
})

test('a run folder is used once, and only its owner can enter it', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('exit 0')
  await exited(handle)
  expect(statSync(handle.runDir).mode & 0o777).toBe(0o700)
  await expect(world.sh('exit 0', { runDir: handle.runDir })).rejects.toThrow('was used before')
})

test('stdout and stderr go to their own files, cwd and environment are the run’s, only the marker is added', async () => {
  await using world = new RunWorld()
  const env = { PATH: '/usr/bin:/bin', dir: 'mine', marker: 'mine', agent: 'mine', CAPSTAN_RUN_ID: 'outer' }
  const handle = await world.sh('echo out; echo err >&2; pwd; echo "$dir $marker $agent $PATH"; echo $CAPSTAN_RUN_ID', {
    env,
  })
  await exited(handle)
  expect(text(handle, 'stdout.log')).toBe(`out\n${world.dir}\nmine mine mine /usr/bin:/bin\n${handle.marker}\n`)
  expect(text(handle, 'stderr.log')).toBe('err\n')
})

test('stdin null gives end-of-file at once', async () => {
  await using world = new RunWorld()
  const handle = await world.start(['/bin/cat'])
  expect((await exited(handle)).code).toBe(0)
})

test('stdin file gives a prompt of 1 MiB and then end-of-file', async () => {
  await using world = new RunWorld()
  const prompt = 'Grüße\n'.repeat(131_072)
  const handle = await world.start(['/bin/cat'], { stdin: { kind: 'file', text: prompt } })
  await exited(handle)
  expect(text(handle, 'stdout.log')).toBe(prompt)
})

test('stdin pipe gives what is appended, in order and whole, and end-of-file only after the last byte', async () => {
  await using world = new RunWorld()
  const handle = await world.start(['/bin/cat'], { stdin: { kind: 'pipe', text: 'first\n' } })
  await until(() => text(handle, 'stdout.log') === 'first\n', 'the first line')
  await appendStdin(handle.runDir, 'second\n')
  await until(() => text(handle, 'stdout.log').endsWith('second\n'), 'the second line')
  const large = `${'x'.repeat(1_000_000)}\n`
  for (let i = 0; i < 3; i += 1) await appendStdin(handle.runDir, large)
  await endStdin(handle.runDir)
  await endStdin(handle.runDir)
  expect((await exited(handle)).code).toBe(0)
  const digest = (data: string) => createHash('sha256').update(data).digest('hex')
  expect(digest(text(handle, 'stdout.log'))).toBe(digest(`first\nsecond\n${large.repeat(3)}`))
  await expect(appendStdin(handle.runDir, 'more')).rejects.toThrow('its stdin was ended')
  expect(readdirSync(handle.runDir)).not.toContain('stdin.fifo')
})

test('a slow reader gets all of its stdin before end-of-file', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('sleep 0.3; wc -c', { stdin: { kind: 'pipe', text: 'x'.repeat(300_000) } })
  await endStdin(handle.runDir)
  await exited(handle)
  expect(text(handle, 'stdout.log').trim()).toBe('300000')
})

test('an append whose poke was lost is delivered when the next daemon pokes', async () => {
  await using world = new RunWorld()
  const handle = await world.start(['/bin/cat'], { stdin: { kind: 'pipe', text: '' } })
  writeFileSync(join(handle.runDir, 'stdin.log'), 'late\n', { flag: 'a' })
  await until(async () => {
    await pokePump(handle.runDir)
    return text(handle, 'stdout.log') === 'late\n'
  }, 'the line')
})

test.runIf(linux)('a poke before the agent has opened its stdin does not end the pump', async () => {
  await using world = new RunWorld()
  const pump = /^pump\(\) \{$.*?^\}$/ms.exec(readFileSync(installScript(world.dir), 'utf8'))?.[0]
  writeFileSync(join(world.dir, 'stdin.log'), '')
  writeFileSync(join(world.dir, 'stdin.end'), '')
  const script = [
    pump,
    'attended() { :; }',
    `dir='${world.dir}'; mkfifo "$dir/stdin.fifo"; trap '' USR1; pump & echo $! >"$dir/pid"; wait; echo ended`,
  ].join('\n')
  const env = { PATH: '/usr/bin:/bin' }
  const ran = exec('/bin/sh', ['-c', script], { env, timeoutMs: 15_000 })
  const pid = () => (existsSync(join(world.dir, 'pid')) ? Number(readFileSync(join(world.dir, 'pid'), 'utf8')) : 0)
  const caught = () => /^SigCgt:\s+(\w+)/m.exec(readFileSync(`/proc/${pid()}/status`, 'utf8'))?.[1] ?? '0'
  await until(
    () => pid() > 0 && (Number.parseInt(caught().slice(-4), 16) & usr2) !== 0,
    'the pump to wait for the agent',
  )
  for (let n = 0; n < 20; n += 1) {
    for (const signal of ['SIGUSR1', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid(), signal)
    await systemClock.sleep(5)
  }
  const agent = await exec('/bin/cat', [join(world.dir, 'stdin.fifo')], { env, timeoutMs: 15_000 })
  expect([agent.code, agent.timedOut]).toEqual([0, false])
  expect(await ran).toMatchObject({ code: 0, stderr: '' })
})

test('an agent that ends without reading its stdin leaves no pump, ticker or sleep behind', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('exit 5', { stdin: { kind: 'pipe', text: 'x'.repeat(500_000) } })
  expect((await exited(handle)).code).toBe(5)
  await until(async () => (await world.alive(handle)).length === 0, 'the helpers to be gone')
})

test('appending to a run without a pipe is refused', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('exit 0')
  await expect(appendStdin(handle.runDir, 'text')).rejects.toThrow('its stdin is not a pipe')
})

test('a run goes on and is found again by pid and start time when the process that started it was killed', async () => {
  await using world = new RunWorld()
  const gate = join(world.dir, 'gate')
  const handle = await world.sh(`while [ ! -e "${gate}" ]; do sleep 0.05; done; echo done`)
  const seen = await look(handle.runDir)
  expect(seen).toEqual({ state: 'running', handle })
  writeFileSync(gate, '')
  await exited(handle)
  expect(text(handle, 'stdout.log')).toBe('done\n')
})

test('the supervisor survives TERM, HUP and INT, and the agent does not inherit an ignored TERM', async () => {
  await using world = new RunWorld()
  const gate = join(world.dir, 'gate')
  const handle = await world.sh(`echo up; while [ ! -e "${gate}" ]; do sleep 0.05; done; exit 7`)
  await until(() => text(handle, 'stdout.log') === 'up\n', 'the agent to be in a session of its own')
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.kill(handle.pid, signal)
  process.kill(-handle.pid, 'SIGTERM')
  writeFileSync(gate, '')
  expect((await exited(handle)).code).toBe(7)
  const killed = await world.sh('sleep 60')
  process.kill(killed.agentPid, 'SIGTERM')
  expect((await exited(killed)).signal).toBe('SIGTERM')
})

test('an agent that ends its own process group does not take the supervisor with it', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('kill -KILL 0')
  expect((await exited(handle)).signal).toBe('SIGKILL')
})

test.concurrent('the deadline is enforced without a daemon: the tree is ended, setsid and nohup included', async () => {
  await using world = new RunWorld()
  const handle = await world.sh(
    'trap "" TERM; setsid sleep 300 & nohup sleep 300 >/dev/null 2>&1 & sleep 300; sleep 300',
    {
      deadlineAt: Date.now() + 1_000,
    },
  )
  const end = await exited(handle)
  expect([end.cause, end.signal]).toEqual(['deadline', 'SIGKILL'])
  await until(async () => (await world.alive(handle)).length === 0, 'the tree to be gone')
})

test.concurrent('a deadline moved away in time does not end the run', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('sleep 4.5; echo done', { deadlineAt: Date.now() + 3_000 })
  setDeadline(handle.runDir, null)
  expect((await exited(handle)).cause).toBe('exited')
  expect(text(handle, 'stdout.log')).toBe('done\n')
})

test.concurrent('a run that no daemon touches is ended as orphaned; one that is touched goes on', async () => {
  await using world = new RunWorld()
  const left = await world.sh('sleep 300', { orphanAfterMs: 1_000 })
  const kept = await world.sh('sleep 300', { orphanAfterMs: 1_000 })
  let end: Awaited<ReturnType<typeof look>> | null = null
  await until(async () => {
    touchRun(kept.runDir, Date.now())
    end = await look(left.runDir)
    return end.state === 'exited'
  }, 'the orphan to end')
  expect(end).toMatchObject({ state: 'exited', cause: 'orphaned', signal: 'SIGTERM' })
  expect((await look(kept.runDir)).state).toBe('running')
})

test.concurrent('a supervisor killed with -9 makes the run lost after two looks, and stopping it leaves nothing', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('sleep 300', { stdin: { kind: 'pipe', text: '' }, deadlineAt: Date.now() + 600_000 })
  process.kill(handle.pid, 'SIGKILL')
  await until(async () => (await look(handle.runDir)).state === 'lost', 'the supervisor to be dead')
  const lost = await confirmLost(handle.runDir, systemClock)
  expect(lost).toEqual({ state: 'lost', left: handle })
  expect(await stopTree(handle, { graceMs: 500, clock: systemClock })).toEqual({ survivors: [] })
  expect(await world.alive(handle)).toEqual([])
})

test.concurrent('the deadline holds even when the supervisor was killed', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('sleep 300', { deadlineAt: Date.now() + 1_000 })
  process.kill(handle.pid, 'SIGKILL')
  await until(async () => (await world.alive(handle)).length === 0, 'agent and helpers to be gone')
})

test('one missed look is not lost: the second look decides', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('exit 0')
  await exited(handle)
  await until(async () => (await world.alive(handle)).length === 0, 'the supervisor to be gone')
  const exitText = text(handle, 'exit')
  rmSync(join(handle.runDir, 'exit'))
  const late = { ...systemClock, sleep: async () => writeFileSync(join(handle.runDir, 'exit'), exitText) }
  expect((await confirmLost(handle.runDir, late)).state).toBe('exited')
})

test('a record of another boot never counts as running', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('sleep 300')
  const record = text(handle, 'pid')
  writeFileSync(join(handle.runDir, 'pid'), record.replace(/^boot=.*$/m, 'boot=another'))
  expect((await look(handle.runDir)).state).toBe('lost')
  writeFileSync(join(handle.runDir, 'pid'), record)
})

test.runIf(linux)('supervisor and helpers take at most 4 MB', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('exec sleep 300', {
    stdin: { kind: 'pipe', text: 'x\n' },
    deadlineAt: Date.now() + 600_000,
    orphanAfterMs: 600_000,
  })
  const helpers = async () => (await world.alive(handle)).filter((pid) => pid !== handle.agentPid)
  let totalKb: number | null = null
  await until(async () => {
    const pids = await helpers() // supervisor, ticker, pump and two sleeps, once the short-lived ones are over
    totalKb = pids.length === 5 ? pssKb(pids) : null
    return totalKb !== null
  }, 'the helpers to be at rest')
  console.log(`supervisor with its helpers: ${totalKb} KB PSS`)
  expect(totalKb).toBeLessThanOrEqual(4_096)
})

/** The memory the processes share out among them; null when one of them ended under the look, which then says nothing. */
function pssKb(pids: readonly number[]): number | null {
  try {
    const each = pids.map((pid) => /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1])
    return each.reduce((sum, kb) => sum + Number(kb), 0)
  } catch (error) {
    if (error instanceof Error && /^(ESRCH|ENOENT)/.test(error.message)) return null
    throw error
  }
}

test.concurrent.each(['bash', 'busybox'])('the script keeps its contract under %s', async (shell) => {
  const found = await exec('/bin/sh', ['-c', `command -v ${shell}`], {
    env: { PATH: '/usr/bin:/bin' },
    timeoutMs: 5_000,
  })
  if (found.code !== 0) return
  await using world = new RunWorld()
  const runDir = join(world.dir, 'other')
  makeRunFolder({
    runDir,
    marker: `att_other${process.pid}x${Date.now()}`,
    stdin: { kind: 'pipe', text: 'hello\n' },
    deadlineAt: Date.now() + 1_500,
    orphanAfterMs: 60_000,
    graceMs: 1_000,
    cgroup: null,
    now: Date.now(),
  })
  const applet = shell === 'busybox' ? ['sh'] : []
  const argv = [...applet, installScript(world.dir), runDir, '--', '/bin/sh', '-c', 'read a; echo $a; setsid sleep 300']
  const done = await exec(shell, argv, { env: { PATH: '/usr/bin:/bin' }, timeoutMs: 10_000 })
  expect([done.timedOut, readExit(runDir)?.cause, readFileSync(join(runDir, 'stdout.log'), 'utf8')]).toEqual([
    false,
    'deadline',
    'hello\n',
  ])
})

test('a marker that could be part of another is refused', async () => {
  await using world = new RunWorld()
  await expect(world.sh('exit 0', { marker: 'a b' })).rejects.toThrow('cannot mark a run')
})
