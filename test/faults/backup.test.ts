// Backup and restore: taken while the server works, put elsewhere, and the work of before goes on there.

import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeClient } from '../../src/client/client.ts'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import type { TestPostgres } from '../fakes/postgres.ts'
import { startPostgres, withoutPostgres } from '../fakes/postgres.ts'
import type { Up } from '../journeys/world.ts'
import { processesOf, World } from '../journeys/world.ts'

let machine: World
let repo: string

beforeEach(async () => {
  machine = new World()
  repo = await machine.repo('app')
})
afterEach(async (context) => {
  await machine.end(context.task.result?.state === 'fail')
  expect(processesOf(machine.root)).toEqual([])
})

const at = (name: string) => join(machine.root, name)

async function serve(data: string, port = 0, database?: string) {
  return machine.start<Up>(['server', '--data', at(data), '--listen', `127.0.0.1:${port}`], {
    env: database === undefined ? {} : { CAPSTAN_DATABASE: database },
  })
}

type Line = Pick<Up, 'url' | 'token'>

function clientOf({ url, token }: Line) {
  return makeClient({ url, token })
}

/** A server, a daemon of its own, and its port. */
async function begin(host: Record<string, string> = {}) {
  const server = await serve('first')
  const { secret } = await clientOf(server.line).call('createToken', { body: { name: 'host', scopes: ['daemon'] } })
  await machine.start(['daemon', '--data', at('host'), '--workspace', repo], {
    cwd: repo,
    env: { ...host, CAPSTAN_URL: server.line.url, CAPSTAN_TOKEN: secret },
  })
  return { server, port: Number(new URL(server.line.url).port) }
}

async function add(line: Line, prompt: string): Promise<string> {
  return (await clientOf(line).call('createTask', { body: { prompt, harness: 'shell', repo: 'app' } })).id
}

function endOf(line: Line, id: string): Promise<TaskView> {
  return machine.until(`the end of ${id}`, async () => {
    const task = await clientOf(line).call('getTask', { params: { id } })
    return task.endedAt === null ? null : task
  })
}

async function eventsOf(line: Line, id: string): Promise<TranscriptEvent[]> {
  return (await clientOf(line).call('listEvents', { params: { id }, query: { limit: 200 } })).items
}

async function diffOf({ url, token }: Line, id: string): Promise<string> {
  const ran = await machine.capstan(['task', 'diff', id], { env: { CAPSTAN_URL: url, CAPSTAN_TOKEN: token } })
  return ran.stdout
}

describe('a server restored from a backup taken while it worked', () => {
  it('goes on: the daemon returns by itself, its lease counts anew, its result arrives', async () => {
    const { server, port } = await begin()
    const first = server.line
    const gate = at('gate')
    const wait = (name: string) => `while [ ! -e ${gate}-${name} ]; do sleep 0.05; done`
    const done = await add(first, 'echo before > before.txt')
    await endOf(first, done)
    const diff = await diffOf(first, done)
    expect(diff).toContain('before.txt')
    const id = await add(
      first,
      `echo one; ${wait('a')}; echo two; echo three; ${wait('b')}; echo four; echo x > made.txt`,
    )
    const hears = (text: string) => async () => JSON.stringify(await eventsOf(first, id)).includes(text)
    await machine.until('its first line', hears('one'))

    const file = at('capstan.backup')
    const taken = await machine.json<{ rows: number; missing: string[] }>(['backup', file, '--data', at('first')])
    expect(taken.missing).toEqual([])
    expect(taken.rows).toBeGreaterThan(10)

    machine.write(`${gate}-a`, '')
    await machine.until('lines after the backup', hears('three'))
    await server.stop('SIGKILL')
    const restored = await machine.json<{ rows: number }>(['restore', file, '--data', at('second')])
    expect(restored.rows).toBe(taken.rows)
    const second = (await serve('second', port)).line
    machine.write(`${gate}-b`, '')

    const task = await endOf(second, id)
    expect(task).toMatchObject({ state: 'completed' })
    expect(task.attempts).toHaveLength(1)
    const events = await eventsOf(second, id)
    expect(events.map((event) => event.seq)).toEqual(events.map((_, n) => n + 1))
    const said = events.map((event) => ('text' in event ? event.text : 'message' in event ? event.message : ''))
    expect(said.join('\n')).toMatch(/one.*told between the backup and its restore.*four/s)
    expect(await diffOf(second, id)).toContain('made.txt')
    expect(await diffOf(second, done)).toBe(diff)
    expect((await endOf(second, await add(second, 'echo later'))).attempts).toHaveLength(1)
  }, 90_000)

  it('lists again what agents ask, lists nothing that was answered meanwhile, and answers reach them', async () => {
    const fake = resolve(import.meta.dirname, '../fakes/claude.ts')
    machine.write(at('bin/claude'), `#!/bin/sh\nexec ${process.execPath} ${fake} "$@"\n`, 0o755)
    const path = `${at('bin')}:${machine.env().PATH}`
    const { server, port } = await begin({ PATH: path, ANTHROPIC_API_KEY: 'sk-ant-scripted' })
    const prompt = `run touch ${at('one')}\nlater ${at('gate')} touch ${at('two')}`
    const { id } = await clientOf(server.line).call('createTask', {
      body: { prompt, harness: 'claude-code', autonomy: 'ask', workspace: { mode: 'scratch' } },
    })
    const open = (line: Line, title: string) =>
      machine.until(`only ${title} is asked`, async () => {
        const { items } = await clientOf(line).call('listRequests', {})
        return items.length === 1 && items[0]?.title === title ? items[0] : null
      })
    const answer = (line: Line, request: string) =>
      clientOf(line).call('answerRequest', { params: { id: request }, body: { optionId: 'allow' } })
    const one = await open(server.line, `touch ${at('one')}`)
    await machine.json(['backup', at('capstan.backup'), '--data', at('first')])
    await answer(server.line, one.id)
    await machine.until('the first command', async () => existsSync(at('one')))
    machine.write(at('gate'), '')
    const two = await open(server.line, `touch ${at('two')}`)
    await server.stop('SIGKILL')
    await machine.json(['restore', at('capstan.backup'), '--data', at('second')])
    const second = (await serve('second', port)).line
    const again = await open(second, `touch ${at('two')}`)
    expect(again).toMatchObject({ id: two.id, taskId: id, attemptId: two.attemptId, options: two.options })
    const { state } = await clientOf(second).call('getRequest', { params: { id: one.id } })
    expect(state).toBe('withdrawn')
    await answer(second, again.id)
    const task = await endOf(second, id)
    expect(task).toMatchObject({ state: 'completed', openRequests: 0 })
    expect(task.attempts).toHaveLength(1)
    expect(existsSync(at('two'))).toBe(true)
  }, 90_000)

  it('is refused where data is, where a server runs, and from a file that is no whole backup', async () => {
    const { server } = await begin()
    const file = at('capstan.backup')
    await machine.json(['backup', file, '--data', at('first')])
    const refused = async (args: string[], says: string) => {
      const { code, stderr } = await machine.capstan(args)
      expect({ args, stderr }).toEqual({ args, stderr: expect.stringContaining(says) })
      expect(code).not.toBe(0)
    }
    await refused(['restore', file, '--data', at('first')], 'another capstan server')
    await server.stop()
    await refused(['restore', file, '--data', at('first')], 'already')
    await refused(['restore', at('nothing'), '--data', at('other')], 'there is no backup')
    await refused(['backup', file, '--data', at('other')], 'there is no database')
    writeFileSync(at('text'), 'not a backup')
    await refused(['restore', at('text'), '--data', at('other')], 'is not a backup')
    const whole = readFileSync(file)
    truncateSync(file, whole.length - 20)
    await refused(['restore', file, '--data', at('other')], 'cut short')
    const middle = Math.floor(whole.length / 2)
    whole.fill(0xff, middle, middle + 64)
    writeFileSync(file, whole)
    await refused(['restore', file, '--data', at('other')], file)
    const folder = await machine.json<{ path: string }>(['backup', machine.root, '--data', at('first')])
    await machine.json(['restore', folder.path, '--data', at('other')])
    await serve('other')
  }, 90_000)
})

describe.skipIf(withoutPostgres)('a backup moves between SQLite and PostgreSQL', () => {
  let postgres: TestPostgres
  beforeEach(async () => {
    postgres = await startPostgres()
  })
  afterEach(() => postgres.stop())

  it('there and back, and each server goes on counting where the other stopped', async () => {
    const { server, port } = await begin()
    const one = await add(server.line, 'echo one')
    await endOf(server.line, one)
    await machine.json(['backup', at('sqlite.backup'), '--data', at('first')])
    await server.stop('SIGKILL')
    const database = await postgres.makeDatabase()
    const there = { env: { CAPSTAN_DATABASE: database } }
    await machine.json(['restore', at('sqlite.backup'), '--data', at('second')], there)
    const second = await serve('second', port, database)
    const two = await add(second.line, 'echo two')
    await endOf(second.line, two)
    const taken = await machine.json<{ rows: number }>(['backup', at('pg.backup'), '--data', at('second')], there)
    await second.stop()
    const back = await machine.json<{ rows: number }>(['restore', at('pg.backup'), '--data', at('third')])
    expect(back.rows).toBe(taken.rows)
    const third = await serve('third', port)
    const three = await add(third.line, 'echo three')
    await endOf(third.line, three)
    const { items } = await clientOf(third.line).call('listTasks', { query: {} })
    expect(items.map((task) => [task.id, task.state]).sort()).toEqual(
      [one, two, three].map((id) => [id, 'completed']).sort(),
    )
  }, 90_000)
})
