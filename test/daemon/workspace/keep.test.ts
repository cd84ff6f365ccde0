// Nothing is removed that is not kept; what is kept comes back; a patch goes in wholly or not at all.

import {
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
import { applyPatch } from '../../../src/daemon/workspace/apply.ts'
import { capture } from '../../../src/daemon/workspace/capture.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { remove } from '../../../src/daemon/workspace/remove.ts'
import { restore } from '../../../src/daemon/workspace/restore.ts'
import { captureOf, isRoot, makePlace } from './place.ts'

const signal = AbortSignal.timeout(120_000)

describe('removal', () => {
  test('keeps a workspace without a checkpoint, with newer files, or with newer commits, and says which', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const workspace = await prepare(place.request(repo))
    expect(await remove(workspace)).toMatchObject({ removed: false, kept: expect.stringContaining('no checkpoint') })
    await capture(workspace, captureOf(workspace))
    writeFileSync(join(workspace.path, 'late.txt'), 'late\n')
    expect(await remove(workspace)).toMatchObject({ kept: 'files changed since the last checkpoint' })
    await place.git(workspace.path, 'add', '-A')
    await capture(workspace, captureOf(workspace))
    await place.git(workspace.path, 'commit', '-q', '--allow-empty', '-m', 'On the branch')
    await place.git(workspace.path, 'checkout', '-q', '--detach')
    await place.git(workspace.path, 'commit', '-q', '--allow-empty', '-m', 'Late')
    expect(await remove(workspace)).toMatchObject({ kept: 'there are commits that the checkpoint does not hold' })
    await capture(workspace, captureOf(workspace))
    expect(await remove(workspace)).toEqual({ removed: true })
    expect(await place.git(repo, 'show', `refs/capstan/checkpoints/${workspace.taskId}/1:late.txt`)).toBe('late')
    expect(await place.git(repo, 'branch', '--list', 'capstan/*')).toContain(workspace.branch)
  })

  test('leaves no registration, folder or empty branch, also of read-only folders, and again is harmless', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', { '.gitignore': 'cache/\n' })
    const workspace = await prepare(place.request(repo))
    mkdirSync(join(workspace.path, 'cache/deep'), { recursive: true })
    writeFileSync(join(workspace.path, 'cache/deep/file'), 'x')
    chmodSync(join(workspace.path, 'cache/deep'), 0o500)
    await capture(workspace, captureOf(workspace))
    expect(await remove(workspace)).toEqual({ removed: true })
    expect(await remove(workspace)).toEqual({ removed: true })
    expect(existsSync(workspace.path)).toBe(false)
    expect(readdirSync(place.path('state/workspaces'))).toEqual([])
    expect(await place.git(repo, 'worktree', 'list')).not.toContain('\n')
    expect(await place.git(repo, 'branch', '--list', 'capstan/*')).toBe('')
  })

  test.skipIf(isRoot)('keeps a workspace with a file that could not be read', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(await place.repo('repo')))
    writeFileSync(join(workspace.path, 'locked'), 'x')
    writeFileSync(join(workspace.path, 'open'), 'x')
    chmodSync(join(workspace.path, 'locked'), 0)
    const { unkept, evidence } = await capture(workspace, captureOf(workspace))
    expect(unkept.join()).toContain('could not be read')
    expect(evidence.filesChanged).toBe(1)
    expect(await remove(workspace)).toMatchObject({
      removed: false,
      kept: expect.stringContaining('could not be read'),
    })
  })

  test("never touches another's worktree, a folder outside the root, or what a link leads to", async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const missing = place.path('on-a-drive')
    await place.git(repo, 'worktree', 'add', '-q', '-b', 'mine', missing)
    rmSync(missing, { recursive: true })
    const workspace = await prepare(place.request(repo))
    const sibling = await prepare(place.request(repo))
    await capture(workspace, captureOf(workspace))
    expect(await remove({ ...workspace, path: repo })).toMatchObject({ removed: false })
    expect(await remove({ ...workspace, path: workspace.root ?? '' })).toMatchObject({ removed: false })
    expect(await remove({ ...workspace, path: join(workspace.root ?? '', '../repo') })).toMatchObject({
      removed: false,
    })
    expect(await remove(workspace)).toEqual({ removed: true })
    const listed = await place.git(repo, 'worktree', 'list')
    expect(listed).toContain(missing)
    expect(listed).toContain(sibling.path)
    expect(existsSync(join(sibling.path, 'a.txt'))).toBe(true)
    const elsewhere = place.path('elsewhere')
    mkdirSync(elsewhere)
    const scratch = await prepare(place.request(null))
    await capture(scratch, captureOf(scratch))
    rmSync(scratch.path, { recursive: true })
    symlinkSync(elsewhere, scratch.path)
    expect(await remove(scratch)).toMatchObject({ removed: false })
    expect(existsSync(elsewhere)).toBe(true)
  })

  test('keeps a nested repository whose history is not copied, and removes one whose is', async () => {
    using place = makePlace()
    const origin = await place.repo('origin')
    await place.git(origin, 'commit', '-q', '--allow-empty', '-m', 'Next')
    const workspace = await prepare(place.request(await place.repo('repo')))
    await place.git(workspace.path, 'clone', '-q', '--depth', '1', `file://${origin}`, 'shallow')
    const captured = await capture(workspace, captureOf(workspace))
    expect(captured.unkept.join()).toContain('shallow')
    expect(await remove(workspace)).toMatchObject({ removed: false, kept: expect.stringContaining('shallow') })
    rmSync(join(workspace.path, 'shallow'), { recursive: true })
    await place.git(workspace.path, 'clone', '-q', `file://${origin}`, 'whole')
    expect(await remove(workspace)).toMatchObject({ removed: false })
    expect((await capture(workspace, captureOf(workspace))).unkept).toEqual([])
    expect(await remove(workspace)).toEqual({ removed: true })
  })

  test('scratch with a repository of the agent’s own keeps its commits', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(null))
    await place.git(workspace.path, 'init', '-q')
    writeFileSync(join(workspace.path, 'f'), 'one\n')
    await place.git(workspace.path, 'add', '-A')
    await place.git(workspace.path, 'commit', '-q', '-m', 'Mine')
    const head = await place.git(workspace.path, 'rev-parse', 'HEAD')
    const { evidence, unkept } = await capture(workspace, captureOf(workspace))
    expect([evidence.nestedRepos, evidence.filesChanged, unkept]).toEqual([['.'], 1, []])
    expect(await remove(workspace)).toEqual({ removed: true })
    expect(await place.git(workspace.gitDir, 'cat-file', '-t', head)).toBe('commit')
  })
})

describe('restore', () => {
  test('makes a clean worktree of a checkpoint on a new branch', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const workspace = await prepare(place.request(repo))
    writeFileSync(join(workspace.path, 'new.txt'), 'new\n')
    const { evidence } = await capture(workspace, captureOf(workspace))
    await remove(workspace)
    const back = {
      repoPath: repo,
      commit: evidence.checkpointRef ?? '',
      path: place.path('back'),
      branch: 'back',
      signal,
    }
    expect(await restore(back)).toMatchObject({ branch: 'back', commit: evidence.checkpointSha })
    expect(readFileSync(place.path('back/new.txt'), 'utf8')).toBe('new\n')
    expect(await place.git(place.path('back'), 'status', '--porcelain')).toBe('')
    await expect(restore(back)).rejects.toThrow('the branch back exists')
    await expect(restore({ ...back, branch: 'other' })).rejects.toThrow('is not empty')
    await expect(restore({ ...back, branch: '--force' })).rejects.toThrow('not a branch name')
    await expect(restore({ ...back, branch: 'x', commit: 'refs/capstan/none' })).rejects.toThrow(
      'no checkpoint refs/capstan/none',
    )
    expect(await place.git(repo, 'branch', '--list')).not.toContain('other')
  })
})

describe('apply', () => {
  test('changes the files of the checkout and nothing else', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const workspace = await prepare(place.request(repo))
    writeFileSync(join(workspace.path, 'a.txt'), 'two\n')
    writeFileSync(join(workspace.path, 'b.bin'), Buffer.from([0, 255, 1]))
    const { patch } = await capture(workspace, captureOf(workspace))
    await applyPatch(repo, patch ?? Buffer.alloc(0))
    expect(await place.git(repo, 'status', '--porcelain')).toBe(' M a.txt\n?? b.bin')
    expect(readFileSync(join(repo, 'b.bin'))).toEqual(Buffer.from([0, 255, 1]))
  })

  test('refuses on conflict with the list of files, and changes nothing', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', { 'a.txt': 'one\n', 'b.txt': 'one\n', 'ü c.txt': 'one\n' })
    const workspace = await prepare(place.request(repo))
    for (const name of ['a.txt', 'b.txt', 'ü c.txt', 'new.txt']) writeFileSync(join(workspace.path, name), 'agent\n')
    const { patch } = await capture(workspace, captureOf(workspace))
    place.write('repo/a.txt', 'mine\n')
    place.write('repo/new.txt', 'mine\n')
    rmSync(join(repo, 'ü c.txt'))
    const before = await place.git(repo, 'status', '--porcelain')
    await expect(applyPatch(repo, patch ?? Buffer.alloc(0))).rejects.toMatchObject({
      code: 'invalid_state',
      detail: expect.stringMatching(/with: (?=.*a\.txt)(?=.*new\.txt)(?=.*ü c\.txt)(?!.*b\.txt)/),
    })
    expect(await place.git(repo, 'status', '--porcelain')).toBe(before)
    expect(readFileSync(join(repo, 'b.txt'), 'utf8')).toBe('one\n')
  })
})
