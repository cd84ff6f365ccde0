// Ready worktrees: what a run gets from the pool is what a new worktree would be, nothing of the run before, and nobody gets it twice.

import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inspectRepo } from '../../../src/daemon/repos/inspect.ts'
import { capture } from '../../../src/daemon/workspace/capture.ts'
import { deliverBranch } from '../../../src/daemon/workspace/deliver.ts'
import type { Workspace } from '../../../src/daemon/workspace/port.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { makePrivateGit, statePlaces } from '../../../src/daemon/workspace/private-git.ts'
import { recycle, worthWarming } from '../../../src/daemon/workspace/warm-make.ts'
import { settleWarm, takeWarm } from '../../../src/daemon/workspace/warm-take.ts'
import { listWarm } from '../../../src/daemon/workspace/warm-tree.ts'
import { writeFileAtomic } from '../../../src/lib/atomic-file.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import type { Place } from './place.ts'
import { captureOf, makePlace } from './place.ts'

/** Waits for the clock's second are left out but for once: they only save git time later. */
const clock = { ...systemClock, sleep: () => Promise.resolve() }

function termsOf(place: Place, more: object = {}) {
  return { stateDir: place.path('state'), most: 2, minFiles: 2, clock, ...more }
}

const files = { 'a.txt': 'a\n', 'b/c.txt': 'c\n', 'b/d.txt': 'd\n', '.gitignore': 'node_modules/\n' }

/** A run that changed, made and deleted all kinds of things, and ended. */
async function used(place: Place, repo: string): Promise<Workspace> {
  const workspace = await prepare(place.request(repo))
  const { path } = workspace
  appendFileSync(join(path, 'a.txt'), 'more\n')
  rmSync(join(path, 'b/d.txt'))
  symlinkSync('/etc', join(path, 'link'))
  mkdirSync(join(path, 'node_modules/x/.git'), { recursive: true })
  writeFileSync(join(path, 'node_modules/x/y'), 'z')
  chmodSync(join(path, 'node_modules/x'), 0o500)
  mkdirSync(join(path, 'inner'))
  await place.git(join(path, 'inner'), 'init', '-q')
  await place.git(join(path, 'inner'), 'commit', '-q', '--allow-empty', '-m', 'Inner')
  await place.git(path, 'config', '--worktree', 'core.fsmonitor', 'touch').catch(() => '') // where the repository allows it
  mkdirSync(join(path, 'empty'))
  const captured = await capture(workspace, captureOf(workspace))
  await deliverBranch(workspace, captured, { author: { name: 'A', email: 'a@localhost' }, message: 'Work' })
  return workspace
}

/** What a person would look at: files, their state for git, branch, commit. */
async function looks(place: Place, workspace: Workspace) {
  const git = (...args: string[]) => place.git(workspace.path, ...args)
  return {
    names: readdirSync(workspace.path, { recursive: true })
      .map(String)
      .filter((name) => !name.startsWith('.git/'))
      .sort(),
    status: await git('status', '--porcelain', '--ignored'),
    head: await git('rev-parse', 'HEAD'),
    fsck: await git('diff', '--stat', 'HEAD'),
  }
}

describe('a worktree from the pool', () => {
  test('is as a new one would be, on its own branch, at the base asked for, whatever the run before left', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', files)
    const before = await used(place, repo)
    expect(await recycle(before, termsOf(place))).toMatchObject({ recycled: true })
    expect(existsSync(before.path)).toBe(false)
    place.write(join(repo, 'b/e.txt'), 'e\n')
    await place.git(repo, 'rm', '-q', 'a.txt')
    await place.git(repo, 'add', '-A')
    await place.git(repo, 'commit', '-q', '-m', 'Next')
    const warm = await prepare(place.request(repo))
    expect(listWarm(place.path('state'))).toEqual([])
    expect(warm.adminDir).toBe(before.adminDir)
    const cold = await prepare(place.request(repo))
    expect(cold.adminDir).not.toBe(before.adminDir)
    expect(await looks(place, warm)).toEqual(await looks(place, cold))
    expect(await place.git(warm.path, 'branch', '--show-current')).toBe(warm.branch)
    expect(await place.git(repo, 'log', '-1', '--format=%s', before.branch ?? '')).toBe('Work')
    const { evidence } = await capture(warm, captureOf(warm))
    expect(evidence).toMatchObject({ filesChanged: 0, untracked: 0, commitsAhead: 0 })
    expect(await place.git(repo, 'worktree', 'list')).toContain(warm.path)
    expect(await place.git(repo, 'fsck', '--no-dangling')).toBe('')
  })

  test('that somebody touched while it waited is cleaned again', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', files)
    const made = await recycle(await used(place, repo), termsOf(place))
    const path = made.recycled ? made.path : ''
    writeFileSync(join(path, 'a.txt'), 'x\n')
    place.write(join(path, 'node_modules/late'), 'late')
    const warm = await prepare(place.request(repo))
    expect(await place.git(warm.path, 'status', '--porcelain', '--ignored')).toBe('')
    expect(readFileSync(join(warm.path, 'a.txt'), 'utf8')).toBe('a\n')
    expect(existsSync(join(warm.path, 'node_modules'))).toBe(false)
  })

  test('runs no hook, filter or monitor of the repository on its way', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', { ...files, '.gitattributes': '* filter=evil\n' })
    const run = `touch ${place.pwned}; cat`
    const before = await used(place, repo)
    for (const key of ['filter.evil.clean', 'filter.evil.smudge', 'core.fsmonitor'])
      await place.git(repo, 'config', key, run)
    for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change']) {
      chmodSync(place.write(join(repo, '.git/hooks', hook), `#!/bin/sh\n${run} </dev/null\n`), 0o755)
    }
    expect(await recycle(before, termsOf(place))).toMatchObject({ recycled: true })
    await prepare(place.request(repo))
    expect(existsSync(place.pwned)).toBe(false)
  })
})

describe('the pool', () => {
  test('takes only what is proved to be kept, of large repositories, and not more than there is room for', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', files)
    const [late, one, two] = [await used(place, repo), await used(place, repo), await used(place, repo)]
    place.write(join(late.path, 'late.txt'), 'late\n')
    expect(await recycle(late, termsOf(place))).toEqual({
      recycled: false,
      kept: 'files changed since the last checkpoint',
    })
    expect(existsSync(join(late.path, 'late.txt'))).toBe(true)
    expect(worthWarming(one, termsOf(place, { minFiles: 4 }))).toBe(false)
    expect(worthWarming(one, termsOf(place, { most: 1 }))).toBe(true)
    await recycle(one, termsOf(place))
    expect(worthWarming(two, termsOf(place, { most: 1 }))).toBe(false)
  })

  test('gives each worktree to one run only, however many ask at once', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', files)
    for (let n = 0; n < 2; n += 1) await recycle(await used(place, repo), termsOf(place))
    const all = await Promise.all(Array.from({ length: 6 }, () => prepare(place.request(repo))))
    expect(new Set(all.map(({ path }) => path)).size).toBe(6)
    expect(new Set(all.map(({ adminDir }) => adminDir)).size).toBe(6)
    for (const { path } of all) expect(await place.git(path, 'status', '--porcelain', '--ignored')).toBe('')
  })

  test('a repository whose line ends mean something else by now gets a new worktree', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', files)
    await recycle(await used(place, repo), termsOf(place))
    await place.git(repo, 'config', 'core.autocrlf', 'true')
    const workspace = await prepare(place.request(repo))
    expect(readFileSync(join(workspace.path, 'a.txt'), 'utf8')).toBe('a\r\n')
    expect(listWarm(place.path('state'))).toEqual([])
    expect((await place.git(repo, 'worktree', 'list')).split('\n')).toHaveLength(2)
  })
})

test.each(['claimed', 'moved'] as const)(
  'a daemon that dies when a worktree was %s leaves nothing: the next start begins anew',
  async (point) => {
    using place = makePlace()
    const repo = await place.repo('repo', files)
    await recycle(await used(place, repo), termsOf(place))
    const request = place.request(repo)
    const places = statePlaces(request.stateDir, request.attemptId)
    mkdirSync(places.folder, { recursive: true })
    await makePrivateGit(places.gitDir, join(repo, '.git'), request.signal)
    const found = await inspectRepo(repo)
    if (!found.usable) throw new Error(found.problem)
    const taken = await takeWarm({ request, repo: found, baseSha: found.headSha, places })
    if (taken === null) throw new Error('nothing was ready')
    const path = place.path('worktrees/acme-app', 'half')
    const intent = { commonDir: found.commonDir, path, branch: 'capstan/half/way', baseSha: found.headSha }
    if (point === 'moved') {
      mkdirSync(path)
      writeFileAtomic(places.intent, JSON.stringify(intent))
      await settleWarm(taken, intent)
    }
    const again = await prepare(request)
    expect(await place.git(again.path, 'status', '--porcelain', '--ignored')).toBe('')
    expect((await place.git(repo, 'worktree', 'list')).split('\n')).toHaveLength(2)
    expect(readdirSync(place.path('worktrees/acme-app'))).toHaveLength(1)
    expect(await place.git(repo, 'branch', '--list', 'capstan/half/*')).toBe('')
  },
)
