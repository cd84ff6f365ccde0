// What an agent did comes back as a tree, a diff and a checkpoint.

import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { capture } from '../../../src/daemon/workspace/capture.ts'
import { deliverBranch } from '../../../src/daemon/workspace/deliver.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { captureOf, makePlace } from './place.ts'

const author = { name: 'Ada', email: 'ada@example.org' }

/** Everything a patch can get wrong. */
function workHard(path: string): void {
  const at = (name: string) => join(path, name)
  writeFileSync(at('a.txt'), 'one\ntwo\n')
  rmSync(at('gone.txt'))
  renameSync(at('long.txt'), at('längere Datei.txt'))
  writeFileSync(at('image.bin'), Buffer.from(Array.from({ length: 4_000 }, (_, i) => (i * 7) % 256)))
  writeFileSync(at('name with space.txt'), 'space\n')
  writeFileSync(at('line\nbreak.txt'), 'newline in the name\n')
  writeFileSync(at('quote"back\\slash'), 'q\n')
  writeFileSync(at('empty'), '')
  writeFileSync(at('crlf.txt'), 'a\r\nb\r\n')
  writeFileSync(at('no-end'), 'no line end')
  symlinkSync('a.txt', at('link'))
  chmodSync(at('tool.sh'), 0o755)
  mkdirSync(at('deep/er'), { recursive: true })
  writeFileSync(at('deep/er/file'), 'x\n')
  writeFileSync(at('ignored.log'), 'not work\n')
}

const files = {
  'a.txt': 'one\n',
  'gone.txt': 'bye\n',
  'long.txt': Array.from({ length: 40 }, (_, i) => `line ${i}\n`).join(''),
  'tool.sh': '#!/bin/sh\n',
  'old.bin': Buffer.from([0, 1, 2, 3]),
  '.gitignore': '*.log\n',
}

describe('capture', () => {
  for (const autocrlf of ['false', 'true', 'input']) {
    test(`the diff on a clean clone gives the evidence's tree id (autocrlf ${autocrlf})`, async () => {
      using place = makePlace()
      const repo = await place.repo('repo', files)
      await place.git(repo, 'config', 'core.autocrlf', autocrlf)
      const workspace = await prepare(place.request(repo))
      expect(await place.git(workspace.path, 'status', '--porcelain')).toBe('')
      workHard(workspace.path)
      const { evidence, patch, unkept } = await capture(workspace, captureOf(workspace))
      expect(unkept).toEqual([])
      expect(evidence).toMatchObject({ commitsAhead: 0, untracked: 10, nestedRepos: [], diffWithheld: null })
      expect(evidence.filesChanged).toBe(13)
      expect(evidence.diffBytes).toBe(patch?.length)
      await place.git(place.folder, 'clone', '-q', '-c', `core.autocrlf=${autocrlf}`, repo, 'clone')
      const clone = place.path('clone')
      place.write('p.patch', patch ?? '')
      await place.git(clone, 'apply', '--index', '--binary', place.path('p.patch'))
      expect(await place.git(clone, 'write-tree')).toBe(evidence.treeId)
      expect(await place.git(clone, 'status', '--porcelain', '--untracked-files=all')).not.toContain('??')
    })
  }

  test('counts are those of the diff, and an untouched workspace has none', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', files)
    const workspace = await prepare(place.request(repo))
    const none = await capture(workspace, captureOf(workspace))
    expect(none.patch).toBeNull()
    expect(none.evidence).toMatchObject({
      filesChanged: 0,
      insertions: 0,
      deletions: 0,
      untracked: 0,
      diffBytes: 0,
      diffCid: null,
    })
    expect(none.treeId).toBe(workspace.baseTree)
    writeFileSync(join(workspace.path, 'a.txt'), 'ONE\ntwo\n')
    renameSync(join(workspace.path, 'long.txt'), join(workspace.path, 'other.txt'))
    const some = await capture(workspace, captureOf(workspace))
    expect(some.evidence).toMatchObject({ filesChanged: 2, insertions: 2, deletions: 1, untracked: 1 })
  })

  test('a change of the same length within the second of the checkout is seen', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, 'aaaa'])))
    const workspace = await prepare(place.request(repo))
    for (let i = 0; i < 20; i += 1) writeFileSync(join(workspace.path, `f${i}`), 'bbbb')
    expect((await capture(workspace, captureOf(workspace))).evidence.filesChanged).toBe(20)
    expect((await place.git(workspace.path, 'status', '--porcelain')).split('\n')).toHaveLength(20)
  })

  test("the agent's commits, its staged files and its untracked files are all reachable from the checkpoint", async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const workspace = await prepare(place.request(repo))
    const at = workspace.path
    writeFileSync(join(at, 'b.txt'), 'committed\n')
    await place.git(at, 'add', '-A')
    await place.git(at, 'commit', '-q', '-m', 'Mine')
    const mine = await place.git(at, 'rev-parse', 'HEAD')
    writeFileSync(join(at, 'b.txt'), 'staged\n')
    await place.git(at, 'add', 'b.txt')
    const index = readFileSync(join(workspace.adminDir ?? '', 'index'))
    writeFileSync(join(at, 'b.txt'), 'edited\n')
    writeFileSync(join(at, 'c.txt'), 'untracked\n')
    const { evidence } = await capture(workspace, captureOf(workspace))
    expect(evidence).toMatchObject({ commitsAhead: 1, headSha: mine, untracked: 1, filesChanged: 2 })
    const ref = `refs/capstan/checkpoints/${workspace.taskId}/1`
    expect(evidence.checkpointRef).toBe(ref)
    expect(await place.git(repo, 'rev-parse', ref)).toBe(evidence.checkpointSha)
    expect(await place.git(repo, 'rev-parse', `${ref}^1`)).toBe(mine)
    expect(await place.git(repo, 'show', `${ref}^2:b.txt`)).toBe('staged')
    expect(await place.git(repo, 'show', `${ref}:b.txt`)).toBe('edited')
    expect(await place.git(repo, 'show', `${ref}:c.txt`)).toBe('untracked')
    expect(readFileSync(join(workspace.adminDir ?? '', 'index')).equals(index)).toBe(true)
    const again = await capture(workspace, captureOf(workspace))
    expect(again.evidence.checkpointSha).toBe(evidence.checkpointSha)
  })

  test('a file that a periodic checkpoint saw and that is ignored at the end is not in the tree', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(await place.repo('repo')))
    writeFileSync(join(workspace.path, 'build.out'), 'x')
    await capture(workspace, captureOf(workspace))
    writeFileSync(join(workspace.path, '.gitignore'), '*.out\n')
    const { patch } = await capture(workspace, captureOf(workspace))
    expect(patch?.toString()).not.toContain('build.out')
  })

  test('captures at the same time give the same', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(await place.repo('repo')))
    writeFileSync(join(workspace.path, 'b.txt'), 'b\n')
    const all = await Promise.all([1, 2, 3, 4].map(() => capture(workspace, captureOf(workspace))))
    expect(new Set(all.map((each) => JSON.stringify(each.evidence))).size).toBe(1)
  })

  test('a diff above the limit stays on the host and the evidence says so', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(await place.repo('repo')))
    writeFileSync(join(workspace.path, 'big.txt'), 'x'.repeat(50_000))
    const { evidence, patch } = await capture(workspace, { ...captureOf(workspace), maxDiffBytes: 10_000 })
    expect(patch).toBeNull()
    expect(evidence.diffBytes).toBeGreaterThan(50_000)
    expect(evidence.diffWithheld).toContain('at most 10000')
  })

  test('a drawing that changed is in the patch with all its lines, and the patch makes the same tree', async () => {
    using place = makePlace()
    const lines = Array.from({ length: 60 }, (_, i) => `  <rect x="${i}" width="1" height="9"/>\n`)
    const drawn = (shapes: readonly string[]) => `<svg xmlns="http://www.w3.org/2000/svg">\n${shapes.join('')}</svg>\n`
    const repo = await place.repo('repo', { 'art/figure.svg': drawn(lines), 'a.txt': 'one\n', 'b.svg.txt': 'b\n' })
    const workspace = await prepare(place.request(repo))
    writeFileSync(join(workspace.path, 'art/figure.svg'), drawn(lines.with(30, '  <circle r="4"/>\n')))
    writeFileSync(join(workspace.path, 'a.txt'), 'two\n')
    writeFileSync(join(workspace.path, 'new.svg'), drawn([]))
    const { evidence, patch } = await capture(workspace, captureOf(workspace))
    expect(evidence).toMatchObject({ filesChanged: 3, insertions: 4, deletions: 2, diffBytes: patch?.length })
    const text = String(patch)
    expect(text.match(/^diff --git /gm)).toHaveLength(3)
    expect(text).toContain(' <svg xmlns="http://www.w3.org/2000/svg">\n   <rect x="0"')
    expect(text).toContain('<rect x="59" width="1" height="9"/>\n </svg>')
    await place.git(place.folder, 'clone', '-q', repo, 'clone')
    place.write('p.patch', patch ?? '')
    await place.git(place.path('clone'), 'apply', '--index', '--binary', place.path('p.patch'))
    expect(await place.git(place.path('clone'), 'write-tree')).toBe(evidence.treeId)
  })

  test('nested repositories are listed, and their files and history are kept under refs of their own', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const workspace = await prepare(place.request(repo))
    const inner = join(workspace.path, 'inner dir')
    mkdirSync(join(workspace.path, 'fresh'))
    await place.git(workspace.path, 'init', '-q', 'fresh')
    writeFileSync(join(workspace.path, 'fresh/f'), 'no commit\n')
    await place.git(workspace.path, 'init', '-q', inner)
    writeFileSync(join(inner, 'g'), 'first\n')
    await place.git(inner, 'add', '-A')
    await place.git(inner, 'commit', '-q', '-m', 'Inner')
    await place.git(inner, 'branch', 'side')
    const head = await place.git(inner, 'rev-parse', 'HEAD')
    writeFileSync(join(inner, 'g'), 'second\n')
    const { evidence, unkept, treeId } = await capture(workspace, captureOf(workspace))
    expect(unkept).toEqual([])
    expect(evidence.nestedRepos).toEqual(['fresh', 'inner dir'])
    expect(treeId).toBe(workspace.baseTree)
    const ref = `refs/capstan/checkpoints/${workspace.taskId}/1.nested`
    expect(await place.git(repo, 'show', `${ref}/0:f`)).toBe('no commit')
    expect(await place.git(repo, 'show', `${ref}/1:g`)).toBe('second')
    expect(await place.git(repo, 'rev-parse', `${ref}/1^1`)).toBe(head)
  })

  test('submodules: empty ones are no change, a moved one is, a removed one is', async () => {
    using place = makePlace()
    const library = await place.repo('library')
    const repo = await place.repo('repo')
    for (const name of ['one', 'two', 'three']) {
      await place.git(repo, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library, name)
    }
    await place.git(repo, 'commit', '-q', '-m', 'Modules')
    const workspace = await prepare(place.request(repo))
    expect(workspace.notices.join()).toContain('Submodules are empty')
    expect((await capture(workspace, captureOf(workspace))).patch).toBeNull()
    await place.git(
      workspace.path,
      '-c',
      'protocol.file.allow=always',
      'submodule',
      '--quiet',
      'update',
      '--init',
      'one',
      'two',
    )
    const same = await capture(workspace, captureOf(workspace))
    expect([same.patch, same.unkept]).toEqual([null, []])
    await place.git(join(workspace.path, 'one'), 'commit', '-q', '--allow-empty', '-m', 'Next')
    const next = await place.git(join(workspace.path, 'one'), 'rev-parse', 'HEAD')
    rmSync(join(workspace.path, 'three'), { recursive: true })
    const moved = await capture(workspace, captureOf(workspace))
    expect(await place.git(repo, 'rev-parse', `${moved.treeId}:one`)).toBe(next)
    expect(await place.git(repo, 'ls-tree', '--name-only', moved.treeId)).not.toContain('three')
    expect(moved.unkept.join()).toContain('one is not wholly kept')
  })

  test('scratch: files are counted against nothing, with a tree, a diff and a checkpoint of their own', async () => {
    using place = makePlace()
    const workspace = await prepare(place.request(null))
    writeFileSync(join(workspace.path, 'out.md'), '# Done\n')
    const { evidence, patch } = await capture(workspace, captureOf(workspace))
    expect(evidence).toMatchObject({
      workspaceMode: 'scratch',
      branch: null,
      baseSha: null,
      headSha: null,
      filesChanged: 1,
      untracked: 1,
    })
    expect(patch?.toString()).toContain('+# Done')
    expect(await place.git(workspace.gitDir, 'rev-parse', `${evidence.checkpointRef}^{tree}`)).toBe(evidence.treeId)
  })

  test('shared: what was dirty before is not the agent’s work, and what it did is', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    place.write('repo/a.txt', 'dirty\n')
    place.write('repo/mine.txt', 'untracked before\n')
    const workspace = await prepare(place.request(repo, { mode: 'shared' }))
    expect((await capture(workspace, captureOf(workspace))).patch).toBeNull()
    place.write('repo/new.txt', 'agent\n')
    const { evidence, patch } = await capture(workspace, captureOf(workspace))
    expect(evidence).toMatchObject({ workspaceMode: 'shared', branch: 'main', filesChanged: 1 })
    expect(patch?.toString()).not.toContain('dirty')
    expect(await place.git(repo, 'status', '--porcelain')).toBe(' M a.txt\n?? mine.txt\n?? new.txt')
    expect(await place.git(repo, 'show', `refs/capstan/checkpoints/${workspace.taskId}/1.base:mine.txt`)).toBe(
      'untracked before',
    )
  })
})

describe('delivery', () => {
  test('what was left uncommitted becomes one commit with author and trailer, and the worktree is clean', async () => {
    using place = makePlace()
    const repo = await place.repo('repo', files)
    const workspace = await prepare(place.request(repo))
    workHard(workspace.path)
    const captured = await capture(workspace, captureOf(workspace))
    const delivered = await deliverBranch(workspace, captured, { author, message: 'Fix the login' })
    expect(delivered).toMatchObject({ branch: workspace.branch, changed: true })
    const tip = workspace.branch ?? ''
    expect(await place.git(repo, 'rev-parse', `${tip}^{tree}`)).toBe(captured.treeId)
    expect(await place.git(repo, 'log', '-1', '--format=%an <%ae>', tip)).toBe('Ada <ada@example.org>')
    expect(await place.git(repo, 'log', '-1', '--format=%(trailers:key=Capstan-Task,valueonly)', tip)).toBe(
      workspace.taskId,
    )
    expect(await place.git(workspace.path, 'status', '--porcelain')).toBe('')
    const again = await deliverBranch(workspace, await capture(workspace, captureOf(workspace)), {
      author,
      message: 'Again',
    })
    expect(again).toMatchObject({ commit: delivered?.commit, changed: false })
  })

  test("a clean tree delivers the agent's own commits without another", async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const workspace = await prepare(place.request(repo))
    writeFileSync(join(workspace.path, 'b.txt'), 'b\n')
    await place.git(workspace.path, 'add', '-A')
    await place.git(workspace.path, 'commit', '-q', '-m', 'Mine')
    const captured = await capture(workspace, captureOf(workspace))
    expect(await deliverBranch(workspace, captured, { author, message: 'm' })).toMatchObject({
      commit: captured.headSha,
      changed: false,
    })
  })

  test('an agent that went to another branch still has its work on the task’s branch', async () => {
    using place = makePlace()
    const repo = await place.repo('repo')
    const workspace = await prepare(place.request(repo))
    await place.git(workspace.path, 'switch', '-q', '-c', 'elsewhere')
    writeFileSync(join(workspace.path, 'b.txt'), 'b\n')
    await place.git(workspace.path, 'add', '-A')
    await place.git(workspace.path, 'commit', '-q', '-m', 'Mine')
    const captured = await capture(workspace, captureOf(workspace))
    await deliverBranch(workspace, captured, { author, message: 'm' })
    expect(await place.git(repo, 'show', `${workspace.branch}:b.txt`)).toBe('b')
    expect(await place.git(workspace.path, 'status', '--porcelain', '--branch')).toBe(`## ${workspace.branch}`)
  })
})

test('a diff that git cannot make leaves evidence and checkpoint, and says why', async () => {
  using place = makePlace()
  const workspace = await prepare(place.request(await place.repo('repo', files)))
  writeFileSync(join(workspace.path, 'a.txt'), 'one\ntwo\n')
  const path = process.env.PATH ?? ''
  const real = (await place.git(place.folder, '-c', 'alias.where=!command -v git', 'where')).split('\n')[0]
  const fake = place.write('bin/git', `#!/bin/sh\ncase "$*" in *--output=*) kill -9 $$;; esac\nexec '${real}' "$@"\n`)
  chmodSync(fake, 0o755)
  process.env.PATH = `${place.path('bin')}:${path}`
  try {
    const { evidence, patch } = await capture(workspace, captureOf(workspace))
    expect(evidence).toMatchObject({ filesChanged: 1, diffCid: null, checkpointSha: expect.any(String) })
    expect(evidence.diffWithheld).toContain('the diff could not be made')
    expect(patch).toBeNull()
    const kept = await place.git(place.path('repo'), 'show', `${evidence.checkpointRef}:a.txt`)
    expect(kept).toBe('one\ntwo')
  } finally {
    process.env.PATH = path
  }
})
