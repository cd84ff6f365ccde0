// A conversation goes on: on its host, on another host of its pool, as a copy, or handed over; the agent is a `claude` with a memory.

import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { SessionView } from '../../src/protocol/session.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import { processesOf, World } from './world.ts'

const agent = resolve(import.meta.dirname, '../fakes/remembering.ts')

let world: World
let env: Record<string, string>
let repo: string
let daemonToken: string
const stops: (() => Promise<unknown>)[] = []
let failed = false
afterEach((context) => {
  failed ||= context.task.result?.state === 'fail'
})

async function host(name: string, checkout: string, pool: boolean): Promise<void> {
  const bin = join(world.root, 'bin')
  world.write(join(bin, 'claude'), `#!/bin/sh\nexec ${process.execPath} ${agent} "$@"\n`, 0o755)
  const more = {
    ...env,
    CAPSTAN_TOKEN: daemonToken,
    PATH: `${bin}:${world.env().PATH}`,
    ANTHROPIC_API_KEY: 'sk-ant-scripted',
    CLAUDE_CONFIG_DIR: join(world.root, `${name}-claude`),
  }
  const where = ['--data', join(world.root, `data-${name}`), '--workspace', checkout, '--name', name]
  const { stop } = await world.start(['daemon', ...where, ...(pool ? ['--pool', 'crew'] : [])], { env: more })
  stops.push(stop)
}

async function finished(args: readonly string[]): Promise<TaskView> {
  const task = await world.json<TaskView>(['task', ...args], { env, cwd: repo })
  const ran = await world.capstan(['task', 'wait', task.id, '--timeout', '30s', '--json'], { env })
  return JSON.parse(ran.stdout) as TaskView // the contract for scripts
}

const first = (prompt: string, ...more: string[]) =>
  finished(['add', prompt, '--harness', 'claude-code', '--repo', 'app', ...more])
const goOn = (task: TaskView, prompt: string, ...more: string[]) => finished(['continue', task.id, prompt, ...more])

async function events(task: TaskView): Promise<TranscriptEvent[]> {
  const { stdout } = await world.capstan(['task', 'logs', task.id, '--json'], { env })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TranscriptEvent) // NDJSON by contract
}

async function said(task: TaskView): Promise<string> {
  return (await events(task)).flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('\n')
}

async function told(task: TaskView): Promise<string> {
  return (await events(task)).flatMap((event) => (event.type === 'notice' ? [event.message] : [])).join('\n')
}

const evidence = (task: TaskView) => task.attempts.at(-1)?.evidence

describe('a conversation', () => {
  beforeAll(async () => {
    world = new World()
    repo = await world.repo('app')
    const { line } = await world.start<{ url: string; token: string }>(
      ['server', '--listen', '127.0.0.1:0', '--data', join(world.root, 'data')],
      {},
    )
    env = { CAPSTAN_URL: line.url, CAPSTAN_TOKEN: line.token }
    await world.json(['pool', 'add', 'crew'], { env })
    const made = await world.json<{ secret: string }>(['token', 'add', 'hosts', '--scope', 'daemon'], { env })
    daemonToken = made.secret
    const other = join(world.root, 'b', 'app')
    await world.git(world.root, 'clone', '-q', repo, other)
    await world.git(other, 'remote', 'remove', 'origin')
    await host('a', repo, true)
    await host('b', other, true)
  })
  afterAll(async () => {
    await Promise.all(stops.map((stop) => stop()))
    await world.end(failed)
    expect(processesOf(world.root)).toEqual([])
  })

  it('is gone on with on the same branch, by what the agent remembers and what it made', async () => {
    const one = await first('one\n$ echo 1 > one.txt', '--daemon', 'a')
    expect(one).toMatchObject({ state: 'completed', attempts: [{ sessionRef: expect.any(String) }] })
    const two = await goOn(one, 'two\n$ cat one.txt && echo 2 > two.txt')
    expect(await said(two)).toBe('I remember: one | two')
    expect(two.state).toBe('completed')
    expect(two.attempts[0]?.daemonName).toBe('a')
    const branch = evidence(one)?.branch ?? ''
    expect(evidence(two)?.branch).toBe(branch)
    expect(await world.git(repo, 'ls-tree', '--name-only', branch)).toBe('README.md\none.txt\ntwo.txt')
    expect((await world.capstan(['task', 'diff', two.id], { env })).stdout).not.toContain('one.txt')
    const session = await world.json<SessionView>(['session', 'show', two.id], { env })
    expect(session).toMatchObject({ id: one.id, tasks: 2, state: 'idle', daemonName: 'a', branch })
  })

  it('that was not uploaded is uploaded later, and then another host goes on with it', async () => {
    const name = 'late'
    const checkout = join(world.root, name, 'app')
    await world.git(world.root, 'clone', '-q', repo, checkout)
    await world.git(checkout, 'remote', 'remove', 'origin')
    await host(name, checkout, false)
    const one = await first('one\n$ echo 1 > one.txt', '--daemon', name)
    expect(one.attempts[0]).toMatchObject({ state: 'completed', sessionCid: null })
    const here = { env: { ...env, CAPSTAN_TOKEN: daemonToken, CLAUDE_CONFIG_DIR: join(world.root, `${name}-claude`) } }
    const sync = ['daemon', 'sync-sessions', '--data', join(world.root, `data-${name}`)]
    const found = [{ taskId: one.id, harness: 'claude-code', outcome: 'found' }]
    expect(await world.json([...sync, '--dry-run'], here)).toMatchObject(found)
    expect(await world.json([...sync, '--state', 'failed'], here)).toEqual([])
    expect(await world.json(sync, here)).toMatchObject([{ ...found[0], outcome: 'uploaded' }])
    expect(await world.json(sync, here)).toEqual([])
    expect((await world.capstan(sync, here)).stdout).toContain('every conversation of this host is at the server')
    const session = await world.json<SessionView>(['session', 'show', one.id], { env })
    expect(session.sessionCid).toMatch(/^sha256-/)
    // The agent keeps its conversation by the folder that it worked in.
    world.write(join(checkout, '.capstan/repo.toml'), 'subfolder = "sub"\n')
    world.write(join(checkout, 'sub/kept.txt'), 'kept\n')
    await world.git(checkout, 'add', '-A')
    await world.git(checkout, 'commit', '-qm', 'Work below')
    await world.capstan(['repo', 'trust', checkout, '--data', join(world.root, `data-${name}`)], here)
    const below = await first('below\n$ cat kept.txt', '--daemon', name)
    expect(await world.json(sync, here)).toMatchObject([{ taskId: below.id, outcome: 'uploaded' }])
    await stops.pop()?.()
    const two = await goOn(one, 'two\n$ cat one.txt', '--daemon', 'b')
    expect(two.state).toBe('completed')
    expect(await said(two)).toBe('I remember: one | two')
    expect(two.attempts[0]?.daemonName).toBe('b')
  })

  it('is copied by a fork, and the first stays as it was', async () => {
    const one = await first('one\n$ echo 1 > one.txt', '--daemon', 'a')
    const fork = await goOn(one, 'other\n$ echo x > other.txt', '--fork')
    expect(await said(fork)).toBe('I remember: one | other')
    expect(evidence(fork)?.branch).not.toBe(evidence(one)?.branch)
    const two = await goOn(one, 'two')
    expect(await said(two)).toBe('I remember: one | two')
    expect(two.attempts[0]?.sessionRef).not.toBe(fork.attempts[0]?.sessionRef)
    expect(await world.git(repo, 'ls-tree', '--name-only', evidence(two)?.branch ?? '')).not.toContain('other.txt')
  })

  it('goes on at another host of the pool, with its files and its words', async () => {
    const one = await first(
      'one\nmy key is sk-ant-scripted\n$ echo 1 > one.txt && mkdir -p sub && printf "a\\0b" > sub/bin',
      '--daemon',
      'a',
    )
    const kept = await fetch(`${env.CAPSTAN_URL}/v1/blobs/${one.attempts[0]?.sessionCid}`, {
      headers: { authorization: `Bearer ${env.CAPSTAN_TOKEN}` },
    })
    const uploaded = gunzipSync(await kept.arrayBuffer()).toString()
    expect(uploaded).toContain('my key is')
    expect(uploaded).not.toContain('sk-ant-scripted')
    const two = await goOn(one, 'two\n$ cat one.txt sub/bin && echo 2 > two.txt', '--daemon', 'b')
    expect(two).toMatchObject({ state: 'completed', attempts: [{ daemonName: 'b' }] })
    expect(await said(two)).toBe('I remember: one | two')
    const other = join(world.root, 'b', 'app')
    const tree = await world.git(other, 'rev-parse', `${evidence(two)?.baseSha}^{tree}`)
    expect(tree).toBe(evidence(one)?.treeId)
  })

  it('that is gone for good fails as not resumable, or is handed over with a summary', async () => {
    const one = await first('one\n$ echo 1 > one.txt', '--daemon', 'a')
    for (const name of readdirSync(join(world.root, 'a-claude', 'projects')))
      rmSync(join(world.root, 'a-claude', 'projects', name), { recursive: true })
    rmSync(join(world.root, 'data', 'blobs'), { recursive: true, force: true })
    const two = await goOn(one, 'two')
    expect(two).toMatchObject({ state: 'failed', reason: 'not_resumable' })
    expect(two.detail).toContain('--handoff')
    const three = await goOn(one, 'three\n$ cat one.txt', '--handoff')
    expect(three.state).toBe('completed')
    expect(await said(three)).toContain('I remember: You take over from an earlier agent')
    expect(await told(three)).toContain('handed over with a summary')
  })

  it('is told when the branch is no longer as it was left, and nothing of it is overwritten', async () => {
    const one = await first('one\n$ echo 1 > one.txt', '--daemon', 'a')
    const branch = evidence(one)?.branch ?? ''
    const beside = join(world.root, 'beside')
    await world.git(repo, 'worktree', 'add', '-q', '--detach', beside, branch)
    world.write(join(beside, 'mine.txt'), 'by hand\n')
    await world.git(beside, 'add', '-A')
    await world.git(beside, 'commit', '-qm', 'By hand')
    await world.git(repo, 'update-ref', `refs/heads/${branch}`, await world.git(beside, 'rev-parse', 'HEAD'))
    const two = await goOn(one, 'two\n$ cat mine.txt')
    expect(two.state).toBe('completed')
    expect(await told(two)).toContain('no longer as it was left')
    expect(await said(two)).toContain('Note: the branch')
    await world.git(repo, 'worktree', 'remove', '--force', beside)
  })

  it('whose branch somebody has checked out goes on beside it', async () => {
    const one = await first('one\n$ echo 1 > one.txt', '--daemon', 'a')
    const branch = evidence(one)?.branch ?? ''
    const mine = join(world.root, 'mine')
    await world.git(repo, 'worktree', 'add', '-q', '-f', mine, branch)
    const two = await goOn(one, 'two\n$ echo 2 > two.txt')
    expect(two.state).toBe('completed')
    expect(evidence(two)?.branch).not.toBe(branch)
    expect(await told(two)).toContain('is checked out at')
    expect(existsSync(join(mine, 'two.txt'))).toBe(false)
    expect(await world.git(mine, 'status', '--porcelain')).toBe('')
  })

  it('a scratch folder goes on with its files', async () => {
    const add = [
      'add',
      'one\n$ echo 1 > one.txt && mkfifo pipe',
      '--harness',
      'claude-code',
      '--workspace-mode',
      'scratch',
    ]
    const one = await finished([...add, '--daemon', 'a'])
    const two = await goOn(one, 'two\n$ cat one.txt && echo 2 > two.txt')
    expect(two.state).toBe('completed')
    expect(await said(two)).toBe('I remember: one | two')
    expect(evidence(two)).toMatchObject({ filesChanged: 1 })
  })
})
