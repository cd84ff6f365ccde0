// Real CLIs in a terminal, as people use them: typed into, left and joined again, answered where they ask, ended by `task finish`.

import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Autonomy } from '../../src/protocol/task.ts'
import { writtenFile, writtenText } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import type { FinalTask, Place, Up, World } from './capstan-world.ts'
import { addTask, capstan, makeWorld, showTask, startUp, stop, until, waitTask } from './capstan-world.ts'
import type { Peer } from './peers.ts'
import type { Row } from './table.ts'

type Outcome = Pick<Row, 'outcome' | 'problem'>

const typed = 'And now by the terminal'
/** From the task to its model's first request, and from typed words to theirs; the slowest CLI takes some 10 s, ms. */
const askedMs = 60_000
/** One each two seconds: a CLI that has not asked yet does nothing with them. */
const mostKeys = 45
/** A CLI takes pasted words and the key that sends them apart, ms. */
const keyMs = 1_000

/** Throws, naming the folder, when a step cannot be done at all. */
export async function interactiveRows(peer: Peer, server: ModelServer, root: string): Promise<readonly Row[]> {
  if (peer.harness.interactive === undefined) return []
  const at = { peer, server, root, mode: 'write' } as const
  // Codex asks there when its model wants out of the sandbox, which the scripted one never does.
  const asks = peer.harness.autonomies.includes('ask') && peer.harness.name !== 'codex'
  return [
    await inTerminal('full', at, 'in its terminal: typed into, left, joined again, finished'),
    ...(asks ? [await inTerminal('ask', at, 'in its terminal, autonomy ask: answered there, finished')] : []),
  ]
}

async function inTerminal(autonomy: Autonomy, place: Place, what: string): Promise<Row> {
  const startedAt = performance.now()
  const world = await makeWorld({ ...place, root: join(place.root, autonomy) }) // short: a socket lies below it
  begunBefore(place.peer, world)
  const up = await startUp(world)
  try {
    const step = autonomy === 'ask' ? answered : worked
    return { what, ...(await step(place, up)), wallMs: performance.now() - startedAt }
  } finally {
    await stop(up.pid)
  }
}

/** What somebody who has used the CLI on this host before has answered already, and is kept in its home. */
function begunBefore({ harness }: Peer, { home, clone }: World): void {
  if (harness.name === 'claude-code') {
    const key = { approved: ['sk-ant-scripted'], rejected: [] }
    mkdirSync(join(home, '.claude'), { recursive: true })
    const said = { hasCompletedOnboarding: true, customApiKeyResponses: key }
    writeFileSync(join(home, '.claude', '.claude.json'), JSON.stringify(said))
  }
  if (harness.name === 'codex') {
    const trusted = `[projects.${JSON.stringify(clone)}]\ntrust_level = "trusted"\n`
    appendFileSync(join(home, '.codex', 'config.toml'), trusted)
  }
}

async function worked({ peer, server }: Place, up: Up): Promise<Outcome> {
  const since = server.bodies.length
  const id = await begin(peer, up, 'full')
  if (!(await until(() => asked(server, since), askedMs)))
    return { outcome: 'no request', problem: `the model was not asked; ${await look(id, up)}` }
  const one = await joinTerminal(id, up)
  const hears = await say(one, server, since)
  one.socket.close()
  if (!hears) return { outcome: 'typed', problem: `the model did not hear what was typed: ${one.shown()}` }
  const left = (await showTask(id, up)).state
  const two = await joinTerminal(id, up)
  const sees = await until(() => two.shown() !== '', askedMs)
  two.socket.close()
  const task = await finish(id, up)
  const outcome = `${task.state}, ${left} meanwhile`
  if (left !== 'running' || !sees) return { outcome, problem: 'it did not go on when it was left' }
  return { outcome, problem: await wrote(task, up) }
}

/** Whoever is there says yes to what it asks, by the key that takes the first choice. */
async function answered({ peer, server }: Place, up: Up): Promise<Outcome> {
  const since = server.bodies.length
  const id = await begin(peer, up, 'ask')
  if (!(await until(() => asked(server, since), askedMs)))
    return { outcome: 'no request', problem: `the model was not asked; ${await look(id, up)}` }
  const one = await joinTerminal(id, up)
  const results = () => server.bodies.slice(since).some((body) => body.includes(writtenText.trimEnd()))
  let keys = 0
  for (; keys < mostKeys && !(await until(results, 2 * keyMs)); keys += 1) one.socket.send(Buffer.from('\r'))
  one.socket.close()
  const task = await finish(id, up)
  const outcome = `${task.state}, ${keys} times Enter`
  if (!results()) return { outcome, problem: `its tool did not run: ${one.shown()}` }
  return { outcome, problem: keys === 0 ? 'it did not ask' : await wrote(task, up) }
}

async function begin(peer: Peer, up: Up, autonomy: Autonomy): Promise<string> {
  return (await addTask(peer, up, ['--interactive', '--autonomy', autonomy])).id
}

async function look(id: string, up: Up): Promise<string> {
  const one = await joinTerminal(id, up)
  await until(() => one.shown() !== '', keyMs)
  one.socket.close()
  return `the terminal shows ${one.shown()}`
}

/** Each of these runs gets its prompt as a file of this name. */
function asked(server: ModelServer, since: number): boolean {
  return server.bodies.slice(since).some((body) => body.includes('task.md'))
}

/** A CLI that is still drawing itself may lose what is typed. */
async function say(terminal: Joined, server: ModelServer, since: number): Promise<boolean> {
  const heard = () => server.bodies.slice(since).some((body) => body.includes(typed))
  for (let n = 0; n < 3 && !heard(); n += 1) {
    terminal.socket.send(Buffer.from(typed))
    await sleep(keyMs)
    terminal.socket.send(Buffer.from('\r'))
    if (await until(heard, askedMs / 3)) return true
  }
  return heard()
}

async function finish(id: string, up: Up): Promise<FinalTask> {
  await capstan(up, ['task', 'finish', id, '--json'])
  return await waitTask(id, up)
}

async function wrote(task: FinalTask, up: Up): Promise<string | null> {
  if (task.state !== 'completed') return `${task.reason}: ${task.attempts.at(-1)?.detail}`
  const diff = (await capstan(up, ['task', 'diff', task.id])).stdout
  return diff.includes(`+++ b/${writtenFile}`) ? null : `the diff lacks ${writtenFile}`
}

interface Joined {
  readonly socket: WebSocket
  /** The end of what was shown, without what moves the cursor. */
  shown(): string
}

async function joinTerminal(id: string, { client }: Up): Promise<Joined> {
  const address = `${client.CAPSTAN_URL?.replace('http', 'ws')}/v1/tasks/${id}/terminal`
  const socket = new WebSocket(address, { headers: { authorization: `Bearer ${client.CAPSTAN_TOKEN}` } })
  let text = ''
  socket.on('message', (data, binary) => {
    if (binary) text += String(data)
  })
  await new Promise((done, fail) => socket.once('open', done).once('error', fail))
  socket.send(JSON.stringify({ type: 'resize', cols: 100, rows: 40 }))
  return { socket, shown: () => text.replaceAll(/\x1b\[[\d;?<>=]*[ -/]*[@-~]/g, ' ').slice(-400) }
}
