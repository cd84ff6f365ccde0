// The MCP server of a run, as an agent meets it: tools, a daemon that restarts under it, and what it refuses.

import { once } from 'node:events'
import { appendFileSync, linkSync, lstatSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Problem } from '../../../src/core/problem.ts'
import { placeOf } from '../../../src/daemon/mcp/place.ts'
import type { Stranger, WorldOptions } from './world.ts'
import { call, makePipe, until, World } from './world.ts'

let world: World

afterEach(async () => {
  await world[Symbol.asyncDispose]()
})

async function opened(options: WorldOptions = {}): Promise<World> {
  world = new World(options)
  await world.open()
  return world
}

const schema = {
  type: 'object',
  required: ['score'],
  properties: { score: { type: 'integer', minimum: 0 }, why: { type: 'string' } },
  additionalProperties: false,
}
const asked = (at: World) => at.steps.flatMap((step) => (step.ask === undefined ? [] : [step.ask]))
const toolCall = (id: number | string, name: string, args: unknown) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})

describe('submit_output', () => {
  it('takes what fits the schema, says what does not, and the last one that fits counts', async () => {
    await opened({ task: { outputSchema: schema, expect: 'output' } })
    const agent = await world.agent()
    const wrong = await call(agent, 'submit_output', { output: { score: -1, extra: true } })
    expect(wrong.isError).toBe(true)
    expect(JSON.stringify(wrong.content)).toMatch(/score: .*less than 0.*extra: the schema does not allow/)
    expect(await call(agent, 'submit_output', { output: { score: 1 } })).toMatchObject({
      structuredContent: { accepted: true, cid: expect.stringMatching(/^sha256-/) },
    })
    await call(agent, 'submit_output', { output: { score: 2 } })
    await call(agent, 'submit_output', { output: 'prose' })
    expect(await world.handedIn(schema)).toEqual({ output: { score: 2 }, ignored: null })
  })

  it('takes many at once: each is answered for itself, and one that fits counts', async () => {
    await opened({ task: { outputSchema: schema, expect: 'output' } })
    const [one, other] = [await world.agent(), await world.agent()]
    const given = Array.from({ length: 24 }, (_, at) => (at % 3 === 0 ? { score: -at - 1 } : { score: at }))
    const answers = await Promise.all(
      given.map((output, at) => call(at % 2 === 0 ? one : other, 'submit_output', { output })),
    )
    expect(answers.map(({ isError }) => isError === true)).toEqual(given.map(({ score }) => score < 0))
    const { output } = await world.handedIn(schema)
    expect(given.filter(({ score }) => score >= 0)).toContainEqual(output)
  })

  it('refuses more than a frame can carry', async () => {
    await opened()
    const result = await call(await world.agent(), 'submit_output', { output: 'x'.repeat(300_000) })
    expect(JSON.stringify(result.content)).toContain('the limit is 262144')
  })
})

describe('$CAPSTAN_OUTPUT', () => {
  it.each([
    ['that is JSON and fits counts', '{"score":3}', { output: { score: 3 }, ignored: null }],
    ['that is empty is none', '', { output: null, ignored: null }],
    ['that is no JSON does not count', 'score: 3', { ignored: expect.stringContaining('not JSON') }],
    ['that does not fit does not count', '{"score":"3"}', { ignored: expect.stringContaining('score') }],
  ])('%s', async (_, text, expected) => {
    world = new World()
    writeFileSync(placeOf(world.runDir).output, text)
    expect(await world.handedIn(schema)).toMatchObject(expected)
  })

  it('is not followed to other files, and a pipe is not waited for', async () => {
    world = new World()
    const { output } = placeOf(world.runDir)
    const secret = join(world.dir, 'secret.json')
    writeFileSync(secret, '{"score":7}')
    for (const make of [() => symlinkSync(secret, output), () => linkSync(secret, output), () => makePipe(output)]) {
      rmSync(output, { force: true })
      make()
      expect(await world.handedIn(schema)).toMatchObject({ output: null, ignored: expect.any(String) })
    }
  })
})

describe('ask_human', () => {
  it('waits for the answer across a restart of the daemon, and asks once', async () => {
    await opened()
    const agent = await world.agent()
    const answer = call(agent, 'ask_human', { question: 'Which one?\nMore words', options: ['red', 'blue'] })
    await until('the question', () => asked(world).length === 1)
    await world.leave()
    await world.open()
    await until('the question, sent again', () => asked(world).length === 2)
    const [first, second] = asked(world)
    expect(second?.key).toBe(first?.key)
    expect(first).toMatchObject({ title: 'Which one?', options: [{ label: 'red' }, { label: 'blue' }] })
    world.answer(first?.key ?? '', { label: 'blue', text: null })
    expect(await answer).toMatchObject({ content: [{ text: 'blue' }] })
  })

  it('gives an answer that came while the bridge was away', async () => {
    await opened()
    const agent = await world.agent()
    const answer = call(agent, 'ask_human', { question: 'Go on?' })
    await until('the question', () => asked(world).length === 1)
    await world.leave()
    world.answer(asked(world)[0]?.key ?? '', { label: null, text: 'yes' })
    await world.open()
    expect(await answer).toMatchObject({ structuredContent: { text: 'yes' } })
  })

  it('is taken back when the agent gives it up, and tells of an answer that never came', async () => {
    await opened()
    const agent = await world.agent()
    const giveUp = new AbortController()
    const dropped = agent.callTool({ name: 'ask_human', arguments: { question: 'a' } }, { signal: giveUp.signal })
    dropped.catch(() => {})
    await until('the question', () => asked(world).length === 1)
    giveUp.abort()
    await until('the withdrawal', () => world.steps.some((step) => step.withdraw === asked(world)[0]?.key))
    const late = call(agent, 'ask_human', { question: 'b' })
    await until('the next', () => asked(world).length === 2)
    world.answer(asked(world)[1]?.key ?? '', { label: null, text: null })
    expect(await late).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('Nobody who may answer') }],
    })
  })
})

describe('a call that is sent again', () => {
  it('is done once and answered the same', async () => {
    await opened()
    const greeting = { hello: 'bridge-1', token: world.token() }
    const report = toolCall(7, 'report_progress', { message: 'half' })
    const answers = []
    for (let i = 0; i < 2; i += 1) {
      const bridge = await world.stranger(greeting)
      bridge.say(report)
      await until('an answer', () => bridge.lines.length === 2)
      answers.push(JSON.parse(bridge.lines[1] ?? ''))
      bridge.socket.destroy()
      await world.leave()
      await world.open()
    }
    expect(answers[0]).toEqual(answers[1])
    expect(world.steps.flatMap((step) => step.events ?? [])).toEqual([{ type: 'notice', message: 'half' }])
  })

  it('creates one task, also while the server is away', async () => {
    const keys: string[] = []
    await opened({
      createTask: async ({ key }) => {
        keys.push(key)
        if (keys.length === 1) throw new Problem('not_connected', 'the link to the server is down')
        return { id: 'task_b', title: 'B', state: 'queued', hops: 1 }
      },
    })
    const agent = await world.agent()
    expect(await call(agent, 'task_create', { prompt: 'do b' })).toMatchObject({ structuredContent: { id: 'task_b' } })
    expect(new Set(keys).size).toBe(1)
    const refused = await call(agent, 'task_create', { prompt: 'x', checks: [{ name: 'c', command: 'id' }] })
    expect(JSON.stringify(refused.content)).toContain('checks')
  })
})

describe('a run', () => {
  it('offers no task_create where the host forbids it, and none of the tools it does not have', async () => {
    await opened()
    const agent = await world.agent()
    const names = (await agent.listTools()).tools.map((tool) => tool.name)
    expect(names).toEqual(['submit_output', 'ask_human', 'report_progress'])
    await expect(agent.callTool({ name: 'task_create', arguments: { prompt: 'x' } })).rejects.toThrow('task_create')
  })

  it('that is over answers what waits and what comes, and leaves no socket', async () => {
    await opened()
    const agent = await world.agent()
    const waiting = call(agent, 'ask_human', { question: 'x' })
    waiting.catch(() => {})
    await until('the question', () => asked(world).length === 1)
    await world.finish()
    await expect(waiting).rejects.toThrow('the run is over')
    await expect(call(agent, 'report_progress', { message: 'x' })).rejects.toThrow('the run is over')
  })

  it('in a folder with a long name has its socket elsewhere, for this user alone', async () => {
    await opened({ deep: 'a-long-name-of-a-folder/'.repeat(5) })
    const { socket, folder } = placeOf(world.runDir)
    expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(103)
    expect(socket.startsWith(folder)).toBe(false)
    expect(statSync(join(socket, '..')).mode & 0o777).toBe(0o700)
    expect((await (await world.agent()).listTools()).tools).toHaveLength(3)
  })

  it('lets reports through that are few and says when they are too many', async () => {
    await opened()
    const agent = await world.agent()
    const results = []
    for (let i = 0; i < 25; i += 1) results.push(await call(agent, 'report_progress', { message: `${i}` }))
    expect(results.filter((result) => result.isError === true).length).toBeGreaterThanOrEqual(3)
    expect(world.steps.length).toBeLessThanOrEqual(22)
  })
})

describe('a hostile agent', () => {
  it.each([
    ['a wrong token', { hello: 'x', token: 'guess' }],
    ['no token', { hello: 'x' }],
    ['a name that is none', { hello: '../../x', token: 'guess' }],
  ])('is told that %s is refused, and hung up on', async (_, greeting) => {
    await opened()
    const stranger = await world.stranger(greeting)
    await stranger.closed
    expect(stranger.lines.join()).toContain('refused')
  })

  it('is hung up on for a line without end, and others go on', async () => {
    await opened()
    const agent = await world.agent()
    const flood = await world.stranger({ hello: 'x', token: world.token() })
    flood.socket.write('x'.repeat(2_000_000))
    await flood.closed
    expect(await call(agent, 'report_progress', { message: 'still here' })).not.toHaveProperty('isError')
  })

  it('gets a protocol error for what is no message, no method or no tool', async () => {
    await opened()
    const odd = await world.stranger({ hello: 'x', token: world.token() })
    for (const line of ['{', '[1]', '{"id":5}', '{"jsonrpc":"2.0","id":6,"method":"rm"}']) odd.say(line)
    odd.say(toolCall(7, 'constructor', {}))
    odd.say(toolCall(8, 'submit_output', { output: 1, outptu: 2 }))
    await until('answers', () => odd.lines.length === 7)
    expect(odd.lines.join('\n')).toMatch(/-32700[\s\S]*-32600[\s\S]*-32601[\s\S]*-32602/)
    expect(odd.lines.join('\n')).toContain('outptu')
  })

  it('that floods is slowed down, loses nothing and stops nobody', async () => {
    await opened()
    const flood = await world.stranger({ hello: 'x', token: world.token() })
    for (let i = 0; i < 450; i += 1) flood.say({ jsonrpc: '2.0', id: i, method: 'ping' })
    const agent = await world.agent()
    await call(agent, 'report_progress', { message: 'between' })
    await until('all answers', () => flood.lines.length === 451)
  })

  it('cannot hold more than so many connections and so many questions', async () => {
    await opened()
    const strangers: Stranger[] = []
    for (let i = 0; i < 20; i += 1) strangers.push(await world.stranger({ hello: `b${i}`, token: world.token() }))
    await until('greetings', () => strangers.filter(({ lines }) => lines.length > 0).length === 16)
    const [first] = strangers
    for (let i = 0; i < 40; i += 1) first?.say(toolCall(i, 'ask_human', { question: `q${i}` }))
    await until('refusals', () => (first?.lines.filter((line) => line.includes('under way')).length ?? 0) === 8)
    expect(asked(world)).toHaveLength(32)
    for (const { socket } of strangers) socket.destroy()
  })

  it.each(['a link to another socket', 'a folder', 'nothing'])(
    'that puts %s in the place of the socket spoils only its own run, and not the next start',
    async (what) => {
      await opened()
      const { socket } = placeOf(world.runDir)
      const victim = join(world.dir, 'victim')
      const theirs = createServer(() => {}).listen(victim)
      await once(theirs, 'listening')
      try {
        rmSync(socket)
        if (what === 'a folder') mkdirSync(join(socket, 'inside'), { recursive: true })
        if (what === 'a link to another socket') symlinkSync(victim, socket)
        await world.leave()
        await world.open()
        expect(await call(await world.agent(), 'report_progress', { message: 'here' })).not.toHaveProperty('isError')
        expect([lstatSync(victim).isSocket(), lstatSync(socket).isSocket()]).toEqual([true, true])
      } finally {
        theirs.close()
      }
    },
  )

  it('that spoils the bridge’s own words gets an answer for what has an id', async () => {
    await opened()
    const agent = await world.agent()
    await expect(call(agent, 'report_progress', { message: 'x'.repeat(1_100_000) })).rejects.toThrow('longer than')
    appendFileSync(placeOf(world.runDir).directions, 'spoilt')
    expect(await call(agent, 'report_progress', { message: 'connected anyway' })).not.toHaveProperty('isError')
  })
})
