// What an agent can do from inside its run: hand in an output, ask a person, tell how far it is, create another task.

import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { makeClient } from '../../src/client/client.ts'
import type { BodyIn } from '../../src/protocol/operations.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Up } from './world.ts'
import { processesOf, World } from './world.ts'

let world: World
let repo: string
let client: Client

beforeEach(async () => {
  world = new World()
  repo = await world.repo('app')
  const agent = resolve(import.meta.dirname, '../fakes/tool-agent.ts')
  const table = `[harness.tools]\ncommand = "${process.execPath}"\nargs = ["${agent}", "{promptFile}"]\n`
  world.write(join(world.home, '.capstan/daemon.toml'), table)
})

afterEach(async (context) => {
  await world.end(context.task.result?.state === 'fail')
  expect(processesOf(world.root)).toEqual([])
})

async function start(): Promise<{ line: Up; stop(signal?: NodeJS.Signals): Promise<number | null> }> {
  const up = await world.up(repo)
  client = makeClient({ url: up.line.url, token: up.line.token })
  return up
}

type Step = readonly [tool: string, input: Record<string, unknown>]

function add(steps: readonly Step[], more: Partial<BodyIn<'createTask'>> = {}): Promise<TaskView> {
  return client.call('createTask', {
    body: { prompt: JSON.stringify(steps), harness: 'tools', repo: 'app', ...more },
  })
}

function ended(id: string): Promise<TaskView> {
  return world.until(`the end of ${id}`, async () => {
    const task = await client.call('getTask', { params: { id } })
    return task.endedAt !== null && task.attempts.every((attempt) => attempt.endedAt !== null) && task
  })
}

async function log(id: string): Promise<string> {
  const { items } = await client.call('listEvents', { params: { id } })
  return items.map((event) => JSON.stringify(event)).join('\n')
}

const schema = { type: 'object', required: ['verdict'], properties: { verdict: { enum: ['yes', 'no'] } } }

describe('an agent in its run', () => {
  it('asks while its daemon is killed and started again, and hands in an output that fits', async () => {
    const first = await start()
    const steps: Step[] = [
      ['report_progress', { message: 'looking', plan: [{ text: 'look', status: 'in_progress' }] }],
      ['ask_human', { question: 'Is it good?', options: ['yes', 'no'] }],
      ['submit_output', { output: { verdict: 'maybe' } }],
      ['submit_output', { output: { verdict: 'no' } }],
    ]
    const { id } = await add(steps, { outputSchema: schema })
    const open = async () => (await client.call('listRequests', {})).items
    const asked = await world.until('the question', async () => (await open())[0])
    expect(asked).toMatchObject({ title: 'Is it good?', taskId: id })
    await first.stop('SIGKILL')
    await start()
    expect(await open()).toHaveLength(1)
    await client.call('answerRequest', { params: { id: asked.id }, body: { optionId: '2' } })
    const task = await ended(id)
    expect(task).toMatchObject({ state: 'completed', expect: 'output', outputSchema: schema })
    expect(task.attempts).toMatchObject([{ output: { verdict: 'no' }, outputCid: expect.stringMatching(/^sha256-/) }])
    const said = await log(id)
    for (const words of ['looking', 'answered', 'verdict']) expect(said).toContain(words)
    expect(said.match(/calls ask_human/g)).toHaveLength(1)
  })

  it('creates tasks that are its own task’s, until the hop limit', async () => {
    await start()
    const child: Step = ['task_create', { prompt: '[]', harness: 'tools' }]
    const shell: Step = ['task_create', { prompt: 'rm -rf /', harness: 'shell' }]
    const parent = await add([child, shell], { budgets: { maxCostUsd: 2 }, correlationId: 'c-1' })
    expect(await ended(parent.id)).toMatchObject({ state: 'completed' })
    const { items } = await client.call('listTasks', { query: { correlationId: 'c-1' } })
    const made = items.filter((task) => task.id !== parent.id)
    expect(made).toMatchObject([
      { causeId: parent.id, hops: 1, repo: 'app', budgets: { maxCostUsd: 2 }, createdBy: `agent:${parent.id}` },
    ])
    expect(await log(parent.id)).toContain('may not create a task with harness shell')
    let causeId = parent.id
    const runAt = Date.now() + 3_600_000
    for (let hops = 1; hops < 8; hops += 1) causeId = (await add([], { causeId, runAt })).id
    const last = await add([child], { causeId })
    expect(last.hops).toBe(8)
    expect(await ended(last.id)).toMatchObject({ state: 'completed' })
    expect(await log(last.id)).toContain('hops_exceeded')
  })

  it('is not done by prose where an output is expected, and by a file of JSON it is', async () => {
    await start()
    const run = async (prompt: string, expected: 'output' | 'changes') =>
      ended((await add([], { prompt, harness: 'shell', expect: expected })).id)
    const [none, file, prose] = await Promise.all([
      run('echo it is done', 'output'),
      run('echo \'{"n":1}\' > "$CAPSTAN_OUTPUT"', 'output'),
      run('echo done > "$CAPSTAN_OUTPUT"; date > made.txt', 'changes'),
    ])
    expect(none).toMatchObject({ state: 'failed', reason: 'output_invalid' })
    expect(file).toMatchObject({ state: 'completed', attempts: [{ output: { n: 1 } }] })
    expect(prose).toMatchObject({ state: 'completed', attempts: [{ output: null }] })
  })
})
