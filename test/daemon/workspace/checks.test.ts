// Setup and checks run in the workspace, end by their timeout, and say what they did.

import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runChecks, runSetup, skippedChecks } from '../../../src/daemon/workspace/checks.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { processEnv } from '../../../src/lib/env.ts'
import { makePlace } from './place.ts'

const options = {
  env: { PATH: processEnv().PATH },
  timeoutMs: 10_000,
  signal: AbortSignal.timeout(120_000),
  clock: systemClock,
}

describe('checks', () => {
  test('pass, fail and change the tree, each with its exit, output and tree', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(await place.repo('repo')))
    const checks = [
      { name: 'good', command: 'echo fine; echo also >&2' },
      { name: 'bad', command: 'echo broken; exit 3' },
      { name: 'writer', command: 'echo x > generated.txt' },
    ]
    const result = await runChecks(workspace, checks, { ...options, treeId: workspace.baseTree })
    expect(result).toMatchObject({ passed: false, changedByChecks: true })
    expect(result.outcomes).toMatchObject([
      { name: 'good', exitCode: 0, outputTail: 'fine\nalso\n', treeId: workspace.baseTree },
      { name: 'bad', exitCode: 3, outputTail: 'broken\n', treeId: workspace.baseTree },
      { name: 'writer', exitCode: 0, treeId: result.treeId },
    ])
    expect(result.treeId).not.toBe(workspace.baseTree)
  })

  test('keep the whole lines of the last 8 KiB of a long output', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(null))
    const checks = [{ name: 'loud', command: 'i=0; while [ $i -lt 4000 ]; do echo "line $i"; i=$((i+1)); done' }]
    const { outcomes } = await runChecks(workspace, checks, { ...options, treeId: workspace.baseTree })
    expect(outcomes[0]?.outputTail.length).toBeGreaterThan(8_150)
    expect(outcomes[0]?.outputTail).toMatch(/^line \d+\n/)
    expect(outcomes[0]?.outputTail.endsWith('line 3999\n')).toBe(true)
  })

  test('are ended wholly by their timeout, and what they left running does not hold them', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(null))
    let stopped = 0
    const checks = [
      { name: 'hung', command: 'echo begun; sleep 60 & sleep 60' },
      { name: 'leaves', command: 'sleep 60 & echo started' },
    ]
    const stopTree = async () => {
      stopped += 1
    }
    const began = systemClock.monotonic()
    const more = { timeoutMs: 300, treeId: workspace.baseTree, stopTree }
    const { outcomes, passed } = await runChecks(workspace, checks, { ...options, ...more })
    expect(systemClock.monotonic() - began).toBeLessThan(30_000)
    expect(passed).toBe(false)
    expect(outcomes[0]).toMatchObject({ exitCode: null, outputTail: 'begun\n\nended after 0.3 s' })
    expect(outcomes[1]).toMatchObject({ exitCode: 0, outputTail: 'started\n' })
    expect(stopped).toBe(2)
  })

  test('run in the subfolder, never outside the workspace', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(await place.repo('repo', { 'web/x': '1' })))
    const checks = [{ name: 'where', command: 'pwd' }]
    const { outcomes } = await runChecks(workspace, checks, {
      ...options,
      subfolder: 'web',
      treeId: workspace.baseTree,
    })
    expect(outcomes[0]?.outputTail).toBe(`${workspace.path}/web\n`)
    const outside = runChecks(workspace, checks, { ...options, subfolder: '../..', treeId: workspace.baseTree })
    await expect(outside).rejects.toThrow('not a folder in the workspace')
  })

  test('of an untrusted file are shown as skipped with the reason', () => {
    expect(skippedChecks([{ name: 'test', command: 'npm test' }], 'not trusted')).toMatchObject([
      { name: 'test', exitCode: null, skipped: 'not trusted' },
    ])
  })
})

describe('setup', () => {
  test('stops at the first command that fails and names it', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(null))
    expect(await runSetup(workspace, ['touch one'], options)).toMatchObject({ passed: true })
    const failed = await runSetup(workspace, ['touch two', 'exit 7', 'touch three'], options)
    expect(failed).toMatchObject({ passed: false, detail: expect.stringContaining('"exit 7" failed with exit code 7') })
    expect(['one', 'two', 'three'].map((name) => existsSync(join(workspace.path, name)))).toEqual([true, true, false])
  })

  test('ends with its signal', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(null))
    writeFileSync(join(workspace.path, 'x'), '')
    const stop = new AbortController()
    const running = runSetup(workspace, ['touch begun; sleep 60'], { ...options, signal: stop.signal })
    const deadline = systemClock.monotonic() + 5_000
    while (!existsSync(join(workspace.path, 'begun')) && systemClock.monotonic() < deadline) await systemClock.sleep(10)
    stop.abort(new Error('cancelled'))
    await expect(running).rejects.toThrow('cancelled')
  })
})
