// Checkpoints while an agent works: only when something changed, never in the way of the end.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keepCheckpoints } from '../../../src/daemon/run/checkpoints.ts'
import type { RunDeps } from '../../../src/daemon/run/deps.ts'
import { capture } from '../../../src/daemon/workspace/capture.ts'
import { keepInterim } from '../../../src/daemon/workspace/interim.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Assignment } from '../../../src/protocol/link.ts'
import { captureOf, makePlace } from './place.ts'

test('an unchanged workspace gets none; the same state twice is one commit; the end builds on it', async () => {
  using place = makePlace()
  const repo = await place.repo('repo')
  const workspace = await prepare(place.request(repo))
  expect(await keepInterim(workspace, captureOf(workspace))).toBeNull()
  writeFileSync(join(workspace.path, 'new.txt'), 'new\n')
  const first = await keepInterim(workspace, captureOf(workspace))
  expect(await keepInterim(workspace, captureOf(workspace))).toBe(first)
  expect(await place.git(repo, 'show', `refs/capstan/checkpoints/${workspace.taskId}/1:new.txt`)).toBe('new')
  expect((await capture(workspace, captureOf(workspace))).evidence.checkpointSha).toBe(first)
})

test('one that is cut short by the end of the run leaves the final capture whole', async () => {
  using place = makePlace()
  const many = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`d${n % 20}/f${n}.txt`, `${n}\n`]))
  const repo = await place.repo('repo', many)
  const workspace = await prepare(place.request(repo))
  for (let round = 0; round < 8; round += 1) {
    for (let n = 0; n < 100; n += 1) writeFileSync(join(workspace.path, `made-${round}-${n}.txt`), `${round} ${n}\n`)
    await place.git(workspace.path, 'add', '-A')
    const cut = new AbortController()
    const interim = keepInterim(workspace, { ...captureOf(workspace), signal: cut.signal }).catch(() => null)
    await systemClock.sleep(round * 12)
    cut.abort()
    await interim
    const { evidence, unkept } = await capture(workspace, captureOf(workspace))
    expect(evidence.filesChanged).toBe(100 * (round + 1))
    expect(unkept).toEqual([])
  }
})

test('they come by themselves while the agent works, and what goes wrong with one is only logged', async () => {
  using place = makePlace()
  const repo = await place.repo('repo')
  const workspace = await prepare(place.request(repo))
  const said: string[] = []
  const log = { ...silentLog, warn: (_: unknown, text: string) => void said.push(text) }
  const deps = { clock: systemClock, log, checkpointIntervalMs: 20 } as unknown as RunDeps // the parts that are used
  const assignment = { attemptId: workspace.attemptId, task: { id: workspace.taskId, title: 'T' } } as Assignment // same
  const kept = keepCheckpoints(deps, { assignment, workspace })
  writeFileSync(join(workspace.path, 'new.txt'), 'new\n')
  const ref = `refs/capstan/checkpoints/${workspace.taskId}/1`
  await expect.poll(() => place.git(repo, 'show', `${ref}:new.txt`).catch(() => ''), { timeout: 10_000 }).toBe('new')
  await place.git(repo, 'worktree', 'remove', '-f', '-f', workspace.path)
  await expect.poll(() => said.length, { timeout: 10_000 }).toBeGreaterThan(0)
  await kept.stop()
  expect(said).toContain('checkpoint not kept')
})
