// What a daemon of root hands over to the user of its runs: what lies in the workspace, and nothing that a link in it leads to.

import { lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { giveFolders } from '../../../src/daemon/workspace/give.ts'
import type { RunUser } from '../../../src/lib/exec.ts'
import { BoxWorld, without } from '../sandbox/box-world.ts'

const stranger: RunUser = { name: 'stranger', uid: 61_234, gid: 61_234, home: '/nonexistent' }

describe.skipIf(process.getuid?.() !== 0)('a daemon of root', () => {
  let root: string

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'capstan-give-')))
    mkdirSync(join(root, 'given/below'), { recursive: true })
    mkdirSync(join(root, 'mine/below'), { recursive: true })
    for (const name of ['given/below/a', 'mine/secret', 'mine/below/b']) writeFileSync(join(root, name), 'x')
    symlinkSync(join(root, 'mine'), join(root, 'given/below/out'))
    symlinkSync(join(root, 'mine/secret'), join(root, 'given/file'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const owner = (name: string) => lstatSync(join(root, name)).uid

  test('gives what is in a folder, and nothing that a link in it leads to', () => {
    giveFolders(stranger, [join(root, 'given')])
    expect(['given', 'given/below/a', 'given/below/out', 'given/file'].map(owner)).toEqual(Array(4).fill(stranger.uid))
    expect(['mine', 'mine/secret', 'mine/below', 'mine/below/b'].map(owner)).toEqual([0, 0, 0, 0])
  })

  test.skipIf(without !== null)('gives a workspace whose repository holds a link to a folder outside', async () => {
    await using world = new BoxWorld()
    const repo = join(world.root, 'code/app')
    mkdirSync(repo, { recursive: true })
    symlinkSync(join(root, 'mine'), join(repo, 'out'))
    const workspace = await world.workspace(await world.repo('app'))
    expect(lstatSync(join(workspace.path, 'out')).isSymbolicLink()).toBe(true)
    expect(statSync(join(workspace.path, 'a.txt')).uid).toBe(stranger.uid)
    expect(['mine', 'mine/secret', 'mine/below/b'].map(owner)).toEqual([0, 0, 0])
  })

  test.skipIf(without !== null)('gives nothing that an agent’s home links to when it makes the next box', async () => {
    await using world = new BoxWorld()
    const workspace = await world.workspace(await world.repo('app'))
    await world.inside(
      workspace,
      `ln -s '${join(root, 'mine')}' "$HOME/out"; ln -s '${join(root, 'mine')}' "$TMPDIR/out"`,
    )
    world.box(workspace)
    expect(['mine', 'mine/secret', 'mine/below/b'].map(owner)).toEqual([0, 0, 0])
  })
})
