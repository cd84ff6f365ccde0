// Conversations of real CLIs that go on at another host, after the first one was drained or killed: its model hears what was said before.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { finalText, writtenFile, writtenText } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import { isAlive, until } from './capstan-world.ts'
import type { Peer } from './peers.ts'
import { pinnedVersion } from './peers.ts'
import type { HostOf } from './session-world.ts'
import { git, SessionWorld } from './session-world.ts'
import type { Row } from './table.ts'

const firstWords = 'Write one line into a file, for the first host.'
const nextWords = 'And what did you write, says the second host?'
/** A continuation is its first host's for a minute, and an agent takes its time, s. */
const waitSeconds = 150
const goneMs = 20_000

interface Asked {
  readonly id: string
  readonly state: string
  readonly detail: string | null
  readonly attempts: readonly {
    readonly daemonName: string
    readonly sessionRef: string | null
    readonly sessionCid: string | null
    readonly evidence: { readonly branch: string | null } | null
  }[]
}

/** Throws, naming the folder, when a step cannot be done at all. */
export async function sessionRows(peer: Peer, models: ModelServer, root: string): Promise<readonly Row[]> {
  // Its conversations are not files that could be carried.
  if (peer.harness.sessionRoot === undefined) return []
  return [
    await moved('drained', { peer, models, root }),
    await moved('killed', { peer, models, root }),
    await moved('killed, forked', { peer, models, root }),
  ]
}

interface At {
  readonly peer: Peer
  readonly models: ModelServer
  readonly root: string
}

type How = 'drained' | 'killed' | 'killed, forked'

async function moved(how: How, { peer, models, root }: At): Promise<Row> {
  const what = `the conversation goes on at another host, the first one ${how}`
  const startedAt = performance.now()
  const folder = join(root, `session-${peer.harness.name}-${pinnedVersion(peer)}-${how.replaceAll(/\W+/g, '-')}`)
  mkdirSync(folder, { recursive: true })
  await using world = new SessionWorld({ peer, models, folder })
  await world.start()
  const one = await world.host('one', 'write')
  const first = await begun(world, peer)
  const two = await world.host('two', 'text')
  await leave(world, one, how)
  const asked = models.bodies.length
  const more = how === 'killed, forked' ? ['--fork'] : []
  // Without a name it moves when the minute of the first host is over.
  const where = how === 'drained' ? [] : ['--daemon', two.name]
  const continued = await world.ask(['task', 'continue', first.id, nextWords, ...more, ...where, '--json'])
  const next = await ended(world, JSON.parse(continued).id)
  const problem = await wrong({ first, next, two, how }, models.bodies.slice(asked))
  const attempt = next.attempts.at(-1)
  const outcome = `${next.state} on host ${attempt?.daemonName}, ${models.bodies.length - asked} requests`
  return { what, outcome, wallMs: performance.now() - startedAt, problem }
}

async function begun(world: SessionWorld, peer: Peer): Promise<Asked> {
  const added = ['task', 'add', '--prompt', firstWords, '--repo', 'app', '--harness', peer.harness.name]
  const { id } = JSON.parse(await world.ask([...added, '--expect', 'changes', '--json'])) as Asked // the contract for scripts
  return await ended(world, id)
}

async function ended(world: SessionWorld, id: string): Promise<Asked> {
  return JSON.parse(await world.ask(['task', 'wait', id, '--timeout', `${waitSeconds}s`, '--json']))
}

/** Of a killed host nothing is left to look at either. */
async function leave(world: SessionWorld, host: HostOf, how: How): Promise<void> {
  if (how === 'drained') {
    await world.ask(['daemon', 'drain', host.name, '--json'])
    return
  }
  process.kill(host.pid, 'SIGKILL')
  if (!(await until(() => !isAlive(host.pid), goneMs))) throw new Error(`host ${host.name} did not leave`)
  rmSync(host.folder, { recursive: true, force: true })
}

interface Told {
  readonly first: Asked
  readonly next: Asked
  readonly two: HostOf
  readonly how: How
}

/** Null when all is as it should be. */
async function wrong({ first, next, two, how }: Told, bodies: readonly string[]): Promise<string | null> {
  const [before, after] = [first.attempts.at(-1), next.attempts.at(-1)]
  if (first.state !== 'completed') return `the first task is ${first.state}: ${first.detail}`
  if (before?.sessionCid == null) return 'the first conversation was not uploaded'
  if (next.state !== 'completed') return `the second task is ${next.state}: ${next.detail}`
  if (after?.daemonName !== two.name) return 'the second task ran elsewhere'
  const said = bodies.filter((body) => body.includes(nextWords))
  const hears = said.some((body) => body.includes(firstWords) && body.includes(finalText))
  if (!hears) return 'the model did not get the first conversation again'
  if ((after.sessionRef === before.sessionRef) === (how === 'killed, forked'))
    return `the first conversation is ${before.sessionRef}, the second ${after.sessionRef}`
  const branch = after.evidence?.branch ?? ''
  const file = await git(two.clone, ['show', `${branch}:${writtenFile}`])
  return file === writtenText ? null : 'the second host lacks what the first one made'
}
