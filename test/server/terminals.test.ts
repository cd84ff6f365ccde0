// Terminals over the server: who may join, that nobody is slowed by another, that a daemon may come and go. The daemon is played by hand.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type FakeDaemon, makeWorld, problemOf, runOf, until, type World } from './world.ts'

let world: World
let daemon: FakeDaemon
let claim: { attemptId: string; epoch: number }
let id: string

beforeAll(async () => {
  world = await makeWorld()
  daemon = await world.daemon()
  id = (await world.client.call('createTask', { body: { prompt: 'x', harness: 'shell', interactive: true } })).id
  const { assignments } = await daemon.claim(2_000)
  const [first] = assignments
  if (first === undefined) throw new Error('nothing was claimed')
  expect(first.task.interactive).toBe(true)
  claim = first
  await daemon.beat([runOf(claim)])
})

afterAll(() => world[Symbol.asyncDispose]())

interface Live {
  kind: string
  attemptId: string
  stream: string
  seq?: number
  data?: string
  by?: string
  cols?: number
  rows?: number
}

const orders = () => daemon.pushed.flatMap((frame) => ('live' in frame ? [frame.body as Live] : [])) // the frame of the link's table
const lastOpen = () => orders().findLast(({ kind }) => kind === 'open')?.stream ?? ''
const show = (text: string, end: string | null = null) =>
  daemon.ask('terminal', {
    attemptId: claim.attemptId,
    stream: lastOpen(),
    data: Buffer.from(text).toString('base64'),
    end,
  })

interface Joined {
  readonly socket: WebSocket
  readonly closed: Promise<number>
  text: string
  readonly notes: { type: string; input?: boolean }[]
}

function join(token: string | null, task = id, headers: Record<string, string> = {}): Promise<Joined> {
  const auth = token === null ? {} : { authorization: `Bearer ${token}` }
  const address = `${world.server.url.replace('http', 'ws')}/v1/tasks/${task}/terminal`
  const socket = new WebSocket(address, { headers: { ...auth, ...headers } })
  const closed = new Promise<number>((done) => socket.once('close', done))
  const joined: Joined = { socket, closed, text: '', notes: [] }
  socket.on('message', (data, binary) => {
    if (binary) joined.text += String(data)
    else joined.notes.push(JSON.parse(String(data)))
  })
  return new Promise((done, fail) => {
    socket.once('open', () => done(joined))
    socket.once('unexpected-response', (_, response) => fail(new Error(`HTTP ${response.statusCode}`)))
    socket.once('error', fail)
  })
}

async function tokenOf(name: string, scopes: ('user' | 'daemon')[], role?: 'viewer'): Promise<string> {
  const { secret } = await world.client.call('createToken', { body: { name, scopes } })
  if (role !== undefined) await world.client.call('changeMember', { params: { id: name }, body: { role } })
  return secret
}

describe('the terminal of an interactive task', () => {
  it('is nobody’s who is not of its team, not signed in, a daemon, or a page of another origin', async () => {
    await expect(join(null)).rejects.toThrow('401')
    await expect(join('cap_wrong')).rejects.toThrow('401')
    await expect(join(world.server.daemonToken)).rejects.toThrow('403')
    await expect(join(world.server.token, id, { origin: 'https://evil.example' })).rejects.toThrow('403')
    const { id: teamId } = await world.client.call('createTeam', { body: { name: 'other' } })
    const { secret } = await world.client.call('createToken', { body: { name: 'eve', scopes: ['user'], team: teamId } })
    await expect(join(secret)).rejects.toThrow('404')
    expect(await problemOf(world.as(secret).call('finishTask', { params: { id }, body: {} }))).toMatchObject({
      code: 'not_found',
    })
    const plain = await world.client.call('createTask', { body: { prompt: 'y', harness: 'shell' } })
    await expect(join(world.server.token, plain.id)).rejects.toThrow('409')
    expect(await problemOf(world.client.call('finishTask', { params: { id: plain.id }, body: {} }))).toMatchObject({
      code: 'invalid_state',
    })
    await world.client.call('cancelTask', { params: { id: plain.id }, body: {} })
  })

  it('is shown to all who watch, newcomers begin with what there is, and only members type', async () => {
    const one = await join(world.server.token)
    await until(() => lastOpen() !== '')
    expect(await show('hello ')).toEqual({ open: true })
    const viewer = await join(await tokenOf('viewer', ['user'], 'viewer'))
    await show('world')
    await until(() => one.text === 'hello world' && viewer.text === 'hello world')
    expect(one.notes).toContainEqual(expect.objectContaining({ type: 'ready', input: true }))
    expect(viewer.notes).toContainEqual(expect.objectContaining({ type: 'ready', input: false }))
    viewer.socket.send(Buffer.from('not heard'))
    viewer.socket.send(JSON.stringify({ type: 'resize', cols: 5, rows: 5 }))
    one.socket.send(Buffer.from([0x00, 0x03, 0xff]))
    one.socket.send(JSON.stringify({ type: 'resize', cols: 100, rows: 40 }))
    await until(() => orders().some(({ kind }) => kind === 'resize'))
    const typed = orders().filter(({ kind }) => kind === 'input')
    expect(typed).toEqual([expect.objectContaining({ seq: 1, data: 'AAP/', stream: lastOpen() })])
    expect(orders().filter(({ kind }) => kind === 'resize')).toEqual([expect.objectContaining({ cols: 100, rows: 40 })])
    viewer.socket.send('{"type":')
    expect(await viewer.closed).toBe(1007)
    one.socket.close()
    await until(() => orders().some(({ kind }) => kind === 'close'))
    expect(await show('nobody looks')).toEqual({ open: false })
  })

  it('does not wait for one who does not read: that one is cut to the newest and told so', async () => {
    const slow = await join(world.server.token)
    const quick = await join(world.server.token)
    slow.socket.pause()
    await until(() => orders().at(-1)?.kind === 'open')
    const line = `${'x'.repeat(24_000)}\n`
    for (let n = 0; n < 400; n += 1) await show(line)
    await until(() => quick.text.length === 400 * line.length, 'the quick one has all')
    slow.socket.resume()
    await until(() => slow.notes.some(({ type }) => type === 'reset'), 'the slow one is told')
    await show('the newest')
    await until(() => slow.text.endsWith('the newest'))
    expect(slow.text.length).toBeLessThan(quick.text.length)
    slow.socket.close()
    quick.socket.close()
  })

  it('is opened anew when its daemon comes back, and ends with its task; a revoked token is out at once', async () => {
    await until(() => orders().at(-1)?.kind === 'close')
    const watcher = await join(world.server.token)
    await until(() => orders().at(-1)?.kind === 'open')
    await show('before')
    await until(() => watcher.text === 'before')
    const before = lastOpen()
    await daemon.register({ running: [runOf(claim)] })
    await until(() => lastOpen() !== before)
    await show('after')
    await until(() => watcher.text.endsWith('after') && watcher.notes.some(({ type }) => type === 'reset'))
    const other = await world.client.call('createToken', { body: { name: 'brief', scopes: ['user'] } })
    const brief = await join(other.secret)
    await world.client.call('revokeToken', { params: { id: other.id } })
    expect(await brief.closed).toBe(4401)
    await show('last', 'the agent ended')
    expect(await watcher.closed).toBe(1000)
    expect(watcher.notes.at(-1)).toMatchObject({ type: 'end', reason: 'the agent ended' })
  })

  it('is watched by fifty at most', async () => {
    const again = await world.client.call('createTask', { body: { prompt: 'z', harness: 'shell', interactive: true } })
    const [run] = (await daemon.claim(2_000)).assignments
    if (run === undefined) throw new Error('nothing was claimed')
    await daemon.beat([runOf(run)])
    const many = await Promise.all(Array.from({ length: 50 }, () => join(world.server.token, again.id)))
    await expect(join(world.server.token, again.id)).rejects.toThrow('503')
    for (const { socket } of many) socket.close()
    await Promise.all(many.map(({ closed }) => closed))
  })

  it('cannot be joined while its host is away', async () => {
    await daemon.close()
    await until(async () => (await world.client.call('listDaemons', {})).items.every((each) => !each.connected))
    await expect(join(world.server.token)).rejects.toThrow('503')
  })
})
