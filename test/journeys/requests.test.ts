// An agent asks, a person answers: by the command line, with server and daemon as processes that come and go meanwhile.

import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { RequestView } from '../../src/protocol/request-operations.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Up } from './world.ts'
import { processesOf, World } from './world.ts'

const agent = resolve(import.meta.dirname, '../fakes/claude.ts')

let world: World
/** What every command here is told: where the server is. */
let env: Record<string, string>
let failed = false

/** A host with a `claude` on its PATH that asks as its prompt says. */
function hostEnv(): Record<string, string> {
  const bin = join(world.root, 'bin')
  world.write(join(bin, 'claude'), `#!/bin/sh\nexec ${process.execPath} ${agent} "$@"\n`, 0o755)
  return { PATH: `${bin}:${world.env().PATH}`, ANTHROPIC_API_KEY: 'sk-ant-scripted' }
}

/** Gives the task; it works in an empty folder, and `out` is where its commands write. */
async function give(prompt: string, more: readonly string[] = []): Promise<TaskView> {
  const how = ['--harness', 'claude-code', '--autonomy', 'ask', '--workspace-mode', 'scratch']
  return world.json<TaskView>(['task', 'add', '--prompt', prompt, ...how, ...more], { env })
}

const out = (name: string) => join(world.root, name)

async function asked(id: string, count: number): Promise<RequestView[]> {
  return world.until(`${count} requests of ${id}`, async () => {
    const requests = await world.json<RequestView[]>(['task', 'requests', id], { env })
    return requests.length === count ? requests : null
  })
}

async function makeProfile(name: string, settings: object): Promise<void> {
  const made = await fetch(`${env.CAPSTAN_URL}/v1/profiles`, {
    method: 'POST',
    headers: { authorization: `Bearer ${env.CAPSTAN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name, ...settings }),
  })
  expect(made.status).toBe(201)
}

const answer = (id: string, ...how: string[]) => world.capstan(['task', 'answer', id, ...how], { env })

async function ended(id: string): Promise<TaskView> {
  const ran = await world.capstan(['task', 'wait', id, '--timeout', '30s', '--json'], { env })
  if (ran.code === 124)
    throw new Error(`${id} did not end: ${(await world.capstan(['task', 'logs', id], { env })).stdout}`)
  return JSON.parse(ran.stdout) as TaskView // the contract for scripts
}

async function events(id: string): Promise<TranscriptEvent[]> {
  const { stdout } = await world.capstan(['task', 'logs', id, '--json'], { env })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TranscriptEvent) // NDJSON by contract
}

async function notices(id: string): Promise<string[]> {
  return (await events(id)).flatMap((event) => (event.type === 'notice' ? [event.message] : []))
}

function only<T>(items: readonly T[]): T {
  const [item] = items
  if (item === undefined || items.length !== 1) throw new Error(`${items.length} items instead of one`)
  return item
}

afterEach((context) => {
  failed ||= context.task.result?.state === 'fail'
})

describe('on one machine', () => {
  beforeAll(async () => {
    world = new World()
    const host = hostEnv()
    const { line } = await world.up(await world.repo('app'), [], host)
    env = { CAPSTAN_URL: line.url, CAPSTAN_TOKEN: line.token }
  })
  afterAll(async () => {
    await world.end(failed)
    expect(processesOf(world.root)).toEqual([])
  })

  it('is shown what exactly is asked, answers each once, and the agent does what was allowed', async () => {
    const { id } = await give(`run touch ${out('yes')}\nrun touch ${out('no')}\nchoose red | blue`)
    const [yes, no, colour] = await asked(id, 3)
    if (yes === undefined || no === undefined || colour === undefined) throw new Error('three were asked')
    const page = (await world.capstan(['task', 'requests', id], { env })).stdout
    expect(page).toContain(`touch ${out('yes')}`)
    expect(page).toContain(`capstan task answer ${yes.id} --allow`)
    expect(page).toMatch(/denied unless answered within (10h|9h59m)/)
    expect((await world.json<TaskView>(['task', 'show', id], { env })).openRequests).toBe(3)
    expect((await world.capstan(['task', 'ls'], { env })).stdout).toContain('needs you')
    expect((await answer(no.id, '--deny', '--text', 'not that')).stdout).toContain('answered: Deny: not that')
    expect((await answer(colour.id, '--option', 'blue')).code).toBe(0)
    expect((await answer(colour.id, '--option', 'red')).stderr).toContain('was answered already, by user:')
    expect((await answer(yes.id, '--option', 'perhaps')).stderr).toContain('choose one of: allow, deny')
    expect((await answer(yes.id, '--allow')).code).toBe(0)
    expect(await ended(id)).toMatchObject({ state: 'completed', openRequests: 0 })
    expect([existsSync(out('yes')), existsSync(out('no'))]).toEqual([true, false])
    const texts = (await events(id)).flatMap((event) => (event.type === 'text' ? [event.text] : []))
    expect(texts).toContain('denied: not that')
    expect(texts.some((text) => text.includes('"answers":{"Which one?":"blue"}'))).toBe(true)
  })

  it('follows a task and is told how to answer as the request comes', async () => {
    const follow = world.capstan(
      [
        ...'task add --follow --harness claude-code --autonomy ask --workspace-mode scratch'.split(' '),
        `run touch ${out('f')}`,
      ],
      { env },
    )
    const request = await world.until('a request', async () =>
      (await world.json<RequestView[]>(['task', 'requests'], { env })).at(0),
    )
    await answer(request.id, '--allow')
    const { stdout, code } = await follow
    expect(code).toBe(0)
    expect(stdout).toContain(`capstan task answer ${request.id} --allow (or --deny)`)
  })
})

describe('with server and daemon apart', () => {
  let server: Awaited<ReturnType<World['start']>>
  let startDaemon: () => ReturnType<World['start']>
  let daemon: Awaited<ReturnType<World['start']>>
  let startServer: (port: string) => Promise<typeof server>

  beforeAll(async () => {
    world = new World()
    const repo = await world.repo('app')
    startServer = (port) =>
      world.start(['server', '--data', join(world.root, 'server'), '--listen', `127.0.0.1:${port}`])
    server = await startServer('0')
    const line = server.line as Up // the documented line
    env = { CAPSTAN_URL: line.url, CAPSTAN_TOKEN: line.token }
    const { secret } = await world.json<{ secret: string }>(['token', 'add', 'host', '--scope', 'daemon'], { env })
    await makeProfile('calm', {})
    const autoApprove = [{ executable: 'touch', argsExcludes: [out('late')] }]
    await makeProfile('asking', { autoApprove, requestTimeoutMs: 1_000 })
    const profiles = ['--profile', 'calm', '--profile', 'asking']
    const own = { ...hostEnv(), CAPSTAN_URL: line.url, CAPSTAN_TOKEN: secret }
    startDaemon = () =>
      world.start(['daemon', '--data', join(world.root, 'host'), '--workspace', repo, ...profiles], {
        cwd: repo,
        env: own,
      })
    daemon = await startDaemon()
  })
  afterAll(async () => {
    await world.end(failed)
    expect(processesOf(world.root)).toEqual([])
  })

  it('an answer given while the daemon is dead reaches the agent once when it is back', async () => {
    const { id } = await give(`run touch ${out('d')}\nrun echo once >> ${out('count')}`)
    const [first, second] = await asked(id, 2)
    await daemon.stop('SIGKILL')
    expect((await answer(first?.id ?? '', '--allow')).code).toBe(0)
    daemon = await startDaemon()
    await world.until('the file', async () => existsSync(out('d')))
    await daemon.stop('SIGKILL')
    daemon = await startDaemon()
    expect((await answer(second?.id ?? '', '--allow')).code).toBe(0)
    const task = await ended(id)
    expect(task).toMatchObject({ state: 'completed' })
    expect(task.attempts).toHaveLength(1)
    const texts = (await events(id)).flatMap((event) => (event.type === 'text' ? [event.text] : []))
    expect(texts.filter((text) => text.startsWith('allowed'))).toHaveLength(2)
    expect(texts.some((text) => text.includes('answer to nothing'))).toBe(false)
    expect(readFileSync(out('count'), 'utf8')).toBe('once\n')
  })

  it('a request stays open over the death of the server, and its answer is heard afterwards', async () => {
    const { id } = await give(`run touch ${out('s')}`)
    const request = only(await asked(id, 1))
    await server.stop('SIGKILL')
    server = await startServer(new URL(env.CAPSTAN_URL ?? '').port)
    expect(only(await asked(id, 1))).toEqual(request)
    expect((await answer(request.id, '--allow')).code).toBe(0)
    expect(await ended(id)).toMatchObject({ state: 'completed' })
    expect(existsSync(out('s'))).toBe(true)
  })

  it('an answer whose server is killed before the daemon heard of it reaches the agent once, from the next server', async () => {
    const { id } = await give(`run echo once >> ${out('between')}`)
    const request = only(await asked(id, 1))
    daemon.child.kill('SIGSTOP')
    expect((await answer(request.id, '--allow')).code).toBe(0)
    await server.stop('SIGKILL')
    server = await startServer(new URL(env.CAPSTAN_URL ?? '').port)
    daemon.child.kill('SIGCONT')
    const task = await ended(id)
    expect(task).toMatchObject({ state: 'completed' })
    expect(readFileSync(out('between'), 'utf8')).toBe('once\n')
    expect(task.attempts).toMatchObject([{ waitsSince: null, waitedMs: expect.any(Number) }])
    expect(task.attempts[0]?.waitedMs).toBeGreaterThan(0)
    expect((await answer(request.id, '--deny')).stderr).toContain('was answered already, by user:')
  })

  it('denies what nobody answers in time, says so, and asks nobody about what a rule allows', async () => {
    const { id } = await give(`run touch ${out('ruled')}\nrun touch ${out('late')}`, ['--profile', 'asking'])
    expect(await ended(id)).toMatchObject({ state: 'completed' })
    expect([existsSync(out('ruled')), existsSync(out('late'))]).toEqual([true, false])
    const [ruled, late] = (await events(id)).filter((event) => event.type === 'request')
    expect(ruled).toMatchObject({ title: `touch ${out('ruled')}`, rule: `touch …, without ${out('late')}` })
    expect(late).not.toHaveProperty('rule')
    expect(await notices(id)).toContain(`denied, as nobody answered in time: touch ${out('late')}`)
    const all = await world.json<RequestView[]>(['task', 'requests', id, '--all'], { env })
    expect(all).toMatchObject([{ state: 'expired', answer: null }])
    expect((await answer(only(all).id, '--allow')).stderr).toContain('has expired: it was denied')
  })
})
