// What systemd is told: ready, alive while healthy, stopping. Its own program is stood in for by a script that writes down what it was told.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemdOf } from '../../src/daemon/systemd.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { mainPath } from '../cli/run.ts'
import { until } from '../server/world.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'capstan-systemd-'))
  const script = join(dir, 'systemd-notify')
  writeFileSync(script, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> '${join(dir, 'told')}'\n`)
  chmodSync(script, 0o755)
  writeFileSync(join(dir, 'told'), '')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const told = () => readFileSync(join(dir, 'told'), 'utf8').trim().split('\n')

function systemd(env: Record<string, string>) {
  return systemdOf({ env: { PATH: `${dir}:${process.env.PATH}`, ...env }, clock: systemClock, log: silentLog })
}

test('a unit hears READY=1 and STOPPING=1 on its socket', async () => {
  const unit = systemd({ NOTIFY_SOCKET: '/run/notify' })
  await unit.ready()
  await unit.stopping()
  expect(told()).toEqual(['/run/notify READY=1', '/run/notify STOPPING=1'])
})

test('the watchdog hears a daemon only while that is healthy', async () => {
  const unit = systemd({ NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '40000', WATCHDOG_PID: String(process.pid) })
  const over = new AbortController()
  let healthy = true
  let looks = 0
  const watching = unit.watch(() => {
    looks += 1
    return healthy
  }, over.signal)
  await until(() => told().length >= 2, 'two signs of life')
  healthy = false
  const seen = looks
  await until(() => looks >= seen + 3, 'three looks at an ill daemon')
  const count = told().length
  await until(() => looks >= seen + 6, 'three more')
  expect(told()).toHaveLength(count)
  over.abort()
  await watching
})

test('outside a unit, or with a watchdog for another process, nothing is said', async () => {
  await systemd({}).ready()
  await systemd({ NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '40000', WATCHDOG_PID: '1' }).watch(
    () => true,
    AbortSignal.timeout(200),
  )
  expect(told()).toEqual([''])
})

test('a host without systemd-notify does not stop the daemon', async () => {
  rmSync(join(dir, 'systemd-notify'))
  await systemdOf({ env: { PATH: dir, NOTIFY_SOCKET: '/run/notify' }, clock: systemClock, log: silentLog }).ready()
})

test('a server alone tells its unit that it is ready, alive and stopping', async () => {
  const home = join(dir, 'home')
  const env = { PATH: `${dir}:${process.env.PATH}`, HOME: home, NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '200000' }
  const args = [mainPath, 'server', '--listen', '127.0.0.1:0', '--data', join(dir, 'data')]
  mkdirSync(home)
  const server = spawn(process.execPath, args, { env, stdio: 'ignore' })
  const ended = once(server, 'exit')
  try {
    await until(() => told().includes('/run/notify READY=1') && told().includes('/run/notify WATCHDOG=1'))
    server.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    await until(() => told().includes('/run/notify STOPPING=1'))
  } finally {
    server.kill('SIGKILL')
  }
})
