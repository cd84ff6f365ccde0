// Bounds of a sandboxed run: a bomb of processes or memory ends in it, its host goes on.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planLimits, writeVersion2 } from '../../../src/daemon/sandbox/limits.ts'
import { limitsReached } from '../../../src/daemon/sandbox/limits-reached.ts'
import type { Workspace } from '../../../src/daemon/workspace/port.ts'
import { listProcesses } from '../../../src/lib/proc.ts'
import { BoxWorld, sandboxHost, without } from './box-world.ts'

const { limits } = sandboxHost
const grouped = limits.name.startsWith('cgroup')
if (!grouped) console.warn(`SKIPPED, no cgroup of this user: limits are held by ${limits.name}`)

describe('the mechanism that is chosen', () => {
  test('says what it cannot hold for a run as a whole', () => {
    const asked = { cpus: 1, memory: '1GiB', pids: 64, disk: '1GiB' }
    expect(planLimits({ name: 'cgroup v2', root: '/x' }, asked).unheld).toEqual([
      'disk (each file is bounded, not their sum)',
    ])
    const weak = planLimits({ name: 'prlimit' }, asked)
    expect(weak).toMatchObject({
      mechanism: 'prlimit',
      rlimits: { pids: 64, dataBytes: 1_073_741_824, fileBytes: 1_073_741_824 },
    })
    expect(weak.unheld.map((each) => each.split(' ')[0])).toEqual(['cpus', 'memory', 'disk'])
    expect(planLimits({ name: 'none' }, asked).unheld).toEqual(['cpus', 'memory', 'pids', 'disk'])
  })
})

test('a group of version 2 is told its limits in the kernel’s words', () => {
  const place = mkdtempSync(join(tmpdir(), 'capstan-group-'))
  try {
    writeFileSync(join(place, 'memory.swap.max'), 'max')
    writeVersion2(place, { cpus: 1.5, memory: '1MiB', pids: 64 })
    const said = ['cpu.max', 'pids.max', 'memory.max', 'memory.swap.max'].map((name) =>
      readFileSync(join(place, name), 'utf8'),
    )
    expect(said).toEqual(['150000 100000', '64', '1048576', '0'])
    writeFileSync(join(place, 'memory.events'), 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n')
    expect(limitsReached([place], { memory: '1MiB', pids: 64 })).toHaveLength(1)
  } finally {
    rmSync(place, { recursive: true })
  }
})

describe.skipIf(without !== null)('a sandboxed run', () => {
  let world: BoxWorld
  let workspace: Workspace

  beforeAll(async () => {
    world = new BoxWorld()
    workspace = await world.workspace(null)
  })
  afterAll(() => world[Symbol.asyncDispose]())

  test('forks no further than its limit, and all of it ends with its first process', async () => {
    const before = (await listProcesses()).length
    const bomb =
      'i=0; while [ $i -lt 400 ]; do sleep 300 & i=$((i+1)); done 2>&1 | head -1; echo "alive $(ls /proc | grep -c "^[0-9]")"'
    const ran = await world.inside(workspace, bomb, { settings: { resources: { pids: 64 } } })
    expect(ran.out + ran.err).toMatch(/fork|Cannot fork|Resource temporarily unavailable/i)
    expect((await listProcesses()).length).toBeLessThan(before + 70)
  })

  test('that is a bomb of processes ends when it is told to, and its host goes on', async () => {
    const bomb = 'bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 0.5; echo still'
    const before = (await listProcesses()).length
    const ran = await world.inside(workspace, bomb, { settings: { resources: { pids: 64 } } })
    if (grouped) expect(ran.met).toEqual(['sandbox: the run met its limit of 64 processes: no more were started'])
    expect(ran.out + ran.err).toMatch(/still|Cannot fork|Resource temporarily unavailable/)
    await expect.poll(async () => (await listProcesses()).length, { timeout: 5_000 }).toBeLessThan(before + 60)
  })

  test('where no cgroup holds it, is bounded in each of its processes', async () => {
    const eat = 'head -c 300000000 /dev/zero | tail | wc -c; echo alive'
    const settings = { resources: { memory: '100MB', pids: 4_000 } }
    const ran = await world.inside(workspace, eat, { settings, limits: { name: 'prlimit' } })
    expect(ran.out).toBe('0\nalive')
    expect(ran.err).toMatch(/memory exhausted|Cannot allocate/)
  })

  test('writes no file larger than its limit', async () => {
    const ran = await world.inside(
      workspace,
      'head -c 3000000 /dev/zero >big; echo "code $?"; stat -c %s big; rm big',
      {
        settings: { resources: { disk: '1MB' } },
      },
    )
    expect(ran.out).toMatch(/code (153|1)\n1000000/)
  })

  test.skipIf(!grouped)('takes no more memory than its limit, in however many processes', async () => {
    const free = freemem()
    const eat = 'for i in 1 2 3 4; do (head -c 200000000 /dev/zero | tail >/dev/null; echo "part $?") & done; wait'
    const ran = await world.inside(workspace, eat, { settings: { resources: { memory: '150MB' } } })
    expect(ran.out.match(/part 0/g)?.length ?? 0).toBeLessThan(4)
    expect(Math.abs(free - freemem())).toBeLessThan(2_000_000_000)
    expect(ran.met).toEqual(['sandbox: the run met its limit of 150MB of memory: processes of it were ended'])
  })

  test.skipIf(!grouped)('gets no more of the processor than its limit', async () => {
    const spin = 'i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; cut -d" " -f14,15 /proc/$$/stat'
    const begun = performance.now()
    const ran = await world.inside(workspace, spin, { settings: { resources: { cpus: 0.5 } } })
    const ticks = ran.out.split(' ').reduce((sum, each) => sum + Number(each), 0) // hundredths of a second
    expect(ticks).toBeGreaterThan(5)
    expect(ticks * 10).toBeLessThan((performance.now() - begun) * 0.7)
  })

  test('leaves its groups for nobody', async () => {
    await world.inside(workspace, 'true', { settings: { resources: { pids: 64 } } })
    if (limits.name !== 'cgroup v1') return
    for (const root of Object.values(limits.roots))
      expect(existsSync(join(root, `capstan-${workspace.attemptId}`))).toBe(false)
  })
})
