// An agent in a terminal: people join it, type, leave, come back; its end is told as it was. Real tmux.

import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Up } from './world.ts'
import { processesOf, World } from './world.ts'

const able = spawnSync('tmux', ['-V']).status === 0 && spawnSync('script', ['--version']).stdout?.includes('util-linux')
if (!able) console.warn('tmux or script of util-linux is missing: interactive runs are not tested')

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

/** One who watches and types, as a program does. */
class Watcher {
  text = ''
  readonly notes: { type: string; reason?: string }[] = []
  readonly #socket: WebSocket
  readonly closed: Promise<number>

  private constructor(socket: WebSocket) {
    this.#socket = socket
    this.closed = new Promise((done) => socket.once('close', done))
    socket.on('message', (data, binary) => {
      if (binary) this.text += String(data)
      else this.notes.push(JSON.parse(String(data)))
    })
  }

  static async join({ url, token }: Up, id: string): Promise<Watcher> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/tasks/${id}/terminal`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const watcher = new Watcher(socket)
    await new Promise((done, fail) => socket.once('open', done).once('error', fail))
    return watcher
  }

  type(text: string): void {
    this.#socket.send(Buffer.from(text))
  }

  resize(cols: number, rows: number): void {
    this.#socket.send(JSON.stringify({ type: 'resize', cols, rows }))
  }

  async sees(text: string | RegExp): Promise<void> {
    const seen = async () => (typeof text === 'string' ? this.text.includes(text) : text.test(this.text))
    await world.until(`the terminal shows ${text}`, seen).catch((error) => {
      throw new Error(`${error.message}; it shows ${JSON.stringify(this.text.slice(-500))}`)
    })
  }

  leave(): void {
    this.#socket.close()
  }
}

async function begin(args: string[] = []): Promise<string> {
  const asked = ['--interactive', '--harness', 'shell', '--repo', 'app', '--prompt', 'look around', ...args]
  const { id } = await world.json<TaskView>(['task', 'add', ...asked])
  await atWork(id)
  return id
}

async function atWork(id: string): Promise<TaskView> {
  return world.until('the agent is at work', async () => {
    const task = await world.json<TaskView>(['task', 'show', id])
    if (['failed', 'completed'].includes(task.state)) throw new Error(`${task.state}: ${task.detail}`)
    return task.state === 'running' && task
  })
}

function socketsOf(up: Up): string[] {
  const folder = join(up.dataDir, 'daemon')
  return readdirSync(folder).map((name) => join(folder, name, 'tmux'))
}

function sessions(up: Up): string[] {
  const seen = socketsOf(up).map((socket) => spawnSync('tmux', ['-S', socket, 'ls', '-F', '#{session_name}']).stdout)
  return seen.flatMap((text) => String(text).split('\n')).filter((name) => name !== '')
}

describe.skipIf(!able)('an interactive task', () => {
  it('shows its terminal to several, takes what they type, and is done when a person finishes it', async () => {
    const { line: up } = await world.up(repo, [], { DEPLOY_TOKEN: 'sesame-open-now-7' })
    const id = await begin()
    const one = await Watcher.join(up, id)
    await one.sees('look around')
    one.resize(97, 31)
    one.type('until stty size | grep "31 97"; do sleep 0.1; done; echo sum=$((40 + 2)) tmux=$(env | grep -c ^TMUX)\r')
    await one.sees('sum=42 tmux=0')
    expect(one.notes).toContainEqual({ type: 'ready', attempt: 1, input: true })
    const two = await Watcher.join(up, id)
    await two.sees('sum=42')
    two.type("sh -c 'echo slow=$((3 + 4)); exec sleep 100'\r")
    await one.sees('slow=7')
    two.type('\u0003')
    two.type('echo héllo > made.txt; git add made.txt; echo rc=$?\r')
    await one.sees('rc=0')
    expect(sessions(up).filter((name) => name.startsWith('att_'))).toHaveLength(1)
    const finished = await world.capstan(['task', 'finish', id])
    expect(finished).toMatchObject({ code: 0 })
    const task = await world.wait(id)
    expect(task).toMatchObject({ state: 'completed', interactive: true, runningTimeoutMs: 0 })
    expect(task.attempts[0]?.evidence).toMatchObject({ filesChanged: 1 })
    expect((await world.capstan(['task', 'diff', id])).stdout).toContain('+héllo')
    expect((await world.capstan(['task', 'logs', id])).stdout).toContain('finished by user:')
    await one.closed
    expect(one.notes.at(-1)).toMatchObject({ type: 'end' })
    await world.until('no session is left', async () => sessions(up).length === 0)
    expect(spawnSync('ps', ['-eo', 'args']).stdout.toString()).not.toContain('sesame')
  })

  it('goes on when nobody looks and when the daemon is killed, and ends well when its shell does', async () => {
    const first = await world.up(repo)
    const id = await begin()
    const before = await Watcher.join(first.line, id)
    await before.sees('look around')
    before.type('echo before-the-crash\r')
    await before.sees(/\nbefore-the-crash/)
    await first.stop('SIGKILL')
    const { line: up } = await world.up(repo)
    await atWork(id)
    const after = await Watcher.join(up, id)
    await after.sees(/\nbefore-the-crash/)
    after.type('echo done > done.txt; exit\r')
    const task = await world.wait(id)
    expect(task.state).toBe('completed')
    expect(task.attempts).toHaveLength(1)
    expect(task.attempts[0]?.evidence).toMatchObject({ filesChanged: 1 })
  })

  it('says so when its shell leaves with an error, and when tmux is ended from outside', async () => {
    const { line: up } = await world.up(repo)
    const [id, other] = await Promise.all([begin(), begin()])
    const watcher = await Watcher.join(up, id)
    await watcher.sees('look around')
    watcher.type('exit 3\r')
    const left = await world.wait(id)
    expect(left).toMatchObject({ state: 'failed', reason: 'agent_failed' })
    expect(left.detail).toContain('exit code 3')
    expect(left.attempts[0]?.exitCode).toBe(3)
    await atWork(other)
    for (const socket of socketsOf(up)) spawnSync('tmux', ['-S', socket, 'kill-server'])
    const lost = await world.wait(other)
    expect(lost).toMatchObject({ state: 'failed', reason: 'agent_failed' })
    expect(lost.detail).toContain('its terminal is gone')
  })

  it('is joined from a person’s own terminal, which Ctrl-] gives back', async () => {
    await world.up(repo)
    const id = await begin()
    const main = resolve(import.meta.dirname, 'capstan.ts')
    const command = `stty rows 30 cols 90; ${process.execPath} ${main} task attach ${id}; echo code=$?; stty -a`
    const person = spawn('script', ['-q', '-c', command, '/dev/null'], { env: world.env(), cwd: repo })
    let seen = ''
    person.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    const sees = (text: string) =>
      world
        .until(`attach shows ${text}`, async () => seen.includes(text), 10_000)
        .catch((error) => {
          throw new Error(`${error.message.split('\n')[0]}; it shows ${JSON.stringify(seen.slice(-900))}`)
        })
    await sees('look around')
    person.stdin.write('until stty size | grep "30 90"; do sleep 0.1; done; echo fits=$((1 + 1))\r')
    await sees('fits=2')
    person.stdin.write('\x1d')
    await sees('code=0')
    await sees('isig icanon')
    expect(seen).toContain('the task goes on')
    person.stdin.end()
    expect((await atWork(id)).state).toBe('running')
    await world.capstan(['task', 'cancel', id])
    expect((await world.wait(id)).state).toBe('cancelled')
  })

  it('keeps its terminal on the host when the host’s policy does not let events out', async () => {
    world.write(join(world.home, '.capstan/policy.toml'), '[upload]\nevents = "headers"\n')
    const { line: up } = await world.up(repo)
    const id = await begin()
    const watcher = await Watcher.join(up, id)
    await watcher.closed
    expect(watcher.text).toBe('')
    expect(watcher.notes.at(-1)?.reason).toContain('upload.events = headers')
    await world.capstan(['task', 'finish', id])
    expect((await world.wait(id)).state).toBe('completed')
  })
})
