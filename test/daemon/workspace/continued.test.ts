// Going on with a branch: nobody else's commits are lost from it, and no run that works on it loses it.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Earlier } from '../../../src/daemon/workspace/continued.ts'
import { worktreeLock } from '../../../src/daemon/workspace/intent.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { statePlaces } from '../../../src/daemon/workspace/private-git.ts'
import { withLock } from '../../../src/lib/lock.ts'
import type { Continuation } from '../../../src/protocol/session.ts'
import { until } from '../supervisor/run-world.ts'
import type { Place } from './place.ts'
import { makePlace } from './place.ts'

let place: Place
beforeEach(() => {
  place = makePlace()
})
afterEach(() => place[Symbol.dispose]())

const branch = 'capstan/earlier'

/** Work that was left on its branch, as its host tells of it. */
async function leftBehind(repo: string): Promise<Continuation> {
  await place.git(repo, 'branch', branch)
  const headSha = await place.git(repo, 'rev-parse', branch)
  const treeId = await place.git(repo, 'rev-parse', `${branch}^{tree}`)
  const nothing = { sessionRef: null, sessionCid: null, checkpointRef: null, checkpointSha: null, diffCid: null }
  const from = { taskId: 'task_earlier', attemptId: 'att_earlier', daemonId: 'dmn_1', harness: 'shell', summary: '' }
  return { mode: 'extend', handoff: false, ...from, ...nothing, branch, baseSha: headSha, headSha, treeId }
}

function earlier(work: Continuation, atWork: readonly string[] = []): Earlier {
  const author = { name: 'Test', email: 'test@example.com' }
  const root = place.path('worktrees')
  return { work, n: 1, patch: async () => null, author, root, isAtWork: (id) => atWork.includes(id) }
}

test('commits that somebody makes on the branch while it is made ready stay on it', async () => {
  const repo = await place.repo('app')
  const request = place.request(repo, { earlier: earlier(await leftBehind(repo)) })
  const theirs = await withLock(worktreeLock(join(repo, '.git')), { signal: request.signal }, async () => {
    const prepared = prepare(request).catch((error: unknown) => error)
    const { gitDir } = statePlaces(request.stateDir, request.attemptId)
    await until(() => existsSync(gitDir), 'its start')
    const tree = await place.git(repo, 'rev-parse', `${branch}^{tree}`)
    const commit = await place.git(repo, 'commit-tree', tree, '-p', branch, '-m', 'Theirs')
    await place.git(repo, 'update-ref', `refs/heads/${branch}`, commit)
    return { commit, prepared }
  })
  expect(await theirs.prepared).toMatchObject({ detail: expect.stringContaining('was moved') })
  expect(await place.git(repo, 'rev-parse', branch)).toBe(theirs.commit)
})

test('a run that goes on with the branch keeps it while it works; afterwards it lets go', async () => {
  const repo = await place.repo('app')
  const work = await leftBehind(repo)
  const first = place.request(repo, { earlier: earlier(work) })
  const made = await prepare(first)
  expect(made.branch).toBe(branch)
  const head = () => readFileSync(join(made.adminDir ?? '', 'HEAD'), 'utf8').trim()
  const second = await prepare(place.request(repo, { earlier: earlier(work, [first.attemptId]) }))
  expect(second.branch).not.toBe(branch)
  expect(second.drift).toEqual([expect.stringContaining('is checked out at')])
  expect(head()).toBe(`ref: refs/heads/${branch}`)
  const third = await prepare(place.request(repo, { earlier: earlier(work) }))
  expect(third.branch).toBe(branch)
  expect(head()).toBe(work.headSha)
})

test("a branch that is not of a task is gone on from, not moved: another host's word leads to nobody's branch", async () => {
  const repo = await place.repo('app')
  await place.git(repo, 'branch', 'release')
  const work = { ...(await leftBehind(repo)), branch: 'release' }
  const made = await prepare(place.request(repo, { earlier: earlier(work) }))
  expect(made.branch).toMatch(/^capstan\//)
  expect(await place.git(made.path, 'rev-parse', 'HEAD')).toBe(work.headSha)
})
