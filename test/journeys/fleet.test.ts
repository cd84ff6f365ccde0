// Several daemons and repositories, and what may not reach whom.

import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Up } from './world.ts'
import { processesOf, World } from './world.ts'

let world: World

beforeEach(() => {
  world = new World()
})

afterEach(async (context) => {
  await world.end(context.task.result?.state === 'fail')
  expect(processesOf(world.root)).toEqual([])
})

interface Ready {
  readonly daemonId: string
}

function daemon(name: string, repos: readonly string[], args: readonly string[], env: Record<string, string>) {
  const [first = world.root, ...more] = repos
  const workspaces = ['--workspace', first, ...more.flatMap((path) => ['--add-workspace', path])]
  return world.start<Ready>(
    ['daemon', '--name', name, '--data', join(world.root, `data-${name}`), ...workspaces, ...args],
    { cwd: first, env },
  )
}

async function server(): Promise<{ url: string; token: string; env: Record<string, string> }> {
  const { line } = await world.start<Up>(['server', '--listen', '127.0.0.1:0', '--data', join(world.root, 'server')])
  const admin = { CAPSTAN_URL: line.url, CAPSTAN_TOKEN: line.token }
  const made = await world.json<{ secret: string }>(['token', 'add', 'hosts', '--scope', 'daemon'], { env: admin })
  return { url: line.url, token: line.token, env: { CAPSTAN_URL: line.url, CAPSTAN_TOKEN: made.secret } }
}

describe('two daemons and three repositories with roles', () => {
  it('take just the tasks that suit them, and say in words when nobody does', async () => {
    const [a, b, c] = [await world.repo('a'), await world.repo('b'), await world.repo('c')]
    const { url, token, env } = await server()
    const admin = { CAPSTAN_URL: url, CAPSTAN_TOKEN: token }
    const one = await daemon('one', [a, b], ['--roles', 'dev'], env)
    const two = await daemon('two', [b, c], ['--roles', 'qa'], env)
    const add = (args: string[]) =>
      world.json<TaskView>(['task', 'add', '--prompt', 'echo x > x.txt', '--harness', 'shell', ...args], { env: admin })
    const wait = async (id: string) =>
      JSON.parse(
        (await world.capstan(['task', 'wait', id, '--timeout', '30s', '--json'], { env: admin })).stdout,
      ) as TaskView // the contract for scripts
    const ran = async (args: string[]) => (await wait((await add(args)).id)).attempts.at(-1)?.daemonId

    expect(await ran(['--repo', 'a'])).toBe(one.line.daemonId)
    expect(await ran(['--repo', 'b', '--role', 'qa'])).toBe(two.line.daemonId)
    expect(await ran(['--repo', 'b', '--role', 'dev'])).toBe(one.line.daemonId)
    expect(await ran(['--repo', 'c'])).toBe(two.line.daemonId)

    const stuck = await add(['--repo', 'a', '--role', 'qa'])
    const shown = await world.json<TaskView>(['task', 'show', stuck.id], { env: admin })
    expect(shown).toMatchObject({
      state: 'queued',
      why: 'no connected daemon serves repo a with role qa; 1 serves repo a',
    })
  })

  it('give nothing to a daemon outside the pool', async () => {
    const a = await world.repo('a')
    const { url, token, env } = await server()
    const admin = { CAPSTAN_URL: url, CAPSTAN_TOKEN: token }
    await world.json(['pool', 'add', 'build'], { env: admin })
    await daemon('outside', [a], [], env)
    const task = await world.json<TaskView>(
      ['task', 'add', '--prompt', 'true', '--repo', 'a', '--harness', 'shell', '--pool', 'build'],
      { env: admin },
    )
    const inside = await daemon('inside', [a], ['--pool', 'build'], env)
    const done = await world.until('the pool takes it', async () => {
      const shown = await world.json<TaskView>(['task', 'show', task.id], { env: admin })
      return shown.state === 'completed' ? shown : null
    })
    expect(done.attempts.map((attempt) => attempt.daemonId)).toEqual([inside.line.daemonId])
  })

  it('refuse a second daemon with the same identity, naming the first', async () => {
    const a = await world.repo('a')
    const { env } = await server()
    await daemon('one', [a], [], env)
    const second = await world.capstan(
      ['daemon', '--name', 'one', '--data', join(world.root, 'data-one'), '--workspace', a, '--json'],
      { cwd: a, env },
    )
    expect(second.code).toBe(5)
    expect(second.stderr).toContain('one')
  })
})

describe('up', () => {
  it('a second time registers its repository with the running one', async () => {
    const [a, b] = [await world.repo('a'), await world.repo('b')]
    await world.up(a)
    const second = await world.capstan(['up', '--port', '0', '--data', join(world.root, 'data'), '--workspace', b], {
      cwd: b,
    })
    expect(second.code).toBe(0)
    await world.until('the running daemon offers b', async () =>
      (await world.daemons())[0]?.repos.some((repo) => repo.slug === 'b'),
    )
    expect(
      (await world.finish(['--prompt', 'echo x > x', '--repo', 'b', '--harness', 'shell', '--expect', 'changes']))
        .state,
    ).toBe('completed')
  })

  it('keeps everything over a restart', async () => {
    const a = await world.repo('a')
    const first = await world.up(a)
    const task = await world.finish(['--prompt', 'echo x > x', '--repo', 'a', '--harness', 'shell'])
    expect(await first.stop()).toBe(0)
    const again = await world.up(a)
    expect(again.line.token).toBe(first.line.token)
    expect(again.line.daemonId).toBe(first.line.daemonId)
    expect((await world.json<TaskView>(['task', 'show', task.id])).state).toBe('completed')
    expect((await world.capstan(['task', 'diff', task.id])).stdout).toContain('+x')
  })
})

describe('a path outside the registered repositories', () => {
  it('is refused, also through a symlink', async () => {
    const a = await world.repo('a')
    await world.up(a)
    symlinkSync('/etc', join(world.root, 'innocent'))
    const outside = await world.capstan([
      'repo',
      'add',
      join(world.root, 'innocent'),
      '--data',
      join(world.root, 'data'),
    ])
    expect(outside.code).not.toBe(0)
    const unknown = await world.capstan(['task', 'add', '--prompt', 'true', '--repo', '../../etc', '--json'])
    expect(unknown.code).toBe(64)
    expect(unknown.stderr).toContain('repo')
  })
})
