// No worktree, branch, lock, process or folder is leaked over random runs with random kills, and nothing dirty, unpushed or live is reaped.

import { expect, test } from 'vitest'
import type { GcReport } from '../../src/daemon/gc/report.ts'
import { processEnv } from '../../src/lib/env.ts'
import { auditCleanUp, randomRuns } from './clean-up-audit.ts'
import { fieldOfEachTest } from './field.ts'
import { makeRandom } from './random.ts'

const newField = fieldOfEachTest()

/** CAPSTAN_SOAK_RUNS=200 for the long pass; few of them keep npm test quick. */
const runs = Number(processEnv().CAPSTAN_SOAK_RUNS ?? 8)

test('random runs with random kills leak nothing and destroy nothing', {
  timeout: 90_000 + runs * 10_000,
}, async () => {
  const field = await newField()
  const ran = await randomRuns(field, { runs, random: makeRandom() })
  expect(await auditCleanUp(field, ran)).toEqual([])
})

test('capstan gc beside a working agent takes the finished runs and says how much; the agent’s files are checkpointed', async () => {
  const field = await newField()
  const { world, repo } = field
  const host = await field.host('a', { args: ['--checkpoint-interval', '100ms', '--min-free-disk', '0'] })
  const first = await field.ended((await field.add('echo one > one.txt', { repo: 'app' })).id)
  const gate = field.gate()
  const { id } = await field.add(`echo two > two.txt; ${gate.wait}`, { repo: 'app' })
  await field.running(id)
  const ref = `refs/capstan/checkpoints/${id}/1`
  await world.until('the checkpoint', () => world.git(repo, 'show', `${ref}:two.txt`).catch(() => null))
  const dry = await world.json<GcReport>(['gc', '--dry-run', '--older-than', '0', '--data', host.dataDir])
  const done = await world.json<GcReport>(['gc', '--older-than', '0', '--data', host.dataDir])
  for (const report of [dry, done]) {
    expect(report).toMatchObject({ needed: 1, kept: [] })
    expect(report.removed.map(({ kind }) => kind)).toEqual(['workspace', 'run'])
    expect(report.bytes).toBeGreaterThan(0)
  }
  expect(await world.git(repo, 'show', `${first.attempts[0]?.evidence?.branch}:one.txt`)).toBe('one')
  gate.open()
  expect(await field.ended(id)).toMatchObject({ state: 'completed' })
})

test('a host that is short of disk takes no work, says so, and goes on with what it has', async () => {
  const field = await newField()
  const { world } = field
  await field.host('a', { args: ['--min-free-disk', '1000000000'] })
  const { id } = await field.add('true')
  const waits = await field.when(id, 'says why', (task) => JSON.stringify(task).includes('too little disk'))
  expect(waits.state).toBe('queued')
  const { items } = await field.client.call('listDaemons', {})
  expect(items[0]?.shortOf).toContain('free; ')
  expect(
    (
      await world.capstan(['daemon', 'ls'], {
        env: { CAPSTAN_URL: field.server.url, CAPSTAN_TOKEN: field.server.token },
      })
    ).stdout,
  ).toContain('disk short')
})
