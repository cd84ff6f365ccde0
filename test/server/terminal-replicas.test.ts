// A terminal watched at two servers of one database, and its host at either of them: shown, typed into and sized as if there were one server.

import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { makeClient } from '../../src/client/client.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { RunningServer } from '../../src/server/server.ts'
import { startServer } from '../../src/server/server.ts'
import type { TestPostgres } from '../fakes/postgres.ts'
import { startPostgres, withoutPostgres } from '../fakes/postgres.ts'
import { FakeDaemon, runOf, until } from './world.ts'

interface Live {
  kind: string
  stream: string
  data?: string
  by?: string
  cols?: number
  rows?: number
}

interface Note {
  readonly type: string
  readonly cols?: number
  readonly reason?: string
}

class Watcher {
  text = ''
  readonly notes: Note[] = []
  readonly socket: WebSocket
  readonly closed: Promise<number>

  constructor(socket: WebSocket) {
    this.socket = socket
    this.closed = new Promise((done) => socket.once('close', done))
    socket.on('message', (data, binary) => {
      if (binary) this.text += String(data)
      else this.notes.push(JSON.parse(String(data)))
    })
  }

  static join(server: RunningServer, id: string, token = server.token): Promise<Watcher> {
    const address = `${server.url.replace('http', 'ws')}/v1/tasks/${id}/terminal`
    const watcher = new Watcher(new WebSocket(address, { headers: { authorization: `Bearer ${token}` } }))
    return new Promise((done, fail) => {
      watcher.socket.once('open', () => done(watcher))
      watcher.socket.once('unexpected-response', (_, response) => fail(new Error(`HTTP ${response.statusCode}`)))
      watcher.socket.once('error', fail)
    })
  }

  says(note: object): void {
    this.socket.send(JSON.stringify(note))
  }
}

const ordersOf = (daemon: FakeDaemon) => daemon.pushed.flatMap((frame) => ('live' in frame ? [frame.body as Live] : [])) // the frame of the link's table

describe.skipIf(withoutPostgres)('a terminal whose host is connected to another server', () => {
  let postgres: TestPostgres
  let a: RunningServer
  let b: RunningServer
  let daemon: FakeDaemon
  let id: string
  let run: { attemptId: string; epoch: number }
  const dir = mkdtempSync(join(tmpdir(), 'capstan-terminals-'))

  const show = async (text: string, end: string | null = null, size?: { cols: number; rows: number }) => {
    const { attemptId } = run
    const stream = ordersOf(daemon).findLast(({ kind }) => kind === 'open')?.stream ?? ''
    const data = Buffer.from(text).toString('base64')
    return daemon.ask('terminal', { attemptId, stream, data, end, ...(size === undefined ? {} : { size }) })
  }

  beforeAll(async () => {
    postgres = await startPostgres()
    const database = await postgres.makeDatabase()
    const start = () =>
      startServer({
        database,
        dataDir: dir, // one folder, so that either's token is known to both
        listen: { host: '127.0.0.1', port: 0 },
        version: 'test',
        clock: systemClock,
        log: silentLog,
        settings: { relookMs: 500, tokenFlushMs: 200, closeTimeoutMs: 2_000 },
      })
    a = await start()
    b = await start()
    daemon = await FakeDaemon.open(a.url, a.daemonToken)
    await daemon.register()
    const client = makeClient({ url: a.url, token: a.token })
    id = (await client.call('createTask', { body: { prompt: 'x', harness: 'shell', interactive: true } })).id
    const [first] = (await daemon.claim(10_000)).assignments
    if (first === undefined) throw new Error('nothing was claimed')
    run = first
    await daemon.beat([runOf(run)])
  })
  afterAll(async () => {
    await daemon?.close()
    await a?.close()
    await b?.close()
    await postgres?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('is shown there, in one stream for both servers, takes what is typed there, and all are told of its size', async () => {
    const far = await Watcher.join(b, id)
    await until(() => ordersOf(daemon).some(({ kind }) => kind === 'open'), 'the host is asked')
    await show('hello ', null, { cols: 110, rows: 33 })
    const near = await Watcher.join(a, id)
    await show('wörld')
    await until(() => far.text === 'hello wörld' && near.text === 'hello wörld', 'both see it')
    expect(ordersOf(daemon).filter(({ kind }) => kind === 'open')).toHaveLength(1)
    expect(near.notes).toContainEqual({ type: 'size', cols: 110, rows: 33 })
    expect(far.notes).toContainEqual({ type: 'size', cols: 110, rows: 33 })
    far.socket.send(Buffer.from('x'.repeat(12_000)))
    far.says({ type: 'resize', cols: 90, rows: 20 })
    const typed = () =>
      ordersOf(daemon)
        .flatMap(({ kind, data = '' }) => (kind === 'input' ? [Buffer.from(data, 'base64').toString()] : []))
        .join('')
    await until(() => typed().length === 12_000, 'what was typed')
    await until(() => near.notes.some((note) => note.cols === 90), 'the others are told')
    expect(far.notes.some((note) => note.cols === 90)).toBe(false)
    expect(ordersOf(daemon).findLast(({ kind }) => kind === 'resize')).toMatchObject({ cols: 90, rows: 20 })
    const big = 'y'.repeat(100_000)
    for (let at = 0; at < big.length; at += 20_000) await show(big.slice(at, at + 20_000))
    await until(() => far.text.endsWith(big), 'many pieces, in order')
    near.socket.close()
    far.socket.close()
    await until(() => ordersOf(daemon).at(-1)?.kind === 'close', 'nobody watches any more')
    expect(await show('unseen')).toEqual({ open: false })
  })

  it('is let go for one who leaves before it is shown, and those who come at once are counted', async () => {
    const opens = () => ordersOf(daemon).filter(({ kind }) => kind === 'open').length
    const before = opens()
    const { hostname, port } = new URL(b.url)
    const left = connect(Number(port), hostname)
    left.on('error', () => {})
    left.write(
      `GET /v1/tasks/${id}/terminal HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${b.token}\r\n` +
        'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
      () => left.destroy(),
    )
    await until(() => opens() > before, 'the host is asked')
    await until(() => ordersOf(daemon).at(-1)?.kind === 'close', 'it is let go')
    const joins = await Promise.allSettled(Array.from({ length: 51 }, () => Watcher.join(b, id)))
    const [refused, ...more] = joins.filter((join) => join.status === 'rejected')
    expect(String(refused?.reason)).toContain('503')
    expect(more).toEqual([])
    for (const join of joins) if (join.status === 'fulfilled') join.value.socket.close()
    await until(() => ordersOf(daemon).at(-1)?.kind === 'close', 'nobody watches any more')
  })

  it('goes on there when its host comes to that server, and back, and ends with its task', async () => {
    const one = await Watcher.join(b, id)
    await until(() => ordersOf(daemon).at(-1)?.kind === 'open', 'the host is asked')
    await show('before')
    await until(() => one.text === 'before', 'it is shown')
    daemon.drop()
    await until(() => one.notes.some(({ reason }) => reason?.includes('is not connected') === true), 'it is told')
    daemon = await FakeDaemon.open(b.url, b.daemonToken)
    await daemon.register({ running: [runOf(run)] })
    await until(() => ordersOf(daemon).some(({ kind }) => kind === 'open'), 'the host is asked anew')
    await show('at b')
    await until(() => one.text.endsWith('at b'), 'it goes on')
    daemon.drop()
    await until(() => one.notes.filter(({ reason }) => reason?.includes('is not connected')).length === 2, 'again')
    daemon = await FakeDaemon.open(a.url, a.daemonToken)
    await daemon.register({ running: [runOf(run)] })
    await until(() => ordersOf(daemon).some(({ kind }) => kind === 'open'), 'a has it again')
    await show('at a')
    await until(() => one.text.endsWith('at a'), 'it goes on again')
    await show('last', 'the agent ended')
    expect(await one.closed).toBe(1000)
    expect(one.text.endsWith('last')).toBe(true)
    expect(one.notes.at(-1)).toEqual({ type: 'end', reason: 'the agent ended' })
  })

  it('whose host is connected to none cannot be joined', async () => {
    await daemon.close()
    const client = makeClient({ url: b.url, token: b.token })
    await until(async () => (await client.call('listDaemons', {})).items.every((each) => !each.connected))
    await expect(Watcher.join(b, id)).rejects.toThrow('503')
  })
})
