// Where an agent works, what a repository may ask for, and that none of it happens without trust.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
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

async function transcript(id: string): Promise<string> {
  const { stdout } = await world.capstan(['task', 'logs', id, '--json'])
  return stdout
}

describe('.capstan/repo.toml', () => {
  const toml =
    'setup = "echo made-by-setup > setup.out"\nsubfolder = "sub"\n\n[[checks]]\nname = "tests"\ncommand = "test -f ../sub/made.txt"\n'
  const files = { 'README.md': '# x\n', 'sub/keep.txt': 'x\n', '.gitignore': 'setup.out\n', '.capstan/repo.toml': toml }

  it('runs nothing until it is trusted, and says what was skipped', async () => {
    const repo = await world.repo('app', files)
    await world.up(repo)
    const task = await world.finish(['--prompt', 'pwd; ls; echo x > made.txt', '--repo', 'app', '--harness', 'shell'])
    expect(task.state).toBe('completed')
    expect(await transcript(task.id)).not.toContain('setup.out')
    expect(task.attempts.at(-1)?.evidence?.checks).toMatchObject([
      { name: 'tests', exitCode: null, skipped: expect.stringContaining('trust') },
    ])
  })

  it('sets up, chooses the folder and checks once it is trusted; a changed one is untrusted again', async () => {
    const repo = await world.repo('app', files)
    const { line } = await world.up(repo)
    expect((await world.capstan(['repo', 'trust', 'app', '--data', line.dataDir])).code).toBe(0)
    const task = await world.finish([
      '--prompt',
      'cat setup.out; echo x > made.txt',
      '--repo',
      'app',
      '--harness',
      'shell',
    ])
    expect(task).toMatchObject({ state: 'completed' })
    expect(await transcript(task.id)).toContain('made-by-setup')
    expect(task.attempts.at(-1)?.evidence?.checks).toMatchObject([{ name: 'tests', exitCode: 0 }])

    world.write(join(repo, '.capstan/repo.toml'), toml.replace('made-by-setup', 'other'))
    await world.git(repo, 'commit', '-qam', 'change')
    const after = await world.finish(['--prompt', 'echo x > made.txt', '--repo', 'app', '--harness', 'shell'])
    expect(after.attempts.at(-1)?.evidence?.checks[0]?.skipped).toContain('trust')
  })
})

describe('a workspace', () => {
  it('of mode scratch is an empty folder, and its work is a diff too', async () => {
    await world.up(await world.repo('app'))
    const task = await world.finish([
      '--prompt',
      'ls -A | wc -l; echo x > new.txt',
      '--harness',
      'shell',
      '--workspace-mode',
      'scratch',
    ])
    expect(task.state).toBe('completed')
    expect(task.attempts.at(-1)?.evidence).toMatchObject({ workspaceMode: 'scratch', filesChanged: 1, branch: null })
    expect((await world.capstan(['task', 'diff', task.id])).stdout).toContain('+x')
    expect(await transcript(task.id)).toContain('"0"')
  })

  it('of mode shared is the checkout itself; what was dirty before is not in the diff', async () => {
    const repo = await world.repo('app')
    world.write(join(repo, 'mine.txt'), 'user\n')
    await world.up(repo)
    const task = await world.finish([
      '--prompt',
      'echo x > new.txt',
      '--repo',
      'app',
      '--harness',
      'shell',
      '--workspace-mode',
      'shared',
    ])
    expect(task.state).toBe('completed')
    expect(task.attempts.at(-1)?.evidence).toMatchObject({ workspaceMode: 'shared', filesChanged: 1 })
    expect(readFileSync(join(repo, 'new.txt'), 'utf8')).toBe('x\n')
    expect((await world.capstan(['task', 'diff', task.id])).stdout).not.toContain('mine.txt')
  })

  it('whose git metadata an agent rewrote runs nothing in the daemon', async () => {
    const repo = await world.repo('app')
    await world.up(repo)
    const bait = join(world.root, 'PWNED')
    const payload = `touch ${bait}`
    const script = [
      'echo work > work.txt',
      `git config core.fsmonitor '${payload}; false'`,
      `git config filter.x.clean '${payload}; cat'`,
      `git config diff.external '${payload}'`,
      'echo "* filter=x diff=x" > .gitattributes',
      `mkdir -p hooks && printf '#!/bin/sh\\n${payload}\\n' > hooks/post-index-change && chmod +x hooks/* && git config core.hooksPath "$PWD/hooks"`,
      `git init -q nested && git -C nested config core.fsmonitor '${payload}; false' && echo n > nested/n.txt`,
      'rm .git && git init -q evil && echo "gitdir: $PWD/evil/.git" > .git',
      `rm -f ${bait}`,
    ].join('\n')
    const task = await world.finish([
      '--prompt',
      script,
      '--repo',
      'app',
      '--harness',
      'shell',
      '--check',
      'ok=test -f work.txt',
    ])
    expect(task.attempts.at(-1)?.evidence?.filesChanged).toBeGreaterThan(0)
    expect(existsSync(bait)).toBe(false)
  })

  it('restores from its checkpoint', async () => {
    const repo = await world.repo('app')
    await world.up(repo)
    const task = await world.finish(['--prompt', 'echo half > half.txt; exit 1', '--repo', 'app', '--harness', 'shell'])
    const to = join(world.root, 'restored')
    const ran = await world.capstan(['task', 'restore', task.id, '--to', to], { cwd: repo })
    expect([ran.code, ran.stderr]).toEqual([0, expect.any(String)])
    expect(readFileSync(join(to, 'half.txt'), 'utf8')).toBe('half\n')
  })
})

describe('secrets', () => {
  it('of the host that reach a run leave it blackened, and the daemon’s own never reach it', async () => {
    const repo = await world.repo('app')
    await world.json(['profile', 'ls'], { env: {} }).catch(() => null)
    await world.up(repo, [], { MY_API_KEY: 'hunter2-very-secret', NPM_TOKEN: 'npm-secret-value' })
    await world.json(['profile', 'add', 'keyed', '--harness', 'shell', '--pass-env', 'MY_API_KEY'])
    const script =
      'echo "key=$MY_API_KEY"; printf %s "$MY_API_KEY" | base64; env | grep -c -E "^(CAPSTAN_TOKEN|NPM_TOKEN|npm_)"; true'
    const task = await world.finish(['--prompt', script, '--repo', 'app', '--harness', 'shell'])
    expect(await transcript(task.id)).toContain('key=')
    expect(await transcript(task.id)).not.toContain('hunter2')
  })
})

describe('daemon once and batch', () => {
  it('run one task, or all there are, and exit with their outcome', async () => {
    const repo = await world.repo('app')
    const { line } = await world.start<Up>(['server', '--listen', '127.0.0.1:0', '--data', join(world.root, 'server')])
    const { secret } = await world.json<{ secret: string }>(['token', 'add', 'ci', '--scope', 'daemon'])
    const env = { CAPSTAN_URL: line.url, CAPSTAN_TOKEN: secret }
    const host = ['--data', join(world.root, 'host'), '--workspace', repo]
    await world.capstan(['daemon', 'batch', ...host], { cwd: repo, env }) // the server knows the repository now
    const add = (prompt: string) =>
      world.json<TaskView>(['task', 'add', '--prompt', prompt, '--repo', 'app', '--harness', 'shell'])
    const [good, bad, third] = [await add('echo ok > ok.txt'), await add('exit 3'), await add('true')]
    expect((await world.capstan(['daemon', 'once', '--task', good.id, ...host], { cwd: repo, env })).code).toBe(0)
    expect((await world.capstan(['daemon', 'once', '--task', bad.id, ...host], { cwd: repo, env })).code).toBe(1)
    expect((await world.capstan(['daemon', 'batch', ...host], { cwd: repo, env })).code).toBe(0)
    const states = await Promise.all(
      [good, bad, third].map(async ({ id }) => (await world.json<TaskView>(['task', 'show', id])).state),
    )
    expect(states).toEqual(['completed', 'failed', 'completed'])
    const unknown = await world.capstan(['daemon', 'once', '--task', 'task_nope', ...host], { cwd: repo, env })
    expect([unknown.code, unknown.stderr]).toEqual([64, expect.stringContaining('there is no task "task_nope"')])
    const ended = await world.capstan(['daemon', 'once', '--task', good.id, ...host], { cwd: repo, env })
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining(`${good.id} is completed already`)])
  })
})

describe('events', () => {
  it('of a flood arrive whole and in order', async () => {
    await world.up(await world.repo('app'))
    const task = await world.finish(['--prompt', 'seq 1 20000', '--repo', 'app', '--harness', 'shell'])
    const events = (await transcript(task.id))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as TranscriptEvent) // NDJSON by contract
    const said = events.flatMap((event) => (event.type === 'text' ? event.text.split('\n') : []))
    expect(said).toEqual(Array.from({ length: 20_000 }, (_, at) => String(at + 1)))
  })
})
