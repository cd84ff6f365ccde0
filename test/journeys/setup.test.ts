// What is run before an agent: setups whose result is kept for later runs, commands of each start, ports, and what is run after.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { makeClient } from '../../src/client/client.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Up } from './world.ts'
import { processesOf, World } from './world.ts'

let world: World
let repo: string
let env: Record<string, string>
let client: Client
const stops: (() => Promise<unknown>)[] = []
let failed = false
afterEach((context) => {
  failed ||= context.task.result?.state === 'fail'
})

const repoToml = `harness = "shell"
setup = ["mkdir -p build && echo built > build/out && echo repo >> ../../../../setups.log"]
cacheKey = ["lock*"]
teardown = ["echo down $CAPSTAN_PORT >> ../../../../down.log"]
ports = 2
`

beforeAll(async () => {
  world = new World()
  repo = await world.repo('app', {
    'README.md': '# hello\n',
    '.gitignore': 'node_modules\n',
    'package-lock.json': '{"v":1}\n',
  })
  await world.repo('plain', { '.gitignore': 'build\n', lockfile: '1\n', '.capstan/repo.toml': repoToml })
  const data = join(world.root, 'data')
  const server = await world.start<Up>(['server', '--listen', '127.0.0.1:0', '--data', data])
  stops.push(server.stop)
  env = { CAPSTAN_URL: server.line.url, CAPSTAN_TOKEN: server.line.token }
  client = makeClient({ url: server.line.url, token: server.line.token })
  const log = (what: string) => `echo ${what} >> ${world.root}/setups.log`
  world.write(
    join(world.root, 'profiles.toml'),
    `runtime = "none"
setupCommands = ["${log('npm')}", "mkdir node_modules && cp package-lock.json node_modules/made && ln -s made node_modules/link"]
cacheKey = ["package-lock.json"]
`,
  )
  world.write(
    join(world.root, 'starts.toml'),
    `runtime = "none"
[[resumeCommands]]
run = "echo started >> ${world.root}/starts.log"
when = { workspaceMode = ["worktree"] }
[[resumeCommands]]
run = "echo never >> ${world.root}/starts.log"
when = { workspaceMode = "scratch" }
[[resumeCommands]]
run = "test -e ${world.root}/once || { touch ${world.root}/once; exit 3; }"
retries = 1
`,
  )
  world.write(
    join(world.root, 'broken.toml'),
    'runtime = "none"\nsetupCommands = ["echo no such package >&2; exit 7"]\n',
  )
  // The first that runs fails at once; the others end only when both are at work, and leave nothing that can be kept.
  const together = `cd ${world.root}/tried; mkdir 1 2>/dev/null && exit 9; mkdir $$; until [ $(ls | wc -l) -ge 3 ]; do sleep 0.05; done`
  world.write(join(world.root, 'tried/.keep'), '')
  world.write(
    join(world.root, 'unkept.toml'),
    `runtime = "none"\nsetupCommands = ["(${together})", "echo left > left.txt"]\ncacheKey = ["README.md"]\n`,
  )
  for (const [name, file] of [
    ['packages', 'profiles.toml'],
    ['unkept', 'unkept.toml'],
    ['starts', 'starts.toml'],
    ['broken', 'broken.toml'],
  ] as const)
    await world.json(['profile', 'add', name, '--harness', 'shell', '--sandbox', join(world.root, file)], { env })
  await world.json(['repo', 'add', join(world.root, 'plain'), '--trust', '--data', join(world.root, 'plain-host')], {
    env,
  })
  const { secret } = await world.json<{ secret: string }>(['token', 'add', 'host', '--scope', 'daemon'], { env })
  const names = ['--profile', 'packages', '--profile', 'starts', '--profile', 'broken', '--profile', 'unkept']
  const daemon = await world.start(
    ['daemon', '--data', join(world.root, 'host'), '--workspace', repo, ...names, '--max-agents', '3'],
    {
      env: { ...env, CAPSTAN_TOKEN: secret },
    },
  )
  stops.push(daemon.stop)
  const other = [
    '--data',
    join(world.root, 'plain-host'),
    '--workspace',
    join(world.root, 'plain'),
    '--max-agents',
    '2',
  ]
  const plain = await world.start(['daemon', ...other], { env: { ...env, CAPSTAN_TOKEN: secret } })
  stops.push(plain.stop)
}, 60_000)
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
  await world.end(failed)
  expect(processesOf(world.root)).toEqual([])
})

async function add(
  prompt: string,
  more: { repo: string; profiles?: string[]; maxAttempts?: number },
  base?: string,
): Promise<string> {
  const body = { prompt, ...more, ...(base === undefined ? {} : { workspace: { base } }) }
  return (await client.call('createTask', { body })).id
}

async function end(id: string): Promise<{ task: TaskView; said: string; notices: string }> {
  const task = await world.until(
    `${id} ended`,
    async () => {
      const seen = await client.call('getTask', { params: { id } })
      return seen.endedAt !== null && seen
    },
    60_000,
  )
  const { items } = await client.call('listEvents', { params: { id }, query: {} })
  return {
    task,
    said: items.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join(''),
    notices: items.flatMap((event) => (event.type === 'notice' ? [event.message] : [])).join('\n'),
  }
}

const lines = (name: string) => readFileSync(join(world.root, name), 'utf8').trim().split('\n')
const count = (what: string) => lines('setups.log').filter((line) => line === what).length

describe('a setup of a profile', () => {
  it('runs once for several runs at the same time, and is never part of the diff', async () => {
    const shared = { repo: 'app', profiles: ['packages'] }
    const ids = await Promise.all([1, 2, 3].map((n) => add(`cat node_modules/link; echo ${n} > made-${n}.txt`, shared)))
    const runs = await Promise.all(ids.map(end))
    for (const { task, said } of runs) {
      expect(task.state).toBe('completed')
      expect(said).toContain('{"v":1}')
      expect(task.attempts[0]?.evidence).toMatchObject({ filesChanged: 1 })
    }
    expect(count('npm')).toBe(1)
    expect(runs.filter(({ notices }) => notices.includes('setup: taken from an earlier one'))).toHaveLength(2)
  })

  it('is not changed by what an agent leaves in its own copy, and runs again when its key changes', async () => {
    const shared = { repo: 'app', profiles: ['packages'] }
    await end(await add('echo evil > node_modules/made; touch node_modules/evil', shared))
    const clean = await end(await add('cat node_modules/made; ls node_modules', shared))
    expect(clean.said).toContain('{"v":1}')
    expect(clean.said).not.toContain('evil')
    expect(count('npm')).toBe(1)
    world.write(join(repo, 'package-lock.json'), '{"v":2}\n')
    await world.git(repo, 'commit', '-qam', 'second')
    const next = await end(await add('cat node_modules/made', shared))
    expect(next.said).toContain('{"v":2}')
    expect(count('npm')).toBe(2)
  })

  it('leaves nothing for others where its base is the work of an agent', async () => {
    const shared = { repo: 'app', profiles: ['packages'] }
    const { task } = await end(await add(`echo '{"v":"evil"}' > package-lock.json`, shared))
    const branch = task.attempts[0]?.evidence?.branch ?? ''
    const before = count('npm')
    for (const more of [1, 2]) {
      const from = await end(await add('cat node_modules/made', shared, branch))
      expect(from.said).toContain('evil')
      expect(count('npm')).toBe(before + more)
    }
  })

  it('that fails ends the attempt with the command and the end of its output', async () => {
    const { task } = await end(await add('echo x', { repo: 'app', profiles: ['broken'], maxAttempts: 1 }))
    expect(task).toMatchObject({ state: 'failed', reason: 'workspace_failed' })
    expect(task.attempts[0]?.detail).toBe(
      'The setup command "echo no such package >&2; exit 7" failed with exit code 7:\nno such package',
    )
  })
})

describe('a setup that leaves nothing to keep', () => {
  it('is not waited for by those that come after', async () => {
    const shared = { repo: 'app', profiles: ['unkept'], maxAttempts: 1 }
    const failed = await end(await add('true', shared))
    expect(failed.task).toMatchObject({ state: 'failed', reason: 'workspace_failed' })
    const runs = await Promise.all((await Promise.all([1, 2].map(() => add('cat left.txt', shared)))).map(end))
    for (const { task, said, notices } of runs) {
      expect(task.state).toBe('completed')
      expect(said).toContain('left')
      expect(notices).toContain('setup: it runs anew in each workspace: it left files that git does not ignore')
    }
  })
})

describe('commands of each start', () => {
  it('run in the workspaces they are for, and again when they fail', async () => {
    for (const _ of [1, 2]) {
      const { task } = await end(await add('true', { repo: 'app', profiles: ['starts'] }))
      expect(task.state).toBe('completed')
    }
    expect(lines('starts.log')).toEqual(['started', 'started'])
  })
})

describe('a repository whose file names shell', () => {
  it('has its tasks taken without a harness, its setup kept by key, its ports apart, its teardown run', async () => {
    const script = 'cat build/out; echo "$CAPSTAN_PORTS $CAPSTAN_PORT_2" > ports.txt; cat ports.txt'
    const waiting = `until [ -e ${world.root}/go ]; do sleep 0.05; done; ${script}`
    const ids = [await add(waiting, { repo: 'plain' }), await add(waiting, { repo: 'plain' })]
    await world.until('both run', async () => {
      const { items } = await client.call('listTasks', { query: { repo: 'plain', state: 'running' } })
      return items.length === 2
    })
    expect(
      readdirSync(join(world.root, 'plain-host/ports')).filter((name) => name !== 'lock' && /^\d+$/.test(name)),
    ).toHaveLength(4)
    world.write(join(world.root, 'go'), '')
    const runs = await Promise.all(ids.map(end))
    const ports = runs.map(({ said }) => /(\d+),(\d+) (\d+)/.exec(said)?.slice(1) ?? [])
    expect(new Set(ports.flat()).size).toBe(4)
    for (const { said, task } of runs) {
      expect(task.state).toBe('completed')
      expect(said).toContain('built')
    }
    expect(count('repo')).toBe(1)
    expect(new Set(lines('down.log'))).toEqual(new Set(ports.map(([first]) => `down ${first}`)))
    expect(readdirSync(join(world.root, 'plain-host/ports')).filter((name) => /^\d+$/.test(name))).toEqual([])
  })
})
