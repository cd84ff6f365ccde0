// An editor or agent gives work over MCP, with the protocol's own client: over stdio and over HTTP, in both eras of the protocol.

import { join, resolve } from 'node:path'
import type { CallToolResult, Transport } from '@modelcontextprotocol/client'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { exec } from '../../src/lib/exec.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Up } from './world.ts'
import { World } from './world.ts'

let world: World
let up: Up

beforeAll(async () => {
  world = new World()
  up = (await world.up(await world.repo('app'))).line
})

let failed = false
afterEach((context) => {
  failed ||= context.task.result?.state === 'fail'
})

afterAll(async () => {
  await world.end(failed)
})

const stdio = () =>
  new StdioClientTransport({
    command: process.execPath,
    args: [resolve(import.meta.dirname, 'capstan.ts'), 'mcp'],
    env: world.env(),
    cwd: world.root,
  })
const http = () =>
  new StreamableHTTPClientTransport(new URL('/mcp', up.url), {
    requestInit: { headers: { authorization: `Bearer ${up.token}` } },
  })

async function connected(transport: Transport, mode: 'legacy' | 'auto'): Promise<Client> {
  const client = new Client({ name: 'editor', version: '1' }, { versionNegotiation: { mode } })
  await client.connect(transport)
  return client
}

/** What the tool answered; throws what it refused. */
async function call<T>(client: Client, name: string, args: Record<string, unknown>): Promise<T> {
  const result = (await client.callTool({ name, arguments: args })) as CallToolResult
  if (result.isError === true) throw new Error(JSON.stringify(result.structuredContent))
  return result.structuredContent as T // the operation's output
}

describe('tools of the operations', () => {
  it.each([
    ['stdio', stdio, 'legacy'],
    ['stdio', stdio, 'auto'],
    ['HTTP', http, 'legacy'],
    ['HTTP', http, 'auto'],
  ] as const)('give work, wait for it, show its diff and accept it over %s (%#)', async (_, transport, mode) => {
    const client = await connected(transport(), mode)
    const { tools } = await client.listTools()
    expect(tools.map((tool) => tool.name)).toEqual(
      expect.arrayContaining(['create_task', 'task_wait', 'get_task_diff', 'accept_task', 'list_daemons']),
    )
    expect(tools.find((tool) => tool.name === 'cancel_task')?.annotations).toMatchObject({ destructiveHint: true })
    const prompt = `echo "from ${mode}" >> README.md; echo said`
    const task = await call<TaskView>(client, 'create_task', {
      prompt,
      repo: 'app',
      harness: 'shell',
      expect: 'changes',
      review: 'required',
    })
    const told: string[] = []
    const waited = (await client.callTool(
      { name: 'task_wait', arguments: { id: task.id, timeoutMs: 30_000 } },
      { onprogress: ({ message }) => told.push(message ?? '') },
    )) as CallToolResult
    expect(waited.structuredContent).toMatchObject({ over: true, state: 'completed' })
    expect(told).toContain('said')
    const { cursor } = waited.structuredContent as { cursor: string } // as the tool says
    const again = { id: task.id, cursor, timeoutMs: 0 }
    expect(await call(client, 'task_wait', again)).toMatchObject({ over: true, events: [] })
    const diff = (await client.callTool({ name: 'get_task_diff', arguments: { id: task.id } })) as CallToolResult
    expect(JSON.stringify(diff.content)).toContain(`+from ${mode}`)
    expect(await call(client, 'accept_task', { id: task.id })).toMatchObject({ verdict: 'accepted' })
    await client.close()
  })

  it('answers what was asked before standard input ended', async () => {
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'pipe', version: '1' } }
    const lines = [
      { id: 1, method: 'initialize', params },
      { method: 'notifications/initialized' },
      { id: 2, method: 'tools/call', params: { name: 'list_daemons', arguments: {} } },
    ].map((each) => `${JSON.stringify({ jsonrpc: '2.0', ...each })}\n`)
    const { code, stdout } = await exec(process.execPath, [resolve(import.meta.dirname, 'capstan.ts'), 'mcp'], {
      cwd: world.root,
      env: world.env(),
      timeoutMs: 30_000,
      input: lines.join(''),
    })
    const answers = stdout.toString('utf8').trim().split('\n')
    expect(answers.map((line) => (JSON.parse(line) as { id: number }).id)).toEqual([1, 2])
    expect(answers[1]).toContain('dmn_')
    expect(code).toBe(0)
  })

  it('says over stdio what to do when no server is known', async () => {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [resolve(import.meta.dirname, 'capstan.ts'), 'mcp'],
      env: world.env({ CAPSTAN_HOME: join(world.root, 'nowhere') }),
    })
    const client = await connected(transport, 'legacy')
    expect((await client.listTools()).tools.length).toBeGreaterThan(10)
    const result = await client.callTool({ name: 'list_tasks', arguments: {} })
    expect(result).toMatchObject({ isError: true, structuredContent: { code: 'not_connected' } })
    await client.close()
  })
})
