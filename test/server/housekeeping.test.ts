// Blobs that nothing refers to any more go by themselves; those of an attempt's evidence stay, however old.

import { expect, test } from 'vitest'
import { cidOf } from '../../src/lib/cid.ts'
import { endOf, makeWorld } from './world.ts'

test('a blob without a referrer goes when it is old, the diff of an attempt and a young blob stay', async () => {
  await using world = await makeWorld({ housekeepingMs: 50, housekeepingAgeMs: 1_500 })
  const daemon = await world.daemon({ key: 'key-of-the-housekeeping-test' })
  const { id } = await world.client.call('createTask', { body: { prompt: 'x', harness: 'shell' } })
  const [run] = (await daemon.claim(5_000, 1, id)).assignments
  if (run === undefined) throw new Error('nothing was claimed')
  const [diff, stray] = [Buffer.from('diff --git a/x b/x\n'), Buffer.from('nobody names me')]
  const bring = (bytes: Buffer) => world.as(world.server.daemonToken).putBlob(cidOf(bytes), bytes)
  const there = async (bytes: Buffer) => (await world.raw(`/v1/blobs/${cidOf(bytes)}`)).status === 200
  for (const bytes of [diff, stray]) await bring(bytes)
  const nothing = { branch: null, baseSha: null, headSha: null, treeId: null, pushedRef: null, checkpointRef: null }
  const counts = { commitsAhead: 0, filesChanged: 1, insertions: 1, deletions: 0, untracked: 0, diffBytes: diff.length }
  const lists = { checks: [], nestedRepos: [], changedByChecks: false, checkpointSha: null, diffWithheld: null }
  const evidence = { workspaceMode: 'worktree' as const, ...nothing, ...counts, ...lists, diffCid: cidOf(diff) }
  await daemon.ask('result', { ...endOf(run), evidence })
  await expect.poll(() => there(stray), { timeout: 10_000, interval: 50 }).toBe(false)
  expect(await there(diff)).toBe(true)
  expect(await world.client.patch(id)).toBe(String(diff))
  await bring(stray)
  expect(await there(stray)).toBe(true)
  await daemon.close()
})
