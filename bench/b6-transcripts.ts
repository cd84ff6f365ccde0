// B6: transcripts: how fast they are taken in, what a live reader costs, and how they fan out.

import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Bench } from './bench.ts'
import { startServerProcess } from './capstan.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import type { FanoutLine } from './floor/fanout.ts'
import { HttpClient, requestText } from './http-client.ts'
import { LinkClient, type Owned } from './link-client.ts'
import { interleaved, millis, pause, type Sample, within } from './measure.ts'
import { startProcess } from './processes.ts'
import type { ServerLine } from './server-process.ts'

const batch = 50
const streams = 8
const last = 'the-last-of-all'

export const transcripts: Figure = { id: 'B6', title: 'Transcripts: taken in durably, read live, fanned out', run }

async function run(bench: Bench): Promise<Line[]> {
  await using stack = new AsyncDisposableStack()
  const dir = bench.dir()
  const server = await startServerProcess({ database: join(dir, 'capstan.db'), dataDir: dir })
  stack.defer(() => server.stop())
  const link = await LinkClient.open(server.line.port, server.line.daemonToken)
  stack.defer(() => link.close())
  await link.register('writer')
  const http = new HttpClient(server.line.port)
  stack.defer(() => http.close())
  const owned = () => own(server.line, http, link)
  const taken = await ingests(bench, server.line, { link, owned })
  const lines = [...taken]
  for (const readers of [100, 1_000]) lines.push(await fanout(bench, server.line, { link, owned, readers }))
  return lines
}

interface Writer {
  readonly link: LinkClient
  /** A new attempt of this daemon, and its task. */
  readonly owned: () => Promise<Owned & { readonly taskId: string }>
}

async function ingests(bench: Bench, place: ServerLine, { link, owned }: Writer): Promise<Line[]> {
  const chunks = bench.count(400)
  const ingest = async (readers: number): Promise<Sample> => {
    const attempts = await Promise.all(Array.from({ length: streams }, owned))
    const followers = await Promise.all(attempts.slice(0, readers).map(({ taskId }) => follow(place, taskId)))
    const ms = await millis(() => Promise.all(attempts.map((attempt) => write(link, attempt, chunks))))
    for (const { socket } of followers) socket.destroy()
    return { rate: (streams * chunks * batch * 1_000) / ms }
  }
  const found = await interleaved(bench.rounds, {
    alone: () => ingest(0),
    followed: () => ingest(1),
    raw: async () => rawAppend(join(bench.dir(), 'raw.db'), chunks),
  })
  const rate = (name: keyof typeof found) => found[name].rate ?? Number.NaN
  return [
    compare(
      'transcript ingest, against raw chunk append',
      'events/s',
      [rate('alone'), 'SQLite, a chunk row per batch', rate('raw')],
      { atLeast: 0.7 },
    ),
    compare(
      'transcript ingest with one live reader, against none',
      'events/s',
      [rate('followed'), 'without a reader', rate('alone')],
      { atLeast: 0.95 },
    ),
  ]
}

/** Batches of 50 in order, four under way. */
async function write(link: LinkClient, { attemptId, epoch }: Owned, chunks: number): Promise<void> {
  const under = new Set<Promise<unknown>>()
  for (let n = 0; n < chunks; n += 1) {
    const events = eventsText(n * batch + 1, n === chunks - 1)
    const sent: Promise<unknown> = link
      .askText('events', `{"attemptId":"${attemptId}","epoch":${epoch},"events":${events}}`)
      .then(() => under.delete(sent))
    under.add(sent)
    if (under.size >= 4) await Promise.race(under)
  }
  await Promise.all(under)
}

function eventsText(from: number, ends: boolean): string {
  const events = Array.from({ length: batch }, (_, i) => {
    const text = ends && i === batch - 1 ? last : 'x'.repeat(200)
    return `{"seq":${from + i},"at":1790000000000,"type":"text","text":"${text}"}`
  })
  return `[${events.join()}]`
}

/** The least: a row per batch of 50, as many rows per synced commit as there are streams. */
function rawAppend(path: string, chunks: number): Sample {
  const db = new DatabaseSync(path)
  db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;
    create table chunks (attempt text not null, seq integer not null, data text not null, primary key (attempt, seq))`)
  const insert = db.prepare('insert into chunks values (?, ?, ?)')
  const begun = performance.now()
  for (let n = 0; n < chunks; n += 1) {
    db.exec('BEGIN')
    for (let s = 0; s < streams; s += 1) insert.run(`att_${s}`, n, eventsText(n * batch + 1, false))
    db.exec('COMMIT')
  }
  const ms = performance.now() - begun
  db.close()
  return { rate: (streams * chunks * batch * 1_000) / ms }
}

async function fanout(bench: Bench, place: ServerLine, given: Writer & { readonly readers: number }): Promise<Line> {
  const { link, owned } = given
  const readers = Math.min(given.readers, bench.count(given.readers * 10))
  const chunks = bench.count(readers > 100 ? 20 : 100)
  const raw = await startProcess<FanoutLine>('floor/fanout.ts', { events: chunks * batch, last })
  const ours = async (): Promise<Sample> => {
    const attempt = await owned()
    const all = await gather(readers, () => follow(place, attempt.taskId))
    await pause(300)
    const ms = await millis(() => Promise.all([write(link, attempt, chunks), ...all.map((each) => each.over)]))
    for (const { socket } of all) socket.destroy()
    return { rate: (chunks * batch * readers * 1_000) / ms }
  }
  const theirs = async (): Promise<Sample> => {
    const all = await gather(readers, () => upgrade(raw.line.port))
    await pause(300)
    const ms = await millis(() =>
      Promise.all([fetch(`http://127.0.0.1:${raw.line.port}/go`), ...all.map((each) => each.over)]),
    )
    for (const { socket } of all) socket.destroy()
    return { rate: (chunks * batch * readers * 1_000) / ms }
  }
  try {
    const found = await interleaved(bench.rounds, { ours, theirs })
    const values = [found.ours.rate ?? Number.NaN, 'ws.send per event', found.theirs.rate ?? Number.NaN] as const
    const line = compare(`fan-out to ${given.readers} readers, against ws.send per event`, 'deliveries/s', values, {
      atLeast: 8,
    })
    return { ...line, note: 'ours stores every event durably on the way; the other keeps none' }
  } finally {
    await raw.stop()
  }
}

async function own(place: ServerLine, http: HttpClient, link: LinkClient): Promise<Owned & { taskId: string }> {
  const body = { prompt: 'echo hello', harness: 'shell' }
  await http.send(requestText(place, 'POST', '/v1/tasks', body))
  const [first] = await owning(link)
  if (first === undefined) throw new Error('the task was not claimed')
  return { attemptId: first.attemptId, epoch: first.epoch, taskId: first.task.id }
}

let claiming: Promise<unknown> = Promise.resolve()

/** One claim at a time: a newer one of the same daemon ends the older. */
function owning(link: LinkClient) {
  const claimed = claiming.then(() => link.claim(1, 5_000))
  claiming = claimed.catch(() => {})
  return claimed
}

interface Reader {
  readonly socket: Socket
  /** The last event has come. */
  readonly over: Promise<void>
}

/** Some at a time: a listening socket's queue is not endless. */
async function gather(count: number, open: () => Promise<Reader>): Promise<Reader[]> {
  const all: Reader[] = []
  while (all.length < count)
    all.push(...(await Promise.all(Array.from({ length: Math.min(50, count - all.length) }, open))))
  return all
}

function follow(place: ServerLine, taskId: string): Promise<Reader> {
  return open(place.port, requestText(place, 'GET', `/v1/tasks/${taskId}/stream`))
}

function upgrade(port: number): Promise<Reader> {
  const head = 'GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n'
  return open(port, `${head}sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)
}

/** A reader that only looks for the last event: what it does with the others is not measured here. */
function open(port: number, request: string): Promise<Reader> {
  const socket = connect({ port, host: '127.0.0.1' })
  const over = Promise.withResolvers<void>()
  over.promise.catch(() => {}) // nobody waits for a reader that was never asked to end
  let tail: Buffer = Buffer.alloc(0)
  const opened = new Promise<Reader>((resolve, reject) => {
    socket.once('data', () => resolve({ socket, over: over.promise }))
    socket.once('error', reject)
  })
  socket.on('data', (chunk: Buffer) => {
    if (chunk.includes(last) || Buffer.concat([tail, chunk.subarray(0, last.length)]).includes(last)) over.resolve()
    tail = chunk.subarray(-last.length)
  })
  socket.on('close', () => over.reject(new Error('a reader was cut off')))
  socket.write(request)
  return within(20_000, 'a reader to be answered', opened)
}
