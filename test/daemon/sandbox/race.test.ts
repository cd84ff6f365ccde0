// An agent that swaps folders for links while the daemon looks at its workspace: the daemon reads what the agent may read, and nothing else.

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
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
    const over = world.inside(workspace, `${prepare}; end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do ${swap}; done`)
    let running = true
    void over.then(() => {
      running = false
    })
    let looks = 0
    for (let n = 0; running; n += 1) {
      await keepInterim(workspace, { taskId: workspace.taskId, attemptId: workspace.attemptId, commitMessage: 'x' }).catch(() => {})
      looks += 1
    }
    await over
    const ids = (await world.git(repo, 'cat-file', '--batch-all-objects', '--batch-check=%(objectname) %(objecttype)')).split('\n')
    const blobs = ids.filter((line) => line.endsWith(' blob')).map((line) => line.split(' ')[0] ?? '')
    const secret = await world.git(repo, 'hash-object', join(world.home, '.ssh/id_rsa'))
    console.log(looks, blobs.length)
    expect(blobs).not.toContain(secret)
  }, 30_000)
})
