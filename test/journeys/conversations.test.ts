// Agents that hold a conversation, through the whole product: an ACP agent of the host's own, and Codex where it asks.

import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { RequestView } from '../../src/protocol/request-operations.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import type { AcpScript } from '../fakes/acp-script.ts'
import type { CodexScript } from '../fakes/codex-app-server.ts'
import type { Up } from './world.ts'
import { processesOf, World } from './world.ts'

const fakes = resolve(import.meta.dirname, '../fakes')
const command = { toolCallId: 't1', kind: 'execute', title: 'make it', rawInput: { command: 'make it' } }

/** It asks, then writes the file it was allowed to; it stays after its turn, as some do. */
const acpScript: AcpScript = {
  turns: [
    [
      { say: 'I begin.' },
      { ask: { toolCall: command, write: ['made.txt', 'made\n'], strict: true } },
      { say: 'Done.' },
    ],
  ],
  stays: true,
}

const codexScript: CodexScript = {
  steps: [
    {
      ask: 'item/commandExecution/requestApproval',
      params: { itemId: 'c1', command: '/bin/bash -lc "make it"', availableDecisions: ['accept', 'cancel'] },
      write: ['made.txt', 'made\n'],
    },
    { tell: 'item/completed', params: { item: { type: 'agentMessage', id: 'm', text: 'Done.' } } },
    { end: 'completed' },
  ],
}

let world: World
let up: Awaited<ReturnType<World['up']>>
let repo: string
let host: Record<string, string>
let env: Record<string, string>
let failed = false

beforeAll(async () => {
  world = new World()
  const acp = join(world.root, 'acp.json')
  world.write(acp, JSON.stringify(acpScript))
  const endless = join(world.root, 'endless.json')
  world.write(endless, JSON.stringify({ turns: [[{ say: 'At work. ' }, { hang: true }]] }))
  const tableOf = (name: string, script: string) => {
    const args = JSON.stringify([join(fakes, 'acp-agent.ts'), script])
    return `[harness.${name}]\nprotocol = "acp"\ncommand = ${JSON.stringify(process.execPath)}\nargs = ${args}\n`
  }
  const table = `${tableOf('scripted', acp)}${tableOf('endless', endless)}`
  world.write(join(world.home, '.capstan', 'daemon.toml'), table)
  const codex = join(world.root, 'codex.json')
  world.write(codex, JSON.stringify(codexScript))
  const bin = join(world.root, 'bin')
  const server = `${process.execPath} ${join(fakes, 'codex-app-server.ts')} ${codex}`
  world.write(join(bin, 'codex'), `#!/bin/sh\n[ "$1" = --version ] && echo 0.169.0 && exit\nexec ${server}\n`, 0o755)
  host = { PATH: `${bin}:${world.env().PATH}`, OPENAI_API_KEY: 'sk-scripted' }
  repo = await world.repo('app')
  await start()
})

afterEach((context) => {
  failed ||= context.task.result?.state === 'fail'
})

afterAll(async () => {
  await world.end(failed)
  expect(processesOf(world.root)).toEqual([])
})

async function start(): Promise<void> {
  up = await world.up(repo, [], host)
  const line: Up = up.line
  env = { CAPSTAN_URL: line.url, CAPSTAN_TOKEN: line.token }
}

/** Over HTTP: the command line has journeys of its own, and each of its calls takes a second. */
async function api<T>(path: string, body?: object): Promise<T> {
  const headers = { authorization: `Bearer ${up.line.token}`, 'content-type': 'application/json' }
  const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(`${up.line.url}/v1/${path}`, { headers, ...sent })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T // the documented shape
}

const give = (harness: string, autonomy: string) =>
  api<TaskView>('tasks', { prompt: 'make it', harness, autonomy, repo: 'app' })

function asked(id: string): Promise<RequestView> {
  return world.until(`a request of ${id}`, async () =>
    (await api<{ items: RequestView[] }>(`tasks/${id}/requests`)).items.at(0),
  )
}

const answer = (request: RequestView, grants: 'allow' | 'deny') =>
  api(`requests/${request.id}/answer`, { optionId: request.options.find((option) => option.grants === grants)?.id })

function ended(id: string): Promise<TaskView> {
  return world.until(`the end of ${id}`, async () => {
    const task = await api<TaskView>(`tasks/${id}`)
    return task.state === 'completed' || task.state === 'failed' ? task : null
  })
}

const events = async (id: string) => (await api<{ items: TranscriptEvent[] }>(`tasks/${id}/events`)).items

it('an agent that asks is answered after its daemon was killed and came back, once, and does what was allowed', async () => {
  const tasks = await Promise.all(['scripted', 'codex'].map((harness) => give(harness, 'ask')))
  const requests = await Promise.all(tasks.map(({ id }) => asked(id)))
  expect(requests.map(({ title }) => title)).toEqual(['make it', 'make it'])
  await up.stop('SIGKILL')
  await start()
  for (const request of requests) await answer(request, 'allow')
  for (const { id } of tasks) {
    expect(await ended(id)).toMatchObject({ state: 'completed' })
    expect((await world.capstan(['task', 'diff', id], { env })).stdout).toContain('+made')
    const told = await events(id)
    expect(told.filter((event) => event.type === 'text').at(-1)).toMatchObject({
      text: expect.stringContaining('Done.'),
    })
    expect(told.filter((event) => event.type === 'request')).toHaveLength(1)
    expect(told.map((event) => event.seq)).toEqual(told.map((_event, index) => index + 1))
  }
})

it('an agent that gives up after a denial fails and says what was denied; under full autonomy it is granted, and said so', async () => {
  const [denied, full] = await Promise.all([give('scripted', 'ask'), give('scripted', 'full')])
  await answer(await asked(denied.id), 'deny')
  const task = await ended(denied.id)
  expect(task).toMatchObject({ state: 'failed', reason: 'agent_failed' })
  expect(task.attempts.at(-1)?.detail).toContain('because this was not permitted: make it')
  expect(await ended(full.id)).toMatchObject({ state: 'completed' })
  const notices = (await events(full.id)).flatMap((event) => (event.type === 'notice' ? [event.message] : []))
  expect(notices).toContain('Granted by autonomy full: make it')
})

it('an agent that is stopped is told to end its turn before its processes are ended, and what it still says is kept', async () => {
  const { id } = await give('endless', 'full')
  const runs = async () => ((await api<TaskView>(`tasks/${id}`)).state === 'running' ? true : null)
  await world.until(`the start of ${id}`, runs)
  await world.until(`a prompt in ${id}`, async () =>
    (await events(id)).some(({ type }) => type === 'raw') ? true : null,
  )
  await api(`tasks/${id}/cancel`, {})
  const task = await world.until(`the end of ${id}`, async () => {
    const seen = await api<TaskView>(`tasks/${id}`)
    return seen.attempts.at(-1)?.endedAt == null ? null : seen
  })
  expect(task.attempts.at(-1)).toMatchObject({ state: 'cancelled' })
  const said = (await events(id)).flatMap((event) => (event.type === 'text' ? [event.text] : []))
  expect(said.join('')).toBe('At work. I end my turn.')
})
