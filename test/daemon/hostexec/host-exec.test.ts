// Programs on the host for a sandboxed agent: rules, people, the forge's token, other programs that the owner named, and their end.

import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/lib/clock.ts'
import { listProcesses } from '../../../src/lib/proc.ts'
import { call, until } from '../mcp/world.ts'
import type { TestForge } from './forge.ts'
import { startForge } from './forge.ts'
import type { HostWorldOptions } from './world.ts'
import { anyGit, HostWorld, token } from './world.ts'

let world: HostWorld
let forge: TestForge | null = null

const push = { executable: 'git', argsPrefix: ['push', 'origin'], argsExcludes: ['--force', '-f', 'main'] }

afterEach(async () => {
  await world?.[Symbol.asyncDispose]()
  await forge?.[Symbol.asyncDispose]()
  forge = null
})

async function opened(options: HostWorldOptions = {}): Promise<void> {
  world = new HostWorld(options)
  await world.open()
}

describe('a rule of the profile', () => {
  it('lets the agent push what it committed, and the transcript says which rule', async () => {
    await opened({ rules: [push] })
    const commit = await world.commit('one')
    const pushed = await world.exec('git', 'push', 'origin', 'HEAD:refs/heads/feature')
    expect(pushed).toMatchObject({ isError: false, exitCode: 0 })
    expect(await world.atForge('feature')).toBe(commit)
    expect(world.notices).toEqual([
      'ran on the host: git push origin HEAD:refs/heads/feature: exit 0; allowed by the rule git push origin …, without --force or -f or main',
    ])
    expect(world.asks).toEqual([])
  })

  it('brings what is fetched to where the agent can read it', async () => {
    await opened({ rules: [anyGit] })
    const bare = world.place.path('forge', 'app.git')
    const tree = await world.place.git(bare, 'rev-parse', 'main^{tree}')
    const theirs = await world.place.git(bare, 'commit-tree', tree, '-p', 'main', '-m', 'Theirs')
    await world.place.git(bare, 'update-ref', 'refs/heads/main', theirs)
    expect((await world.exec('git', 'fetch', 'origin')).text).toContain(theirs)
    await world.inside('merge', '-q', theirs)
    expect(await world.inside('rev-parse', 'HEAD')).toBe(theirs)
    expect((await world.exec('git', 'ls-remote', 'origin', 'refs/heads/main')).text).toContain(theirs)
  })

  it('that does not hold leaves it to a person', async () => {
    await opened({ rules: [push] })
    const others = [
      ['git', 'push', 'origin', '--force', 'HEAD:x'],
      ['git', 'push', 'origin', 'HEAD:main'],
      ['git', 'push', '--force-with-lease', 'origin', 'HEAD:x'],
      ['git', 'fetch', 'origin'],
    ]
    const answers = others.map((argv) => world.exec(...argv))
    await until('the requests', () => world.asks.length === others.length)
    for (const { key } of world.asks) world.run.answer(key, { label: 'Deny', text: null })
    for (const answer of await Promise.all(answers)) expect(answer.text).toContain('a person denied it')
  })
})

describe('a rule that excludes main', () => {
  it('asks a person about every push that could come to it', async () => {
    await opened({ rules: [push] })
    await world.commit('one')
    await world.inside('branch', '-M', 'main')
    const others = [
      ['HEAD'],
      ['@'],
      [],
      ['refs/heads/mai*:refs/heads/mai*'],
      ['--all'],
      [':'],
      ['-d', 'x'],
      ['+HEAD:refs/heads/x'],
    ].map((words) => ['git', 'push', 'origin', ...words])
    const answers = others.map((argv) => world.exec(...argv))
    await until('the requests', () => world.asks.length === others.length)
    for (const { key } of world.asks) world.run.answer(key, { label: 'Deny', text: null })
    for (const answer of await Promise.all(answers)) expect(answer.text).toContain('a person denied it')
    expect(world.notices).toEqual([])
  })

  it('lets a branch go by HEAD', async () => {
    await opened({ rules: [push] })
    await world.inside('switch', '-q', '-c', 'feature')
    const commit = await world.commit('one')
    expect(await world.exec('git', 'push', 'origin', 'HEAD')).toMatchObject({ exitCode: 0 })
    expect(await world.atForge('feature')).toBe(commit)
  })
})

describe('a person', () => {
  it('sees the exact words and the folder, and allows once', async () => {
    await opened()
    await world.commit('one')
    const answer = world.exec('git', 'push', 'origin', 'HEAD:refs/heads/by-hand')
    await until('the request', () => world.asks.length === 1)
    const [ask] = world.asks
    expect(ask).toMatchObject({
      kind: 'permission',
      command: null, // rules for commands inside the sandbox say nothing here
      body: {
        command: 'git push origin HEAD:refs/heads/by-hand',
        arguments: ['git', 'push', 'origin', 'HEAD:refs/heads/by-hand'],
        folder: world.workspace.path,
      },
    })
    world.run.answer(ask?.key ?? '', { label: 'Run it once', text: null, by: 'user:ada' })
    expect((await answer).text).toContain('allowed by user:ada')
    const again = world.exec('git', 'push', 'origin', 'HEAD:refs/heads/by-hand')
    await until('another request', () => world.asks.length === 2)
    world.run.answer(world.asks[1]?.key ?? '', { label: null, text: null })
    expect((await again).text).toContain('nobody who may allow it did so in time')
  })

  it('who answered a question in like words has allowed nothing', async () => {
    await opened()
    const mine = await world.run.stranger({ hello: 'same', token: world.run.token() })
    const ask = (name: string, args: object) =>
      mine.say({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, arguments: args } })
    mine.say({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    })
    ask('ask_human', { question: 'Fine?', options: ['Run it once'] })
    await until('the question', () => world.asks.length === 1)
    world.run.answer(world.asks[0]?.key ?? '', { label: 'Run it once', text: null })
    await until('its answer', () => mine.lines.some((line) => line.includes('"id":7')))
    ask('host_exec', { argv: ['git', 'push', 'origin', 'HEAD:evil'] })
    await until('a request of its own', () => world.asks.length === 2)
    expect(world.asks[1]).toMatchObject({ kind: 'permission' })
    expect(world.notices).toEqual([])
  })
})

describe('the forge’s token', () => {
  beforeEach(async () => {
    world = new HostWorld({ rules: [anyGit, { executable: 'gh' }], forge: { token, host: null }, path: 'bin' })
    forge = await startForge(world.place.path('forge'), token)
    const { host } = forge
    await world.open(() => `http://${host}/app.git`)
  })

  it('opens the forge, and stands in no argument, answer or transcript', async () => {
    const commit = await world.commit('one')
    const over = new AbortController()
    const watching = watchCommands(over.signal)
    const pushed = await world.exec('git', 'push', 'origin', 'HEAD:refs/heads/feature')
    over.abort()
    const commands = await watching
    expect(pushed).toMatchObject({ exitCode: 0 })
    expect(await world.atForge('feature')).toBe(commit)
    expect(commands.some((line) => line.includes('feature'))).toBe(true)
    expect(commands.filter((line) => line.includes(token))).toEqual([])
    expect(JSON.stringify(world.run.steps)).not.toContain(token)
    expect(forge?.seen).toContain(`x-access-token:${token}`)
  })

  it('is gh’s too, and what gh prints of it is blackened', async () => {
    world.program('gh', 'echo "$GH_ENTERPRISE_TOKEN $GH_HOST $GIT_DIR"; pwd')
    const { text } = await world.exec('gh', 'pr', 'view', '12')
    const folder = join(world.place.folder, 'state/workspaces', world.workspace.attemptId, 'host')
    expect(text).toMatch(/^\[redacted forge token\] 127\.0\.0\.1:\d+ /)
    expect(text).toContain(`${folder}\n${folder}\n`)
  })

  it('is not told to another host, also when the forge’s own page leads there', async () => {
    const other = await startForge(world.place.path('forge'), 'another-token')
    try {
      await world.place.git(world.place.path('repo'), 'remote', 'add', 'mirror', `http://${other.host}/app.git`)
      expect(await world.exec('git', 'fetch', 'mirror')).toMatchObject({ isError: true })
      expect(other.seen.every((given) => given === null)).toBe(true)
      expect(other.seen.length).toBeGreaterThan(0)
    } finally {
      await other[Symbol.asyncDispose]()
    }
  })
})

/** Every command line on this machine, until `over`. */
async function watchCommands(over: AbortSignal): Promise<readonly string[]> {
  const seen = new Set<string>()
  while (!over.aborted) {
    for (const { pid } of await listProcesses()) seen.add(commandLine(pid))
    await systemClock.sleep(5)
  }
  return [...seen]
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // it ended under this look
  }
}

describe('a credential in a remote’s address', () => {
  it('is in no answer and in no transcript', async () => {
    const password = 'pa%24sword-0123'
    world = new HostWorld({ rules: [anyGit] })
    forge = await startForge(world.place.path('forge'), decodeURIComponent(password))
    const { host } = forge
    await world.open(() => `http://ada:${password}@${host}/app.git`)
    await world.commit('one')
    for (const words of [['ls-remote'], ['push', 'origin', 'HEAD:refs/heads/feature'], ['fetch', 'origin']]) {
      const answer = await world.exec('git', ...words)
      expect(answer).toMatchObject({ exitCode: 0 })
      expect(answer.text).not.toMatch(/pa%24sword|pa\$sword|ada:/)
    }
    expect(JSON.stringify(world.run.steps)).not.toMatch(/pa%24sword|pa\$sword/)
  })
})

describe('another program that the owner named', () => {
  it('runs in the workspace’s folder and nowhere else, with nothing of the run in its environment', async () => {
    world = new HostWorld({ rules: [{ executable: 'probe' }], allowed: ['probe'], path: 'bin' })
    world.program('probe', 'pwd -P; env; cat')
    await world.open()
    const { path } = world.workspace
    mkdirSync(join(path, 'sub'))
    symlinkSync(world.place.folder, join(path, 'out'))
    const at = async (folder: string) => {
      const answer = await call(world.agent, 'host_exec', { argv: ['probe'], folder })
      return answer.content[0]?.type === 'text' ? answer.content[0].text : ''
    }
    expect(await at('sub')).toMatch(new RegExp(`^${path}/sub\n`))
    expect(await at('sub')).not.toMatch(/GIT_DIR|GH_TOKEN|npm_|CAPSTAN_TASK/)
    for (const folder of ['out', '..', '/', 'out/repo', 'missing', `${path}/sub/../..`])
      expect(await at(folder)).toContain('is not a folder in the workspace')
  })

  it('stands in the transcript on one line, whatever its words are', async () => {
    world = new HostWorld({ rules: [{ executable: 'probe' }], allowed: ['probe'], path: 'bin' })
    world.program('probe', 'exit 3')
    await world.open()
    expect(await world.exec('probe', 'a\nran on the host: rm\u202e', "it's")).toMatchObject({ exitCode: 3 })
    const [line = ''] = world.notices
    expect(line).toMatch(/^ran on the host: probe 'a ⏎ ran on the host: rm.*: exit 3; allowed by the rule probe …$/)
    expect(line).not.toMatch(/[\n\u202e]/)
  })

  it('is not one that lies where agents write, and none that policy.toml does not name', async () => {
    const rules = [{ executable: 'probe' }, { executable: 'git' }]
    world = new HostWorld({ rules, allowed: ['probe'], path: 'worktrees/bin' })
    await world.open()
    world.place.write('worktrees/bin/probe', '#!/bin/sh\ntouch PWNED\n')
    chmodSync(world.place.path('worktrees/bin/probe'), 0o755)
    expect((await world.exec('probe')).text).toContain('not on the PATH')
    expect((await world.exec('git', 'fetch')).text).toContain('policy.toml says hostExec lacks git')
    expect((await world.exec('/bin/sh', '-c', 'id')).text).toContain('give it without a folder')
  })
})

describe('the end', () => {
  beforeEach(async () => {
    world = new HostWorld({ rules: [{ executable: 'slow' }], allowed: ['slow'], path: 'bin' })
    world.program(
      'slow',
      `echo $$ > "${world.place.path('pid')}.new"; mv "${world.place.path('pid')}.new" "${world.place.path('pid')}"; exec sleep 300`,
    )
    await world.open()
  })
  const pid = () => Number(readOr(world.place.path('pid')))
  const isGone = () => {
    try {
      process.kill(pid(), 0)
      return false
    } catch {
      return true
    }
  }

  it('of the run ends the program, and a restarted daemon does not start it again', async () => {
    const answer = world.exec('slow')
    await until('it runs', () => pid() > 0)
    await world.run.leave()
    await until('it is gone', isGone)
    rmSync(world.place.path('pid'))
    await world.run.open()
    expect((await answer).text).toContain('cut it off while it ran')
    expect(readOr(world.place.path('pid'))).toBe('')
  })

  it('of the one who asked ends it too', async () => {
    const given = new AbortController()
    const dropped = world.agent.callTool({ name: 'host_exec', arguments: { argv: ['slow'] } }, { signal: given.signal })
    dropped.catch(() => {})
    await until('it runs', () => pid() > 0)
    given.abort()
    await until('it is gone', isGone)
  })
})

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

describe('many calls', () => {
  it('by a rule are slowed, and the run goes on', async () => {
    world = new HostWorld({ rules: [{ executable: 'quick' }], allowed: ['quick'], path: 'bin' })
    world.program('quick', 'echo done')
    await world.open()
    const answers = await Promise.all(Array.from({ length: 30 }, () => world.exec('quick')))
    const ran = answers.filter(({ isError }) => !isError).length
    expect(ran).toBeGreaterThanOrEqual(20)
    expect(answers.some(({ text }) => text.includes('too often'))).toBe(true)
    expect(world.notices).toHaveLength(ran)
  })
})
