// Programs started through a small shell: exactly as asked, in a session of their own, outliving it.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findProcess } from '../../src/lib/proc.ts'
import { canSpawn, Spawner } from '../../src/lib/spawner.ts'

let dir = ''
let spawner: Spawner
const shells: number[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'capstan-spawner-'))
  writeFileSync(join(dir, 'log'), '')
  spawner = new Spawner(() => {
    const shell = spawn('/bin/sh', ['-s'], { cwd: '/', env: {}, detached: true, stdio: ['pipe', 'pipe', 'ignore'] })
    shells.push(shell.pid ?? 0)
    return shell
  })
})

afterEach(() => {
  spawner.close()
  shells.splice(0)
  rmSync(dir, { recursive: true, force: true })
})

function request(file: string, args: readonly string[], env: Record<string, string> = {}) {
  return { file, args, cwd: dir, env, logPath: join(dir, 'log') }
}

async function logged(holds: string): Promise<string> {
  for (let n = 0; n < 500; n += 1) {
    const text = readFileSync(join(dir, 'log'), 'utf8')
    if (text.includes(holds)) return text
    await pause(10)
  }
  throw new Error(`the log never held ${holds}: ${readFileSync(join(dir, 'log'), 'utf8')}`)
}

const nasty = 'a \'quoted\' "word" $(touch x) `touch y` \\ $HOME ; & | \n second line, ünïcödé #'

test('arguments and environment arrive byte for byte, and nothing else is in the environment', async () => {
  const program = 'process.stdout.write(JSON.stringify([process.argv.slice(1), process.env, process.cwd()]) + "\\nend")'
  const asked = request(process.execPath, ['-e', program, nasty, ''], { WORD: nasty, EMPTY: '' })
  expect(canSpawn(asked)).toBe(true)
  await spawner.spawn(asked)
  const [args, env, cwd] = JSON.parse((await logged('\nend')).split('\n')[0] ?? '')
  expect(args).toEqual([nasty, ''])
  expect(env).toEqual({ WORD: nasty, EMPTY: '' })
  expect(cwd).toBe(dir)
})

test('the pid is the program’s, which leads a session of its own and outlives the shell', async () => {
  const pid = await spawner.spawn(request('/bin/sh', ['-c', 'echo up; exec sleep 60']))
  await logged('up')
  const found = await findProcess(pid)
  expect(found).toMatchObject({ pid, session: pid, pgid: pid })
  spawner.close()
  await gone(shells[0] ?? 0)
  expect(await findProcess(pid)).not.toBeNull()
  process.kill(pid, 'SIGKILL')
})

test('many at once get their own pids, and none is left unreaped', async () => {
  const pids = await Promise.all(Array.from({ length: 20 }, () => spawner.spawn(request('/bin/true', []))))
  expect(new Set(pids).size).toBe(20)
  for (const pid of pids) await gone(pid)
  await spawner.spawn(request('/bin/true', []))
  await spawner.spawn(request('/bin/true', []))
  expect(pids.filter((pid) => stateOf(pid) !== null)).toEqual([])
})

test('a shell that dies fails what was asked of it; the next request starts another', async () => {
  await spawner.spawn(request('/bin/true', []))
  const [first = 0] = shells
  process.kill(first, 'SIGSTOP')
  const lost = spawner.spawn(request('/bin/true', []))
  process.kill(first, 'SIGKILL')
  await expect(lost).rejects.toThrow('the shell that starts programs failed')
  expect(await spawner.spawn(request('/bin/true', []))).toBeGreaterThan(0)
  expect(shells).toHaveLength(2)
})

test('what a shell could not pass on is refused beforehand', () => {
  expect(canSpawn(request('/bin/true', [], { 'A-B': 'c' }))).toBe(false)
  expect(canSpawn(request('/bin/true', [], { UID: '7' }))).toBe(false)
  expect(canSpawn(request('/bin/true', ['\0']))).toBe(false)
})

/** `Z` for one that nobody has waited for; null when it is gone. */
function stateOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.charAt(0) ?? null
  } catch {
    return null
  }
}

async function gone(pid: number): Promise<void> {
  for (let n = 0; n < 500; n += 1) {
    if ((await findProcess(pid)) === null) return
    await pause(10)
  }
  throw new Error(`${pid} is still there`)
}
