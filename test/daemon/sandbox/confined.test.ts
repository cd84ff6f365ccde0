// An agent that swaps folders for links while the daemon looks at its workspace: the daemon reads what the agent may read, and nothing else.

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { capture } from '../../../src/daemon/workspace/capture.ts'
import { keepInterim } from '../../../src/daemon/workspace/interim.ts'
import { BoxWorld, without } from './box-world.ts'

describe.skipIf(without !== null)('a sandboxed agent that swaps a folder for a link while it is looked at', () => {
  test('gets nothing of what the daemon alone may read into the objects it may read', async () => {
    await using world = new BoxWorld()
    world.write('home/.ssh/id_rsa', 'PRIVATE KEY\n')
    const repo = await world.repo('app')
    const workspace = await world.workspace(repo)
    const prepare = 'mkdir many z; for n in $(seq 600); do echo $n >many/$n; done; echo mine >z/id_rsa'
    const swap = `mv z y; ln -s '${join(world.home, '.ssh')}' z; sleep 0.005; rm z; mv y z; sleep 0.005`
    const over = world.inside(
      workspace,
      `${prepare}; end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do ${swap}; done`,
    )
    let running = true
    void over.then(() => {
      running = false
    })
    let looks = 0
    while (running) {
      await keepInterim(workspace, {
        taskId: workspace.taskId,
        attemptId: workspace.attemptId,
        commitMessage: 'x',
      }).catch(() => {})
      looks += 1
    }
    await over
    const ids = (
      await world.git(repo, 'cat-file', '--batch-all-objects', '--batch-check=%(objectname) %(objecttype)')
    ).split('\n')
    const blobs = ids.filter((line) => line.endsWith(' blob')).map((line) => line.split(' ')[0] ?? '')
    const secret = await world.git(repo, 'hash-object', join(world.home, '.ssh/id_rsa'))
    expect(blobs.length).toBeGreaterThan(600)
    expect(looks).toBeGreaterThan(2)
    expect(blobs).not.toContain(secret)
  }, 30_000)

  test('has the work kept that it does in a repository within the workspace, and none that this one borrows', async () => {
    await using world = new BoxWorld()
    const other = await world.repo('other', { 'private.txt': 'OTHER SOURCE\n' })
    const repo = await world.repo('app')
    const workspace = await world.workspace(repo)
    const script = [
      'git init -q inner && cd inner && echo one >in.txt && git add . && git commit -qm One && cd ..',
      'git init -q lent && cd lent && echo two >out.txt && git add . && git commit -qm Two',
      `echo '${other}/.git/objects' >.git/objects/info/alternates; echo '${await world.git(other, 'rev-parse', 'HEAD')}' >.git/refs/heads/other`,
    ]
    await world.inside(workspace, script.join('; '), {
      env: { GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@b' },
    })
    const request = { taskId: workspace.taskId, attemptId: workspace.attemptId, commitMessage: 'x' }
    const { evidence, unkept } = await capture(workspace, request)
    expect(evidence.nestedRepos).toEqual(['inner', 'lent'])
    expect(unkept).toEqual([expect.stringContaining('lent is not wholly kept')])
    const head = await world.git(`${workspace.path}/inner`, 'rev-parse', 'HEAD')
    expect(await world.git(repo, 'cat-file', '-t', head)).toBe('commit')
    const secret = await world.git(other, 'rev-parse', 'HEAD:private.txt')
    await expect(world.git(repo, 'cat-file', '-t', secret)).rejects.toThrow('cat-file')
  })
})
