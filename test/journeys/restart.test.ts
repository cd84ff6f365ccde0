// The daemon goes, the agent stays: kill -9, a polite stop, a server that is away.

import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Up } from './world.ts'
import { processesOf, World } from './world.ts'

let world: World
let repo: string

beforeEach(async () => {
  world = new World()
  repo = await world.repo('app')
})

afterEach(async (context) => {
  await world.end(context.task.result?.state === 'fail')
  expect(processesOf(world.root)).toEqual([])
})

/** Says a line, then waits for a file to appear, then goes on: the test decides when. */
const script =
  'for i in 1 2 3; do echo early $i; done; while [ ! -e "$CAPSTAN_GATE" ]; do sleep 0.05; done; for i in 1 2 3; do echo late $i; done; echo done > done.txt'

async function begin(args: string[] = []): Promise<string> {
  const gate = join(world.root, 'gate')
  const { id } = await world.json<TaskView>([
    'task',
    'add',
    '--prompt',
    script.replace('$CAPSTAN_GATE', gate),
    '--repo',
    'app',
    '--harness',
    'shell',
    ...args,
  ])
  await world.until('the script speaks', async () =>
    (await world.capstan(['task', 'logs', id])).stdout.includes('early 3'),
  )
  return id
}

async function said(id: string): Promise<string[]> {
  const { stdout } = await world.capstan(['task', 'logs', id, '--json'])
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TranscriptEvent) // NDJSON by contract
  expect(events.map((event) => event.seq)).toEqual(events.map((_, at) => at + 1))
  return events.flatMap((event) => (event.type === 'text' ? event.text.split('\n') : []))
}

const everything = ['early 1', 'early 2', 'early 3', 'late 1', 'late 2', 'late 3']

describe('an agent at work', () => {
  it('outlives kill -9 of server and daemon, and is taken up again without losing or doubling a line', async () => {
    const first = await world.up(repo)
    const id = await begin()
    await first.stop('SIGKILL')
    world.write(join(world.root, 'gate'), '')
    await world.up(repo)
    const task = await world.wait(id)
    expect(task).toMatchObject({ state: 'completed' })
    expect(task.attempts).toHaveLength(1)
    expect(await said(id)).toEqual(everything)
  })

  it('is given back when the daemon stops politely, and runs again on the next', async () => {
    const first = await world.up(repo)
    const id = await begin()
    expect(await first.stop('SIGTERM')).toBe(0)
    expect(processesOf(world.root)).toEqual([])
    world.write(join(world.root, 'gate'), '')
    await world.up(repo)
    const task = await world.wait(id)
    expect(task.state).toBe('completed')
    expect(task.attempts.map((attempt) => attempt.state)).toEqual(['aborted', 'completed'])
  })

  it('goes on while its server is away, and its result is delivered when the server is back', async () => {
    const serve = ['server', '--data', join(world.root, 'server')]
    const server = await world.start<Up>([...serve, '--listen', '127.0.0.1:0'])
    const port = new URL(server.line.url).port
    const env = { CAPSTAN_URL: server.line.url, CAPSTAN_TOKEN: server.line.token }
    const { secret } = await world.json<{ secret: string }>(['token', 'add', 'host', '--scope', 'daemon'], { env })
    await world.start(['daemon', '--data', join(world.root, 'host'), '--workspace', repo], {
      cwd: repo,
      env: { CAPSTAN_URL: server.line.url, CAPSTAN_TOKEN: secret },
    })
    const id = await begin()
    await server.stop('SIGKILL')
    world.write(join(world.root, 'gate'), '')
    await world.start<Up>([...serve, '--listen', `127.0.0.1:${port}`])
    const task = await world.wait(id)
    expect(task.state).toBe('completed')
    expect(task.attempts).toHaveLength(1)
    expect(await said(id)).toEqual(everything)
  })
})
