// A repository's teardown has one time for all its commands, and what ran is told.

import { expect, test } from 'vitest'
import { shell } from '../../../src/daemon/harness/shell.ts'
import type { RunDeps } from '../../../src/daemon/run/deps.ts'
import type { RunRecord } from '../../../src/daemon/run/record.ts'
import { tearDown } from '../../../src/daemon/run/teardown.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { makePlace } from '../workspace/place.ts'

const attemptId = 'att_torn0001'

/** `stepMs`: how much later it is at each look at the clock. */
async function tornDown(teardown: readonly string[], stepMs = 0) {
  using place = makePlace()
  place.write('work/README.md', '')
  let now = 0
  const monotonic = () => {
    now += stepMs
    return now
  }
  const probe = { env: {}, which: () => null, output: async () => null, read: () => null, list: () => [] }
  // only what teardown uses
  const deps = {
    clock: { ...systemClock, monotonic },
    env: { PATH: '/usr/bin:/bin' },
    secrets: () => ({}),
    probe: () => probe,
    state: { runs: place.folder },
    places: { dataDir: place.folder },
    sandbox: { user: null },
  } as unknown as RunDeps
  const assignment = { attemptId, n: 1, task: { id: 'task_a' }, profile: null }
  const workspace = { path: place.path('work'), baseIndex: place.path('git/index') }
  // the same
  const record = {
    state: { assignment, repoFile: { file: { teardown }, skipped: null } },
    runDir: place.folder,
    prepared: () => ({ workspace, harness: shell }),
  } as unknown as RunRecord
  return await tearDown(deps, record, true)
}

test('all commands of a teardown have their time together', async () => {
  const said = await tornDown(['echo one', 'sleep 600', 'sleep 600'], 1_000)
  expect(said[0]).toBe('teardown: echo one: exit 0\none')
  expect(said.slice(1).map((each) => each.split('\n')[0])).toEqual(Array(2).fill('teardown: sleep 600: exit none'))
})

test('what ran of a teardown is told when the rest cannot run', async () => {
  const said = await tornDown(['echo one; rm -r ../work', 'echo two'])
  expect(said).toEqual([
    'teardown: echo one; rm -r ../work: exit 0\none',
    expect.stringMatching(/^teardown ended early: .*ENOENT/),
  ])
})
