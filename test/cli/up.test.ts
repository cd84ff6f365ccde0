// The verbs against a real `up`: server, daemon and a repository, each verb in a process of its own.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TaskView } from '../../src/protocol/task.ts'
import { capstan, mainPath, makeHome, type Ran } from './run.ts'

const home = makeHome()
const repo = join(home.path, 'app')
const env = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' }
const run = (...args: string[]): Promise<Ran> => capstan(args, { home: home.path, cwd: repo, env })

interface Ready {
  url: string
  token: string
  signInUrl: string
  daemonId: string
  dataDir: string
  pid: number
}

let up: ChildProcess
let ready: Ready
let printed: () => string

/** Starts a verb that stays; resolves with its first line. */
function start(args: readonly string[], cwd: string): { child: ChildProcess; line: Promise<string>; text(): string } {
  const child = spawn(process.execPath, [mainPath, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: home.path, CAPSTAN_HOME: join(home.path, '.capstan') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let err = ''
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  const line = new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
    })
    child.once('exit', (code) => reject(new Error(`exit ${code}: ${err}`)))
  })
  return { child, line, text: () => text }
}

const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve))

async function makeRepo(path: string): Promise<void> {
  mkdirSync(path)
  writeFileSync(join(path, 'README.md'), 'hello\n')
  const { exec } = await import('../../src/lib/exec.ts')
  const git = (...args: string[]) =>
    exec('git', args, { cwd: path, env: { ...env, PATH: process.env.PATH, HOME: home.path }, timeoutMs: 10_000 })
  await git('init', '-q', '-b', 'main')
  await git('add', '-A')
  await git('commit', '-q', '-m', 'first')
}

beforeAll(async () => {
  await makeRepo(repo)
  const { child, line, text } = start(['up', '--port', '0', '--json'], repo)
  up = child
  printed = text
  ready = JSON.parse(await line)
})

afterAll(async () => {
  if (up.exitCode === null) {
    up.kill('SIGTERM')
    await ended(up)
  }
  home[Symbol.dispose]()
})

describe('up', () => {
  it('prints one line with what a script needs, and keeps the token 0600', () => {
    expect(Object.keys(ready)).toEqual(['url', 'token', 'signInUrl', 'daemonId', 'dataDir', 'pid'])
    expect(ready).toMatchObject({ dataDir: join(home.path, '.capstan'), pid: up.pid })
    expect(ready.daemonId).toMatch(/^dmn_/)
    expect(printed().split('\n')).toHaveLength(2)
    const client = join(home.path, '.capstan/client.json')
    expect(JSON.parse(readFileSync(client, 'utf8'))).toMatchObject({ url: ready.url, token: ready.token })
    expect(statSync(client).mode & 0o777).toBe(0o600)
  })

  it('a second one registers its repository with the first and is done', async () => {
    const other = join(home.path, 'other')
    await makeRepo(other)
    const { code, out } = await capstan(['up'], { home: home.path, cwd: other })
    expect(code).toBe(0)
    expect(out).toBe(`Capstan runs already at ${ready.url} (pid ${ready.pid})\n  added       other, ${other}\n`)
    expect(JSON.parse((await run('repo', 'ls', '--json')).out)).toMatchObject([{ slug: 'app' }, { slug: 'other' }])
    const headers = { authorization: `Bearer ${ready.token}` }
    const host = await (await fetch(`${ready.url}/v1/daemons/${ready.daemonId}`, { headers })).json()
    expect(host).toMatchObject({ repos: [{ slug: 'app' }, { slug: 'other' }] })
    const idle = await run('repo', 'add', other, '--data', join(home.path, 'idle'), '--json')
    expect(JSON.parse(idle.out).notices).toEqual(['no daemon runs with this data folder; its next start serves it'])
  })

  it('a port that another program has is 78, and nothing is left', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const { code, err } = await run('up', '--port', String(port), '--data', join(home.path, 'data2'))
    other.close()
    expect(code).toBe(78)
    expect(err).toContain(`port ${port} on 127.0.0.1 is in use by another program`)
  })

  it('whoami and doctor know it', async () => {
    expect((await run('whoami', '--json')).out).toContain(ready.url)
    const findings = JSON.parse((await run('doctor', '--json')).out) as { what: string; state: string }[]
    expect(findings.filter(({ state }) => state === 'fail')).toEqual([])
    expect(findings.find(({ what }) => what === 'daemon')?.state).toBe('ok')
  })
})

describe('a task', () => {
  let task: TaskView

  it('is given from inside a repository, which is said, and waited for', async () => {
    const added = await run(
      'task',
      'add',
      '--harness',
      'shell',
      '--prompt',
      'echo said; echo x > "n w.txt"',
      '--expect',
      'changes',
      '--check',
      'ok=true',
      '--wait',
    )
    expect(added.err).toContain('in repository app ')
    expect(added.out).toMatch(/^completed after .* on .* \(shell\)\n {2}1 file changed \(1 new\), \+1 -0 on capstan\//)
    expect(added.out).toContain('check ok  passed')
    expect(added.code).toBe(0)
    const list = JSON.parse((await run('task', 'ls', '--json')).out) as TaskView[]
    task = list[0] as TaskView // one was made
    expect(task).toMatchObject({ state: 'completed', repo: 'app' })
  })

  it('shows its page, its transcript, its diff', async () => {
    expect((await run('task', 'show', task.id)).out).toContain('attempt 1: completed')
    expect((await run('task', 'logs', task.id)).out).toContain('said')
    const events = (await run('task', 'logs', task.id, '--json')).out.trim().split('\n')
    expect(events.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(events.map((_, at) => at + 1))
    expect((await run('task', 'diff', task.id)).out).toContain('+x')
  })

  it('is applied once, and refused with the list when files are in the way', async () => {
    const first = await run('task', 'apply', task.id)
    expect(first).toMatchObject({ code: 0, out: '1 file changed here:\n  n w.txt\n' })
    expect(readFileSync(join(repo, 'n w.txt'), 'utf8')).toBe('x\n')
    const second = await run('task', 'apply', task.id)
    expect(second.code).toBe(1)
    expect(second.err).toContain('n w.txt')
  })

  it('is brought back as a folder on a branch of its own', async () => {
    const to = join(home.path, 'restored')
    expect((await run('task', 'restore', task.id, '--to', to)).code).toBe(0)
    expect(readFileSync(join(to, 'n w.txt'), 'utf8')).toBe('x\n')
  })

  it('that is followed shows what is said and how it ended', async () => {
    const { code, out } = await run('task', 'add', '--harness', 'shell', '--prompt', 'echo one; exit 3', '--follow')
    expect(code).toBe(1)
    expect(out).toContain('\none\n')
    expect(out).toMatch(/\nfailed after .*\n {2}agent failed: /)
    expect(out).toMatch(/capstan task retry task_/)
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('that is followed with --json is NDJSON, the final task last', async () => {
    const { code, out } = await run('task', 'add', '--harness', 'shell', '--prompt', 'echo one', '--follow', '--json')
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type?: string; state?: string })
    expect(code).toBe(0)
    expect(lines.some((line) => line.type === 'text')).toBe(true)
    expect(lines.at(-1)).toMatchObject({ state: 'completed' })
  })

  it('that runs is not ended within the timeout: 124; cancelled: 3', async () => {
    const added = await run('task', 'add', '--harness', 'shell', '--prompt', 'sleep 60', '--json')
    const { id } = JSON.parse(added.out) as TaskView
    expect((await run('task', 'wait', id, '--timeout', '50ms', '--json')).code).toBe(124)
    expect((await run('task', 'cancel', id, '-m', 'enough')).code).toBe(0)
    expect((await run('task', 'wait', id, '--timeout', '30s')).code).toBe(3)
    expect((await run('task', 'cancel', task.id)).code).toBe(1)
  })

  it('goes on when the follower is interrupted, which says so', async () => {
    const { child, line } = start(
      ['task', 'add', '--harness', 'shell', '--prompt', 'echo begun; sleep 60', '--follow'],
      repo,
    )
    let err = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      err += chunk.toString()
    })
    const id = await line
    child.kill('SIGINT')
    expect(await ended(child)).toBe(130)
    expect(err).toContain(`the task goes on; see it again with: capstan task logs ${id} -f`)
    expect(JSON.parse((await run('task', 'show', id, '--json')).out)).not.toMatchObject({ state: 'cancelled' })
    await run('task', 'cancel', id)
  })

  it('an unknown id is 64, an unknown repository too', async () => {
    expect((await run('task', 'show', 'task_nope')).code).toBe(64)
    expect((await run('task', 'add', 'x', '--repo', 'no/such')).code).toBe(64)
  })

  it('a pipe that is closed early is no failure', async () => {
    const { exec } = await import('../../src/lib/exec.ts')
    const command = `"${process.execPath}" "${mainPath}" task logs ${task.id} --json | true; echo "\${PIPESTATUS[0]}"`
    const { stdout, stderr } = await exec('bash', ['-c', command], {
      cwd: repo,
      env: { PATH: process.env.PATH, HOME: home.path, CAPSTAN_HOME: join(home.path, '.capstan') },
      timeoutMs: 20_000,
    })
    expect({ out: stdout.toString(), stderr }).toEqual({ out: '0\n', stderr: '' })
  })
})

describe('the fleet', () => {
  it('profiles are made, changed in part, and removed', async () => {
    expect((await run('profile', 'add', 'careful', '--harness', 'shell', '--max-turns', '4')).code).toBe(0)
    await run('profile', 'set', 'careful', '--timeout', '20m')
    expect(JSON.parse((await run('profile', 'show', 'careful', '--json')).out)).toMatchObject({
      version: 2,
      settings: { harness: 'shell', maxTurns: 4, runningTimeoutMs: 1_200_000 },
    })
    expect((await run('profile', 'rm', 'careful')).code).toBe(0)
  })

  it('pools, tokens and teams', async () => {
    expect((await run('pool', 'add', 'fast', '--json')).code).toBe(0)
    expect((await run('pool', 'add', 'fast')).code).toBe(1)
    expect((await run('pool', 'ls')).out).toContain('fast')
    const token = await run('token', 'add', 'ci', '--scope', 'daemon')
    expect(token.out).toMatch(/^cap_[\w-]{43}\n$/)
    const list = JSON.parse((await run('token', 'ls', '--json')).out) as { id: string; name: string }[]
    const id = list.find(({ name }) => name === 'ci')?.id ?? ''
    expect((await run('token', 'revoke', id)).code).toBe(0)
    expect((await run('team', 'ls')).out).toContain('default')
  })

  it('a daemon is drained and undrained', async () => {
    const [host] = JSON.parse((await run('daemon', 'ls', '--json')).out) as { name: string }[]
    expect((await run('daemon', 'drain', host?.name ?? '')).out).toContain('takes no more work')
    expect((await run('daemon', 'status')).out).toContain('draining')
    expect((await run('daemon', 'undrain')).out).toContain('takes work')
  })

  it('login keeps only a token that the server knows', async () => {
    const other = makeHome()
    const wrong = await capstan(['login', '--url', ready.url, '--token-stdin'], {
      home: other.path,
      input: 'cap_wrong',
    })
    expect(wrong.code).toBe(77)
    const right = await capstan(['login', '--url', `${ready.url}/`, '--token-stdin'], {
      home: other.path,
      input: `${ready.token}\n`,
    })
    expect(right.code).toBe(0)
    expect((await capstan(['task', 'ls'], { home: other.path })).code).toBe(0)
    expect((await capstan(['logout'], { home: other.path })).code).toBe(0)
    expect((await capstan(['task', 'ls'], { home: other.path })).code).toBe(69)
    other[Symbol.dispose]()
  })
})

it('SIGTERM stops up with 0, and it no longer says that it runs', async () => {
  up.kill('SIGTERM')
  expect(await ended(up)).toBe(0)
  expect((await run('whoami')).code).toBe(69)
})
