// An agent's commits in a sandbox: made in a git folder of its own, brought over as objects, and nothing it leaves there runs outside.

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { capture } from '../../../src/daemon/workspace/capture.ts'
import { deliverBranch } from '../../../src/daemon/workspace/deliver.ts'
import { remove } from '../../../src/daemon/workspace/remove.ts'
import { captureOf } from '../workspace/place.ts'
import { BoxWorld, without } from './box-world.ts'

const author = { name: 'Ada', email: 'ada@example.org' }

describe.skipIf(without !== null)('a sandboxed agent', () => {
  test('commits as it is used to, and its commits are delivered on the task’s branch', async () => {
    await using world = new BoxWorld()
    const repo = await world.repo('app')
    const workspace = await world.workspace(repo)
    const script =
      'git status --porcelain; echo two >b.txt; git add b.txt; git commit -qm "Add b"; echo three >c.txt; git add c.txt; echo four >d.txt; git log --format="%an %s"; git branch -r'
    const ran = await world.inside(workspace, script)
    expect(ran).toEqual({ code: 0, err: '', out: 'Ada Add b\nTest Start\n  origin/main' })
    const captured = await capture(workspace, captureOf(workspace))
    expect(captured.unkept).toEqual([])
    expect(captured.evidence).toMatchObject({
      workspaceMode: 'worktree',
      commitsAhead: 1,
      filesChanged: 3,
      untracked: 1,
    })
    const delivered = await deliverBranch(workspace, captured, { author, message: 'Rest' })
    const branch = delivered?.branch ?? ''
    expect(await world.git(repo, 'log', '--format=%s', branch)).toBe('Rest\nAdd b\nStart')
    expect(await world.git(repo, 'ls-tree', '--name-only', branch)).toBe('a.txt\nb.txt\nc.txt\nd.txt')
    expect(await world.git(workspace.path, 'status', '--porcelain', '--branch')).toBe(`## ${branch}`)
    expect(await world.git(repo, 'fsck', '--strict', '--no-dangling')).toBe('')
    expect(await remove(workspace)).toEqual({ removed: true })
    expect(existsSync(workspace.cloneDir ?? '')).toBe(false)
  })

  test('commits all else where a tracked file is denied or hidden, and says nothing of those', async () => {
    await using world = new BoxWorld()
    const repo = await world.repo('app', {
      'a.txt': 'one\n',
      'sub/.env': 'SECRET=1\n',
      'kept/b/c': 'x\n',
      "it's": 'y\n',
    })
    const workspace = await world.workspace(repo)
    const asked = { settings: { filesystem: { deny: ['sub/.env'], hide: ['kept', "it's"] } } }
    const commit = 'echo new >n.txt; echo two >>a.txt; git add -A && git commit -qm All; git commit -qam None'
    const ran = await world.inside(workspace, `${commit}; git show --name-status --format=%s; cat sub/.env`, asked)
    expect(ran.out).toMatch(/nothing to commit, working tree clean\nAll\n\nM\ta.txt\nA\tn.txt$/)
    expect(ran.err).toBe('cat: sub/.env: Permission denied')
    const captured = await capture(workspace, captureOf(workspace))
    expect(captured.evidence).toMatchObject({ commitsAhead: 1, filesChanged: 2 })
    const delivered = await deliverBranch(workspace, captured, { author, message: 'Rest' })
    const left = await world.git(repo, 'diff', '--name-status', 'main', delivered?.branch ?? '')
    expect(left).toBe('M\ta.txt\nA\tn.txt')
  })

  test('with many commits, amended and repacked, loses none', async () => {
    await using world = new BoxWorld()
    const workspace = await world.workspace(await world.repo('app'))
    const script =
      'for i in $(seq 1 90); do echo $i >f$i; git add . ; git commit -qm "c$i"; done; git repack -qad; git commit -q --amend -m last; git rev-parse HEAD'
    const ran = await world.inside(workspace, script)
    const captured = await capture(workspace, captureOf(workspace))
    expect(captured).toMatchObject({ headSha: ran.out, unkept: [], evidence: { commitsAhead: 90, filesChanged: 90 } })
    expect((await capture(workspace, captureOf(workspace))).evidence.checkpointSha).toBe(
      captured.evidence.checkpointSha,
    )
  })

  test('cannot change the repository’s git folder, nor replace its own pointer', async () => {
    await using world = new BoxWorld()
    const repo = await world.repo('app')
    const workspace = await world.workspace(repo)
    const git = join(repo, '.git')
    const script = `echo x >.git; rm -rf .git; mv .git x; ln -sf /tmp .git; touch '${git}/objects/x' '${git}/objects/info/alternates'; rm -rf '${git}/objects'; cat .git`
    const before = readFileSync(join(workspace.path, '.git'), 'utf8')
    const ran = await world.inside(workspace, script)
    expect(ran.err.match(/Read-only|busy|File exists|Permission denied/g)?.length).toBeGreaterThanOrEqual(6)
    expect(readFileSync(join(workspace.path, '.git'), 'utf8')).toBe(before)
    expect(existsSync(join(git, 'objects/x'))).toBe(false)
    expect(await world.git(repo, 'fsck', '--strict')).toBe('')
  })

  test('leaves hooks, a watcher, filters and links that run nothing and lead nowhere outside', async () => {
    await using world = new BoxWorld()
    const repo = await world.repo('app')
    const workspace = await world.workspace(repo)
    const pwned = join(world.root, 'PWNED')
    const payload = world.write('payload.sh', `#!/bin/sh\ntouch '${pwned}'\ncat\n`)
    chmodSync(payload, 0o755)
    const run = [
      'd=$(git rev-parse --git-dir)',
      `for h in post-checkout pre-commit post-index-change fsmonitor-watchman reference-transaction; do printf '#!/bin/sh\\ntouch ${pwned}\\n' >$d/hooks-$h; mkdir -p $d/hooks; cp $d/hooks-$h $d/hooks/$h; chmod 755 $d/hooks/$h; done`,
      'echo two >b.txt; git add b.txt; git commit -qnm "Add b"',
      `git config core.fsmonitor '${payload}'; git config filter.e.clean '${payload}'; git config diff.e.textconv '${payload}'; git config diff.external '${payload}'; git config core.sshCommand '${payload}'`,
      'echo "* filter=e diff=e" >.gitattributes; echo "* filter=e" >$d/info/attributes',
      `printf '%s\\n' '${repo}/.git/objects' '${world.dataDir}' >$d/objects/info/alternates`,
    ]
    await world.inside(workspace, run.join('; '))
    const captured = await capture(workspace, captureOf(workspace))
    await deliverBranch(workspace, captured, { author, message: 'Rest' })
    await world.git(workspace.path, 'status')
    expect(captured.evidence).toMatchObject({ commitsAhead: 1, filesChanged: 2 })
    expect(existsSync(pwned)).toBe(false)
    expect(await remove(workspace)).toEqual({ removed: true })
  })

  test('whose git folder is swapped for links or damaged gives its files all the same', async () => {
    await using world = new BoxWorld()
    const workspace = await world.workspace(await world.repo('app'))
    await world.inside(workspace, 'echo two >b.txt; git add b.txt; git commit -qm "Add b"')
    const clone = workspace.cloneDir ?? ''
    rmSync(join(clone, 'objects'), { recursive: true })
    symlinkSync(join(world.root, 'code'), join(clone, 'objects'))
    const linked = await capture(workspace, captureOf(workspace))
    expect(linked.evidence).toMatchObject({ commitsAhead: 0, filesChanged: 1 })
    rmSync(join(clone, 'objects'))
    mkdirSync(join(clone, 'objects/aa'), { recursive: true })
    writeFileSync(join(clone, 'objects/aa', 'b'.repeat(38)), 'not an object')
    const damaged = await capture(workspace, captureOf(workspace))
    expect(damaged.evidence.filesChanged).toBe(1)
    expect(damaged.unkept).toEqual([expect.stringContaining('could not be brought over')])
  })
})
