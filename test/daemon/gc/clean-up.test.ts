// The clean-up takes what is due and proved to be kept, and nothing else.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readEndRecord, writeEndRecord } from '../../../src/daemon/gc/end-record.ts'
import { writeFileAtomic } from '../../../src/lib/atomic-file.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { makePlace } from '../workspace/place.ts'
import { hourMs, makeHost } from './host.ts'

describe('a finished run', () => {
  test('goes with worktree, private git folder and logs when it is old enough; its branch and checkpoint stay', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const host = makeHost(place)
    const workspace = await host.begin(repo)
    place.write(join(workspace.path, 'new.txt'), 'new\n')
    const runDir = await host.end(workspace)
    const report = await host.clean()
    expect(report.kept).toEqual([])
    expect(report.removed.map(({ kind }) => kind)).toEqual(['workspace', 'run'])
    expect(report).toMatchObject({ kept: [], waiting: 0, needed: 0 })
    expect(report.bytes).toBeGreaterThan(0)
    expect([workspace.path, runDir].filter((path) => existsSync(path))).toEqual([])
    expect(readdirSync(join(host.stateDir, 'workspaces'))).toEqual([])
    expect(await place.git(repo, 'show', `${workspace.branch}:new.txt`)).toBe('new')
    expect(await place.git(repo, 'show', `refs/capstan/checkpoints/${workspace.taskId}/1:new.txt`)).toBe('new')
    expect(await place.git(repo, 'worktree', 'list')).not.toContain('\n')
    expect(await host.clean()).toMatchObject({ removed: [], kept: [] })
  })

  test('waits for its retention, which is longer after a failure; --older-than outweighs both', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const host = makeHost(place)
    const [good, bad, fresh] = [await host.begin(repo), await host.begin(repo), await host.begin(repo)]
    await host.end(good, 'completed', 25 * hourMs)
    await host.end(bad, 'failed', 25 * hourMs)
    await host.end(fresh, 'completed', hourMs)
    expect(await host.clean()).toMatchObject({ waiting: 2 })
    expect([good, bad, fresh].map(({ path }) => existsSync(path))).toEqual([false, true, true])
    expect(await host.clean({ olderThanMs: 0 })).toMatchObject({ waiting: 0, kept: [] })
    expect([bad, fresh].map(({ path }) => existsSync(path))).toEqual([false, false])
  })

  test('goes earlier where its profile says so', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const host = makeHost(place)
    const [brief, patient] = [await host.begin(repo), await host.begin(repo)]
    const runDir = await host.end(brief, 'completed', hourMs)
    await host.end(patient, 'completed', hourMs)
    const end = readEndRecord(runDir)
    if (end === null) throw new Error('the run has no record of its end')
    writeEndRecord(runDir, { ...end, at: end.at - 100 * hourMs, warmMs: 400 * hourMs })
    expect((await host.clean()).removed).toEqual([]) // a host may keep the folders of sessions longer than others
    writeEndRecord(runDir, { ...end, keepMs: 60_000 })
    expect(await host.clean()).toMatchObject({ waiting: 1 })
    expect([brief, patient].map(({ path }) => existsSync(path))).toEqual([false, true])
  })

  test('is left alone while the journal names it, while its state is copied, and while a process of it lives', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const host = makeHost(place)
    const [undelivered, copied] = [await host.begin(repo), await host.begin(repo)]
    await host.end(undelivered)
    writeFileSync(join(await host.end(copied), 'state.json'), '{}')
    host.needs(undelivered)
    expect(await host.clean({ olderThanMs: 0 })).toMatchObject({ removed: [], kept: [], needed: 2 })
    expect([undelivered, copied].map(({ path }) => existsSync(path))).toEqual([true, true])
  })

  test('of a daemon whose journal cannot be read stays, and the report says so', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const host = makeHost(place)
    const workspace = await host.begin(repo)
    await host.end(workspace)
    writeFileSync(
      join(host.stateDir, 'journal.db'),
      'not a database, but long enough to be taken for a damaged one\n'.repeat(40),
    )
    const report = await host.clean({ olderThanMs: 0 })
    expect(report).toMatchObject({
      removed: [],
      kept: [{ kind: 'state', why: expect.stringContaining('cannot be read') }],
    })
    expect(existsSync(workspace.path)).toBe(true)
  })
})

describe('what is not proved to be kept', () => {
  test('stays with the reason: files after the last checkpoint, commits on a detached HEAD, a moved worktree', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const host = makeHost(place)
    const [late, moved, deleted] = [await host.begin(repo), await host.begin(repo), await host.begin(repo)]
    for (const workspace of [late, moved, deleted]) await host.end(workspace)
    place.write(join(late.path, 'late.txt'), 'late\n')
    await place.git(repo, 'worktree', 'move', '-f', '-f', moved.path, place.path('mine'))
    await place.git(deleted.path, 'checkout', '-q', '--detach')
    await place.git(deleted.path, 'commit', '-q', '--allow-empty', '-m', 'Only here')
    rmSync(deleted.path, { recursive: true })
    const { kept } = await host.clean()
    const whyOf = (path: string) => kept.find((item) => item.path === path)?.why
    expect(whyOf(late.path)).toBe('files changed since the last checkpoint')
    expect(whyOf(moved.path)).toContain('was moved to')
    expect(whyOf(deleted.path)).toContain('only its HEAD holds the commit')
    expect(existsSync(join(late.path, 'late.txt'))).toBe(true)
    expect(await place.git(place.path('mine'), 'status', '--short')).toBe('')
  })

  test('is never a worktree of the user or a folder without a record', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const host = makeHost(place)
    await place.git(repo, 'worktree', 'add', '-q', '-b', 'mine', place.path('beside'))
    await place.git(repo, 'worktree', 'add', '-q', '-b', 'inside', place.path('worktrees/acme-app/mine'))
    place.write('worktrees/acme-app/notes/todo.txt', 'mine\n')
    const later = { ...systemClock, now: () => systemClock.now() + 1_000 * hourMs }
    const { kept, removed } = await host.clean({ olderThanMs: 0, clock: later })
    expect(removed).toEqual([])
    expect(kept.map(({ path }) => path).sort()).toEqual(
      [place.path('worktrees/acme-app/mine'), place.path('worktrees/acme-app/notes')].sort(),
    )
    expect(existsSync(place.path('beside/a.txt'))).toBe(true)
  })

  test('a copied setting that the run changed and the checkpoint of a scratch run outlive the folders', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', { '.gitignore': '.env\n' })
    place.write(join(repo, '.env'), 'KEY=1\n')
    const host = makeHost(place)
    const copied = await host.begin(repo, { carry: { copy: ['.env'], link: [] } })
    writeFileSync(join(copied.path, '.env'), 'KEY=2\n')
    const [scratch, empty] = [await host.begin(null), await host.begin(null)]
    place.write(join(scratch.path, 'made.txt'), 'made\n')
    for (const workspace of [copied, scratch, empty]) await host.end(workspace)
    const { kept } = await host.clean()
    expect([copied, scratch, empty].map(({ path }) => existsSync(path))).toEqual([false, false, false])
    expect(kept.map(({ path }) => path).sort()).toEqual(
      [
        join(host.stateDir, 'workspaces', copied.attemptId, 'copies'),
        join(host.stateDir, 'workspaces', scratch.attemptId, 'git/objects'),
      ].sort(),
    )
    expect(existsSync(join(host.stateDir, 'workspaces', empty.attemptId))).toBe(false)
  })
})

describe('branches', () => {
  test('a failed run’s goes when its checkpoint has all of it; a completed one’s only after it was merged', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const host = makeHost(place)
    const [failed, merged, open] = [await host.begin(repo), await host.begin(repo), await host.begin(repo)]
    for (const workspace of [failed, merged, open]) {
      place.write(join(workspace.path, `${workspace.attemptId}.txt`), 'work\n')
      await place.git(workspace.path, 'add', '-A')
      await place.git(workspace.path, 'commit', '-q', '-m', 'Work')
    }
    await host.end(failed, 'failed')
    await host.end(merged)
    await host.end(open)
    await place.git(repo, 'merge', '-q', merged.branch ?? '')
    await place.git(repo, 'branch', 'capstan/mine/own')
    const later = { ...systemClock, now: () => systemClock.now() + 200 * hourMs }
    await host.clean({ clock: later })
    const left = await place.git(repo, 'branch', '--format=%(refname:short)')
    expect(left.split('\n').sort()).toEqual([open.branch, 'capstan/mine/own', 'main'].sort())
    expect(await place.git(repo, 'log', '-1', '--format=%s', `refs/capstan/checkpoints/${failed.taskId}/1^1`)).toBe(
      'Work',
    )
  })
})

test('a run without a record of its end keeps its branch: it may have been the delivery', async () => {
  using place = makePlace()
  const repo = await place.repo('repo')
  const host = makeHost(place)
  const workspace = await host.begin(repo)
  await place.git(workspace.path, 'commit', '-q', '--allow-empty', '-m', 'Work')
  rmSync(join(await host.end(workspace, 'failed'), 'end.json'))
  await host.clean({ olderThanMs: 0 })
  expect(existsSync(workspace.path)).toBe(false)
  expect(await place.git(repo, 'log', '-1', '--format=%s', workspace.branch ?? '')).toBe('Work')
})

test('what a killed git or daemon left in the run’s state goes with it', async () => {
  using place = makePlace()
  const host = makeHost(place)
  const workspace = await host.begin(await place.repo('repo'))
  await host.end(workspace)
  const folder = join(host.stateDir, 'workspaces', workspace.attemptId)
  for (const name of ['base.index.staged.lock', 'patch', 'workspace.json.7.tmp']) writeFileSync(join(folder, name), 'x')
  expect(await host.clean()).toMatchObject({ kept: [] })
  expect(existsSync(folder)).toBe(false)
})

test('a dry run says the same and changes nothing', async () => {
  using place = makePlace()
  const repo = await place.repo('repo')
  const host = makeHost(place)
  const workspace = await host.begin(repo)
  place.write(join(workspace.path, 'new.txt'), 'new\n')
  await host.end(workspace, 'failed')
  const said = await host.clean({ dryRun: true })
  expect(existsSync(workspace.path)).toBe(true)
  const done = await host.clean()
  expect(said.removed.map(({ kind, path }) => ({ kind, path }))).toEqual(
    done.removed.map(({ kind, path }) => ({ kind, path })),
  )
})

test('a preparation that a crash cut short is taken back, folder, registration and branch', async () => {
  using place = makePlace()
  const repo = await place.repo('repo')
  const host = makeHost(place)
  const workspace = await host.begin(repo)
  rmSync(join(host.stateDir, 'workspaces', workspace.attemptId, 'workspace.json')) // as if it had not come to that
  const report = await host.clean({ olderThanMs: 0 })
  expect(report.removed).toMatchObject([{ kind: 'preparation', path: workspace.path }])
  expect(await place.git(repo, 'worktree', 'list')).not.toContain('\n')
  expect(await place.git(repo, 'branch', '--list', 'capstan/*')).toBe('')
})

test('a workspace whose record is damaged is not taken for an unfinished one', async () => {
  using place = makePlace()
  const repo = await place.repo('repo')
  const host = makeHost(place)
  const workspace = await host.begin(repo)
  place.write(join(workspace.path, 'new.txt'), 'new\n')
  writeFileAtomic(join(host.stateDir, 'workspaces', workspace.attemptId, 'workspace.json'), '{"mode":"work')
  const report = await host.clean({ olderThanMs: 0 })
  expect(report.kept).toMatchObject([{ kind: 'state', why: expect.stringContaining('is damaged') }])
  expect(existsSync(join(workspace.path, 'new.txt'))).toBe(true)
})

test('a worktree that git lists without its folder is unregistered only when its HEAD is on a branch', async () => {
  using place = makePlace()
  const repo = await place.repo('repo')
  const host = makeHost(place)
  const [gone, precious] = ['gone', 'precious'].map((name) => place.path('worktrees/acme-app', name))
  for (const path of [gone, precious]) await place.git(repo, 'worktree', 'add', '-q', '--detach', path ?? '')
  await place.git(precious ?? '', 'commit', '-q', '--allow-empty', '-m', 'Only here')
  for (const path of [gone, precious]) rmSync(path ?? '', { recursive: true })
  await host.end(await host.begin(repo)) // so that the repository is known here
  const { removed, kept } = await host.clean()
  expect(removed.find(({ kind }) => kind === 'registration')?.path).toBe(gone)
  expect(kept).toMatchObject([{ kind: 'registration', path: precious }])
})

test('while the disk is short, what can be built again goes first, then finished workspaces before their time', async () => {
  using place = makePlace()
  const repo = await place.repo('repo', { '.gitignore': 'node_modules/\n' })
  const host = makeHost(place)
  const [older, newer] = [await host.begin(repo), await host.begin(repo)]
  for (const [at, workspace] of [older, newer].entries()) {
    mkdirSync(join(workspace.path, 'node_modules/x'), { recursive: true })
    writeFileSync(join(workspace.path, 'node_modules/x/big'), 'x'.repeat(100_000))
    await host.end(workspace, 'completed', (2 - at) * hourMs)
  }
  const first = await host.clean({ enough: () => !existsSync(join(newer.path, 'node_modules')) })
  expect(first.removed.map(({ kind }) => kind)).toEqual(['artifacts', 'artifacts'])
  expect(first.bytes).toBeGreaterThan(200_000)
  const second = await host.clean({ enough: () => !existsSync(older.path) })
  expect(second.removed.map(({ kind }) => kind)).toContain('workspace')
  expect([older, newer].map(({ path }) => existsSync(path))).toEqual([false, true])
})

test('two clean-ups at once do not disturb each other', async () => {
  using place = makePlace()
  const repo = await place.repo('repo')
  const host = makeHost(place)
  for (let n = 0; n < 3; n += 1) await host.end(await host.begin(repo))
  const [one, two] = await Promise.all([host.clean(), host.clean()])
  expect([...one.removed, ...two.removed].filter(({ kind }) => kind === 'workspace')).toHaveLength(3)
  expect([...one.kept, ...two.kept]).toEqual([])
})

test('a repository that was moved away does not hold up the others', async () => {
  using place = makePlace()
  const [away, here] = [await place.repo('away'), await place.repo('here')]
  const host = makeHost(place)
  const [lost, fine] = [await host.begin(away), await host.begin(here)]
  for (const workspace of [lost, fine]) await host.end(workspace)
  renameSync(away, place.path('elsewhere'))
  const { kept } = await host.clean()
  expect(existsSync(fine.path)).toBe(false)
  expect(existsSync(lost.path)).toBe(true)
  expect(kept.map(({ path }) => path)).toEqual([lost.path])
})
