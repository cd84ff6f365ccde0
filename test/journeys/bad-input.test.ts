// What a stranger gets wrong, each answered by one clear sentence with the value and the remedy, a documented exit code, and nothing left behind.

import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Ran, Up } from './world.ts'
import { processesOf, World } from './world.ts'

let world: World
let repo: string
let up: Up
let failed = false

beforeAll(async () => {
  world = new World()
  repo = await world.repo('app')
  up = (await world.up(repo)).line
})

afterAll(async () => {
  await world.end(failed)
  expect(processesOf(world.root)).toEqual([])
})

/** One clear message: the first line names the value; no stack trace; the exit code. */
function refused(ran: Ran, code: number, words: readonly string[]): void {
  failed ||= ran.code !== code
  expect([ran.code, ran.stderr]).toEqual([code, expect.any(String)])
  for (const word of words) expect(ran.stderr).toContain(word)
  expect(ran.stderr).not.toMatch(/\n\s+at /)
  expect(ran.stderr.trim().split('\n').length).toBeLessThanOrEqual(4)
}

describe('a task with', () => {
  it.each<[string, string[], string[]]>([
    ['an unknown flag', ['--promt', 'x'], ['--promt', '--prompt']],
    ['an unknown harness', ['--prompt', 'x', '--harness', 'cluade'], ['cluade']],
    ['an unknown repository', ['--prompt', 'x', '--repo', 'nope'], ['nope', 'repo add']],
    ['an unknown profile', ['--prompt', 'x', '--profile', 'nope'], ['nope', 'profile']],
    ['an unknown pool', ['--prompt', 'x', '--pool', 'nope'], ['nope', 'pool']],
    ['an unknown daemon', ['--prompt', 'x', '--daemon', 'nope'], ['nope', 'daemon']],
    ['an empty prompt', ['--prompt', '  '], ['prompt']],
    ['a bad duration', ['--prompt', 'x', '--timeout', '10 minutes'], ['10 minutes', '90s']],
    ['a worktree and no repository', ['--prompt', 'x', '--workspace-mode', 'worktree'], ['worktree']],
  ])('%s', async (_, args, words) => {
    refused(await world.capstan(['task', 'add', ...args]), 64, words)
  })

  it('a prompt of 10 MB', async () => {
    const ran = await world.capstan(['task', 'add', '--prompt-file', '-'], { input: 'x'.repeat(10_000_000) })
    refused(ran, 64, ['9.6 MiB'])
  })

  it('a harness that contradicts its profile', async () => {
    await world.json(['profile', 'add', 'fast', '--harness', 'codex'])
    refused(await world.capstan(['task', 'add', '--prompt', 'x', '--profile', 'fast', '--harness', 'shell']), 64, [
      'codex',
      'shell',
    ])
  })

  it('leaves nothing behind in all of these', async () => {
    expect(await world.json<TaskView[]>(['task', 'ls'])).toEqual([])
    expect(await world.git(repo, 'worktree', 'list')).not.toContain('\n')
    expect(await world.git(repo, 'branch', '--list', 'capstan/*')).toBe('')
  })
})

describe('a request with', () => {
  const post = (body: string, headers: Record<string, string> = {}) =>
    fetch(`${up.url}/v1/tasks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${up.token}`, 'content-type': 'application/json', ...headers },
      body,
    })

  it.each<[string, string, [number, string], string]>([
    ['malformed JSON', '{"prompt":', [400, 'malformed_json'], ''],
    ['an unknown field', '{"prompt":"x","modle":"y"}', [400, 'unknown_field'], 'modle'],
    ['a wrong type', '{"prompt":7}', [400, 'invalid_request'], 'prompt'],
    ['a body of 10 MB', `{"prompt":"${'x'.repeat(10_000_000)}"}`, [413, 'too_large'], ''],
  ])('%s is a problem with a code', async (_, body, expected, words) => {
    const answer = await post(body)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    const problem = (await answer.json()) as { status: number; code: string; detail: string } // RFC 9457
    expect([answer.status, problem.code]).toEqual(expected)
    expect(problem.detail).toContain(words)
  })
})

describe('a repository that is', () => {
  const add = (path: string) => world.capstan(['repo', 'add', path, '--data', up.dataDir])

  it('bare, empty, or none at all is refused', async () => {
    await world.git(world.root, 'init', '-q', '--bare', 'bare.git')
    await world.git(world.root, 'init', '-q', 'empty')
    mkdirSync(join(world.root, 'plain'))
    refused(await add(join(world.root, 'bare.git')), 64, ['bare'])
    refused(await add(join(world.root, 'empty')), 64, ['empty', 'commit'])
    refused(await add(join(world.root, 'plain')), 64, ['plain'])
    refused(await add(join(world.root, 'nowhere')), 64, ['nowhere'])
  })

  it('already registered under that name is refused, naming both paths', async () => {
    await world.repo('other/app')
    const ran = await add(join(world.root, 'other/app'))
    refused(ran, 1, [repo, join(world.root, 'other/app')])
  })

  it('detached, dirty, shallow, mid-rebase or with submodules works from its HEAD, and says what matters', async () => {
    const dirty = await world.repo('dirty')
    world.write(join(dirty, 'README.md'), 'changed by the user\n')
    const detached = await world.repo('detached')
    await world.git(detached, 'checkout', '-q', '--detach')
    await world.git(world.root, 'clone', '-q', '--depth', '1', `file://${repo}`, 'shallow')
    const rebase = await world.repo('rebase')
    mkdirSync(join(rebase, '.git/rebase-merge'))
    const sub = await world.repo('sub')
    await world.git(sub, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', repo, 'inner')
    await world.git(sub, 'commit', '-q', '-m', 'sub')
    for (const name of ['dirty', 'detached', 'shallow', 'rebase', 'sub']) {
      expect((await add(join(world.root, name))).code).toBe(0)
      await world.until(`${name} is offered`, async () =>
        (await world.daemons())[0]?.repos.some(
          (each) => each.slug === name || each.slug.endsWith(`/${name}`) || name === 'shallow',
        ),
      )
    }
    const slugs = ['dirty', 'detached', 'rebase', 'sub']
    const tasks = await Promise.all(
      slugs.map((slug) =>
        world.finish([
          '--prompt',
          'cat README.md; echo x > x.txt',
          '--repo',
          slug,
          '--harness',
          'shell',
          '--expect',
          'changes',
        ]),
      ),
    )
    expect(tasks.map((task) => task.state)).toEqual(slugs.map(() => 'completed'))
    const notices = await world.capstan(['task', 'logs', tasks[0]?.id ?? ''])
    expect(notices.stdout).toMatch(/uncommitted/i)
    expect(notices.stdout).not.toContain('changed by the user')
    expect(tasks.every((task) => task.attempts.at(-1)?.evidence?.filesChanged === 1)).toBe(true)
  }, 120_000) // five registrations and four runs, each of several real processes

  it('moved away fails the task with its path, and no other waits for it', async () => {
    const moved = await world.repo('moved')
    expect((await add(moved)).code).toBe(0)
    await world.until('it is offered', async () =>
      (await world.daemons())[0]?.repos.some((each) => each.slug === 'moved'),
    )
    rmSync(moved, { recursive: true })
    const { id } = await world.json<TaskView>([
      'task',
      'add',
      '--prompt',
      'true',
      '--repo',
      'moved',
      '--harness',
      'shell',
      '--attempts',
      '1',
    ])
    expect(await world.finish(['--prompt', 'true', '--repo', 'app', '--harness', 'shell'])).toMatchObject({
      state: 'completed',
    })
    expect(await world.wait(id)).toMatchObject({
      state: 'failed',
      reason: 'workspace_failed',
      detail: expect.stringContaining('moved'),
    })
  })

  it('asked for a base that does not exist fails with the name, and leaves no branch', async () => {
    const task = await world.finish([
      '--prompt',
      'true',
      '--repo',
      'app',
      '--harness',
      'shell',
      '--base',
      'no-such',
      '--attempts',
      '1',
    ])
    expect(task).toMatchObject({
      state: 'failed',
      reason: 'workspace_failed',
      detail: expect.stringContaining('no-such'),
    })
    expect(await world.git(repo, 'branch', '--list', `capstan/*${task.id.slice(-6)}*`)).toBe('')
  })
})

describe('a host where', () => {
  it('the port is taken says so with the port', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((done) => other.once('listening', done))
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const ran = await world.capstan(['up', '--port', String(port), '--data', join(world.root, 'elsewhere')], {
      cwd: repo,
    })
    other.close()
    refused(ran, 78, [String(port), '--port'])
    expect(existsSync(join(world.root, 'elsewhere'))).toBe(false)
    const open = ['server', '--listen', '0.0.0.0:0', '--data', join(world.root, 'elsewhere')]
    refused(await world.capstan(open), 78, ['--insecure'])
    expect(existsSync(join(world.root, 'elsewhere'))).toBe(false)
  })

  it.skipIf(process.getuid?.() === 0)(
    'the home is read-only says so (as root everything is writable: skipped)',
    async () => {
      const home = join(world.root, 'ro')
      mkdirSync(home)
      chmodSync(home, 0o500)
      refused(
        await world.capstan(['up', '--port', '0'], { cwd: repo, env: { CAPSTAN_HOME: join(home, '.capstan') } }),
        78,
        [home, '--data'],
      )
    },
  )

  it('the database is none, or cannot be reached, says so', async () => {
    world.write(join(world.root, 'notes.txt'), 'a text that is no database at all')
    const server = (database: string) =>
      world.capstan(['server', '--listen', '127.0.0.1:0', '--data', join(world.root, 'dbs'), '--database', database])
    refused(await server(join(world.root, 'notes.txt')), 78, ['notes.txt', 'no SQLite database'])
    refused(await server('mysql://x'), 78, ['mysql://', 'postgres://'])
    refused(await server('postgres://ann:secret@127.0.0.1:1/x'), 69, ['127.0.0.1:1/x', 'ECONNREFUSED'])
  })

  it('the data folder is a file says so', async () => {
    world.write(join(world.root, 'file'), '')
    refused(await world.capstan(['up', '--port', '0', '--data', join(world.root, 'file')], { cwd: repo }), 78, [
      join(world.root, 'file'),
    ])
  })

  it('the agent CLI is missing says how to install it, and the task names what is missing', async () => {
    const { id } = await world.json<TaskView>(['task', 'add', '--prompt', 'x', '--repo', 'app', '--harness', 'codex'])
    const shown = await world.json<TaskView>(['task', 'show', id])
    expect(shown).toMatchObject({ state: 'queued', why: expect.stringContaining('codex') })
    const found = (await world.daemons())[0]?.harnesses.find((each) => each.name === 'codex')
    expect(found).toMatchObject({ ready: false, problem: expect.stringContaining('npm install') })
    expect((await world.capstan(['task', 'cancel', id])).code).toBe(0)
  })

  it('no server answers is exit 69, and a wrong token exit 77', async () => {
    refused(
      await world.capstan(['task', 'ls'], { env: { CAPSTAN_URL: 'http://127.0.0.1:9', CAPSTAN_TOKEN: 'cap_x' } }),
      69,
      ['127.0.0.1:9'],
    )
    refused(await world.capstan(['task', 'ls'], { env: { CAPSTAN_URL: up.url, CAPSTAN_TOKEN: 'cap_x' } }), 77, [
      'token',
    ])
    refused(
      await world.capstan(['daemon', '--data', join(world.root, 'd2')], {
        env: { CAPSTAN_URL: up.url, CAPSTAN_TOKEN: 'cap_x' },
      }),
      77,
      ['token'],
    )
  })
})
