// Workspaces are made side by side, whatever is in the way, and nothing is left of those that fail.

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { capture } from '../../../src/daemon/workspace/capture.ts'
import { releaseShared } from '../../../src/daemon/workspace/hold.ts'
import type { WorkspaceRequest } from '../../../src/daemon/workspace/port.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { remove } from '../../../src/daemon/workspace/remove.ts'
import { exec } from '../../../src/lib/exec.ts'
import { captureOf, makePlace } from './place.ts'

describe('a worktree', () => {
  test('has a branch and folder named after the task, is locked, and its status is clean', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', { 'a.txt': 'one\n', 'ü/name with space': 'x\n', 'run.sh': '#!/bin/sh\n' })
    const request = place.request(repo)
    const workspace = await prepare(request)
    const short = request.taskId.slice(-10)
    expect(workspace.branch).toBe(`capstan/${short}/fix-the-login-now`)
    expect(workspace.path).toBe(realpathSync(join(request.root, 'acme-app', `${short}-1`)))
    expect(await place.git(workspace.path, 'status', '--porcelain', '--branch')).toBe(`## ${workspace.branch}`)
    expect(await place.git(workspace.path, 'rev-parse', 'HEAD')).toBe(workspace.baseSha)
    expect(await place.git(repo, 'worktree', 'list', '--porcelain')).toContain(
      `locked capstan run ${request.attemptId}`,
    )
    expect(JSON.parse(JSON.stringify(workspace))).toEqual(workspace)
  })

  test('the same request again gives the same workspace; after a crash half-way it is made anew', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const request = place.request(repo)
    const first = await prepare(request)
    expect(await prepare(request)).toEqual(first)
    rmSync(join(request.stateDir, 'workspaces', request.attemptId, 'workspace.json')) // the daemon died before it was written
    rmSync(join(first.path, 'a.txt'))
    expect(await prepare(request)).toEqual(first)
    expect(readFileSync(join(first.path, 'a.txt'), 'utf8')).toBe('one\n')
    expect((await place.git(repo, 'branch', '--list', 'capstan/*')).split('\n')).toHaveLength(1)
  })

  test('starts from a branch, a tag or a commit; another base is refused by its name', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const first = await place.git(repo, 'rev-parse', 'HEAD')
    await place.git(repo, 'tag', 'v1')
    await place.git(repo, 'commit', '-q', '--allow-empty', '-m', 'Next')
    for (const base of ['v1', first, 'main~1']) {
      expect((await prepare(place.request(repo, { base }))).baseSha).toBe(first)
    }
    expect((await prepare(place.request(repo, { baseBranch: 'v1' }))).baseSha).toBe(first)
    for (const base of ['nowhere', '--all', '-x', 'a\nb']) {
      await expect(prepare(place.request(repo, { base }))).rejects.toThrow(
        `no such branch, tag or commit in ${repo}: ${base}`,
      )
    }
  })

  test('twenty parallel starts in one repository all succeed', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const made = await Promise.all(Array.from({ length: 20 }, () => prepare(place.request(repo))))
    expect(new Set(made.map((workspace) => workspace.path)).size).toBe(20)
    expect((await place.git(repo, 'worktree', 'list')).split('\n')).toHaveLength(21)
  })

  test('two processes start ten each in one repository, and all succeed', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const script = place.write(
      'start.mjs',
      `import { prepare } from ${JSON.stringify(join(import.meta.dirname, '../../../src/daemon/workspace/prepare.ts'))}
       const requests = JSON.parse(process.argv[2])
       await Promise.all(requests.map((request) => prepare({ ...request, signal: AbortSignal.timeout(20_000) })))`,
    )
    const starts = [0, 1].map((half) => {
      const requests = Array.from({ length: 10 }, () => place.request(repo, { stateDir: place.path(`state${half}`) }))
      return exec(process.execPath, [script, JSON.stringify(requests)], {
        cwd: place.folder,
        env: process.env,
        timeoutMs: 25_000,
      })
    })
    for (const result of await Promise.all(starts)) expect([result.code, result.stderr]).toEqual([0, ''])
    expect((await place.git(repo, 'worktree', 'list')).split('\n')).toHaveLength(21)
  })

  test('a branch, a folder or a stale registration that is in the way does not fail the task', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const request = place.request(repo)
    const short = request.taskId.slice(-10)
    await place.git(repo, 'branch', `capstan/${short}/fix-the-login-now`)
    const foreign = place.write(`worktrees/acme-app/${short}-1/mine`, 'foreign')
    const workspace = await prepare(request)
    expect(workspace.branch).toBe(`capstan/${short}/fix-the-login-now-1`)
    expect(workspace.path).toMatch(/-1\.2$/)
    expect(readFileSync(foreign, 'utf8')).toBe('foreign')
    const second = await prepare(place.request(repo, { taskId: request.taskId, n: 2 }))
    expect(second.branch).toBe(`capstan/${short}/fix-the-login-now-2`)

    const stale = place.request(repo)
    const gone = place.path('worktrees/acme-app', `${stale.taskId.slice(-10)}-1`)
    await place.git(repo, 'worktree', 'add', '-q', '--lock', '-b', 'stale', gone)
    rmSync(gone, { recursive: true })
    expect((await prepare(stale)).path).toBe(gone)
  })

  test('a branch named capstan does not fail the task', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    await place.git(repo, 'branch', 'capstan')
    expect((await prepare(place.request(repo))).branch).toMatch(/^capstan-.*-fix-the-login-now-1\.1$/)
  })

  test('a failed start leaves no branch, folder, registration, lock or state', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', { 'a.txt': 'one\n', 'b.txt': 'two\n' })
    const blob = await place.git(repo, 'rev-parse', 'HEAD:b.txt')
    rmSync(join(repo, '.git/objects', blob.slice(0, 2), blob.slice(2))) // the checkout of the files will fail
    const request = place.request(repo)
    await expect(prepare(request)).rejects.toThrow('git read-tree')
    expect(await place.git(repo, 'worktree', 'list')).not.toContain('\n')
    expect(await place.git(repo, 'branch', '--list', 'capstan*')).toBe('')
    expect(readdirSync(join(request.root, 'acme-app'))).toEqual([])
    expect(readdirSync(join(request.stateDir, 'workspaces'))).toEqual([])
    const aborted = place.request(repo, { signal: AbortSignal.abort(new Error('stop')) })
    await expect(prepare(aborted)).rejects.toThrow('stop')
    expect(await place.git(repo, 'branch', '--list', 'capstan*')).toBe('')
    expect(existsSync(join(repo, '.git/worktrees'))).toBe(false)
  })

  test('repositories that are detached, mid-merge, shallow, linked or of sha256 work', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    await place.git(repo, 'commit', '-q', '--allow-empty', '-m', 'Next')
    await place.git(place.folder, 'clone', '-q', '--depth', '1', `file://${repo}`, 'shallow')
    await place.git(repo, 'worktree', 'add', '-q', '--detach', place.path('linked'))
    await place.git(place.folder, 'init', '-q', '--object-format=sha256', 'long')
    place.write('long/a.txt', 'one\n')
    await place.git(place.path('long'), 'add', '-A')
    await place.git(place.path('long'), 'commit', '-q', '-m', 'Start')
    place.write('repo/.git/MERGE_HEAD', `${await place.git(repo, 'rev-parse', 'HEAD')}\n`)
    for (const name of ['repo', 'shallow', 'linked', 'long']) {
      const workspace = await prepare(place.request(place.path(name)))
      writeFileSync(join(workspace.path, 'new.txt'), 'new\n')
      const { evidence, unkept } = await capture(workspace, captureOf(workspace))
      expect([name, evidence.filesChanged, unkept]).toEqual([name, 1, []])
      expect(await remove(workspace)).toEqual({ removed: true })
    }
  })

  test('ignored files come along as a trusted repo.toml says, and a link is not work', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', { '.gitignore': '.env\nnode_modules/\n*.secret\n' })
    place.write('repo/.env', 'KEY=1\n')
    place.write('repo/conf/a.secret', 's\n')
    place.write('repo/node_modules/x/index.js', '1\n')
    const carry = { copy: ['.env', '**/*.secret', '*.nothing'], link: ['node_modules'] }
    const workspace = await prepare(place.request(repo, { carry }))
    expect(readFileSync(join(workspace.path, '.env'), 'utf8')).toBe('KEY=1\n')
    expect(existsSync(join(workspace.path, 'conf/a.secret'))).toBe(true)
    expect(readlinkSync(join(workspace.path, 'node_modules'))).toBe(join(repo, 'node_modules'))
    expect((await capture(workspace, captureOf(workspace))).patch).toBeNull()
    writeFileSync(join(workspace.path, '.env'), 'KEY=2\n')
    const { notices } = await capture(workspace, captureOf(workspace))
    expect(notices.join()).toContain('.env was changed')
    const kept = place.path('state/workspaces', workspace.attemptId, 'copies/.env')
    expect(readFileSync(kept, 'utf8')).toBe('KEY=2\n')
    expect(lstatSync(kept).mode & 0o077).toBe(0)
    expect(await remove(workspace)).toEqual({ removed: true })
    expect(existsSync(join(repo, 'node_modules/x/index.js'))).toBe(true)
  })

  test('a checkout whose git folder was moved elsewhere since it was registered is refused', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const other = await place.repo('other')
    rmSync(join(repo, '.git'), { recursive: true })
    symlinkSync(join(other, '.git'), join(repo, '.git'))
    const request = place.request(repo, { repo: { slug: 'a', path: repo, commonDir: join(repo, '.git') } })
    await expect(prepare(request)).rejects.toThrow('now has its git folder at')
  })
})

describe('a shared checkout', () => {
  test('has one writer at a time, by attempt, also after a restart', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const request: WorkspaceRequest = place.request(repo, { mode: 'shared' })
    const workspace = await prepare(request)
    expect(workspace.path).toBe(repo)
    await expect(prepare(place.request(repo, { mode: 'shared' }))).rejects.toThrow(
      `in use by attempt ${request.attemptId}`,
    )
    expect(await prepare(request)).toEqual(workspace)
    releaseShared({ ...workspace, attemptId: 'att_another' })
    await expect(prepare(place.request(repo, { mode: 'shared' }))).rejects.toThrow('in use')
    await remove(workspace)
    await remove(await prepare(place.request(repo, { mode: 'shared' })))
    expect(existsSync(join(repo, 'a.txt'))).toBe(true)
  })

  test('takes no base', async () => {
    using place = makePlace()
    await expect(prepare(place.request(await place.repo('repo'), { mode: 'shared', base: 'main' }))).rejects.toThrow(
      'drop the base main',
    )
  })
})

test('scratch folders are empty, their own, and never another’s', async () => {
  using place = makePlace()
  const request = place.request(null)
  mkdirSync(place.path('worktrees/scratch', `${request.taskId.slice(-10)}-1`, 'foreign'), { recursive: true })
  const workspace = await prepare(request)
  expect(readdirSync(workspace.path)).toEqual([])
  expect(workspace.path).toMatch(/-1\.2$/)
  await expect(prepare(place.request(null, { mode: 'worktree' }))).rejects.toThrow('needs a repository')
})
