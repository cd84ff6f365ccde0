// Bounds of a sandboxed run: a bomb of processes or memory ends in it, its host goes on.

import { existsSync } from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planLimits } from '../../../src/daemon/sandbox/limits.ts'
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
