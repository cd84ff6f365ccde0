// B11: a thousand connected daemons and ten thousand idle followers do not slow a claim.

import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { plainTask, queueAt, startServerProcess } from './capstan.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import { HttpClient, requestText } from './http-client.ts'
import { LinkClient } from './link-client.ts'
import { interleaved, within } from './measure.ts'
import { starts } from './queue.ts'
import type { ServerLine } from './server-process.ts'

export const crowd: Figure = { id: 'B11', title: 'A crowd: 1,000 connected daemons, 10,000 idle followers', run }

async function run(bench: Bench): Promise<Line[]> {
  await using stack = new AsyncDisposableStack()
  const quiet = await server(bench, stack)
  const busy = await server(bench, stack)
  const links = await connected(busy, bench.count(1_000), stack)
  const followers = await followed(busy, bench.count(10_000), stack)
  const turn = (place: ServerLine) => async () => {
    await using queue = queueAt([place], { daemons: 1 })
    return await starts(queue, bench.count(200))
  }
  const found = await interleaved(bench.rounds, { quiet: turn(quiet), busy: turn(busy) })
  const values = [found.busy.p50 ?? Number.NaN, 'idle server', found.quiet.p50 ?? Number.NaN] as const
  const line = compare('POST → claim, p50, against an idle server', 'ms', values, { atMost: 1.25 })
  return [
    {
      ...line,
      note: `${links} daemons, ${followers} followers; p99 ${found.busy.p99?.toFixed(1)} and ${found.quiet.p99?.toFixed(1)} ms`,
    },
  ]
}

async function server(bench: Bench, stack: AsyncDisposableStack): Promise<ServerLine> {
  const dir = bench.dir()
  const started = await startServerProcess({ database: join(dir, 'capstan.db'), dataDir: dir })
  stack.defer(() => started.stop())
  return started.line
}

/** Daemons that wait for work of another kind than is given, as most of a large fleet do. */
async function connected(place: ServerLine, count: number, stack: AsyncDisposableStack): Promise<number> {
  let made = 0
  const one = async () => {
    made += 1
    const name = `idle-${made}`
    const link = await LinkClient.open(place.port, place.daemonToken)
    stack.defer(() => link.close())
    await link.register(name, { harnesses: [{ name: 'codex', version: '1', ready: true, problem: null }] })
    const hold = (): void => void link.claim(1, 60_000).then(hold, () => {})
    hold()
  }
  while (made < count) await Promise.all(Array.from({ length: Math.min(20, count - made) }, one))
  return made
}

async function followed(place: ServerLine, count: number, stack: AsyncDisposableStack): Promise<number> {
  const http = new HttpClient(place.port)
  stack.defer(() => http.close())
  const ids: string[] = []
  for (let n = 0; n < 100; n += 1) {
    // Not claimable by anyone here: their followers stay idle.
    const { body } = await http.send(requestText(place, 'POST', '/v1/tasks', { ...plainTask, labels: ['nobody'] }))
    ids.push((JSON.parse(body) as { id: string }).id) // the server's own answer
  }
  let made = 0
  const one = () => {
    const id = ids[made % ids.length]
    made += 1
    const socket = connect({ port: place.port, host: '127.0.0.1' })
    stack.defer(() => void socket.destroy())
    return answered(socket, requestText(place, 'GET', `/v1/tasks/${id}/stream`))
  }
  while (made < count) await Promise.all(Array.from({ length: Math.min(100, count - made) }, one))
  return made
}

function answered(socket: Socket, request: string): Promise<void> {
  socket.write(request)
  const data = new Promise<void>((resolve, reject) => {
    socket.once('data', () => resolve())
    socket.once('error', reject)
  })
  return within(20_000, 'a follower to be answered', data)
}
