// Members, roles, models and the audit log from the command line.

import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { MemberView } from '../../src/protocol/access.ts'
import type { ModelView } from '../../src/protocol/models.ts'
import type { Up } from './world.ts'
import { processesOf, World } from './world.ts'

let world: World
let env: Record<string, string>
let stop: () => Promise<unknown> = async () => {}
let failed = false
afterEach((context) => {
  failed ||= context.task.result?.state === 'fail'
})

beforeAll(async () => {
  world = new World()
  const server = await world.start<Up>(['server', '--listen', '127.0.0.1:0', '--data', join(world.root, 'data')])
  stop = server.stop
  env = { CAPSTAN_URL: server.line.url, CAPSTAN_TOKEN: server.line.token }
})
afterAll(async () => {
  await stop()
  await world.end(failed)
  expect(processesOf(world.root)).toEqual([])
})

describe('a team', () => {
  it('takes members with roles, invites them, and shows who did what', async () => {
    const ann = await world.json<MemberView>(['member', 'add', 'ann', '--role', 'viewer'], { env })
    expect(ann).toMatchObject({ kind: 'user', role: 'viewer' })
    const { stdout: link } = await world.capstan(['member', 'invite', 'ann'], { env })
    const entered = await fetch(link.trim(), { redirect: 'manual' })
    expect([entered.status, entered.headers.get('set-cookie')]).toEqual([303, expect.stringContaining('HttpOnly')])

    const made = await world.json<{ secret: string }>(['token', 'add', 'laptop', '--account', 'ann'], { env })
    const asAnn = { ...env, CAPSTAN_TOKEN: made.secret }
    expect((await world.capstan(['whoami'], { env: asAnn })).stdout).toMatch(/you +user:ann\n.*\nrole +viewer/)
    const scratch = ['task', 'add', 'x', '--workspace-mode', 'scratch']
    const refused = await world.capstan(scratch, { env: asAnn })
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('createTask needs the role member; ann is viewer')
    await world.json(['member', 'set', 'ann', '--role', 'member'], { env })
    expect((await world.capstan(scratch, { env: asAnn })).code).toBe(0)

    const { stdout: members } = await world.capstan(['member', 'ls'], { env })
    expect(members).toMatch(/^ann +member +user +1 /m)
    expect(members).toMatch(/^local +owner +user /m)
    const { stdout: audit } = await world.capstan(['team', 'audit'], { env })
    expect(audit).toMatch(/user:local +changeMember +ann *\n +role=member, from 127\.0\.0\.1/)
    const { stdout: given } = await world.capstan(['team', 'audit', '--actor', 'user:ann', '--tasks'], { env })
    expect(given).toMatch(/user:ann +createTask +task_/)
    expect((await world.capstan(['team', 'audit'], { env: asAnn })).stderr).toContain('scope admin')
    await world.json(['member', 'rm', 'ann'], { env })
    expect((await world.capstan(['whoami'], { env: asAnn })).code).toBe(77)
  })

  it('keeps models of its own beside those that come with Capstan', async () => {
    const args = ['--context-window', '128000', '--thinking', 'low,high']
    const made = await world.json<ModelView>(['model', 'add', 'Acme/Coder-2', ...args], { env })
    expect(made).toMatchObject({ provider: 'acme', name: 'coder-2', capabilities: { thinkingLevels: ['low', 'high'] } })
    await world.json(['model', 'set', 'acme/coder-2', '--no-tools'], { env })
    const [listed] = await world.json<ModelView[]>(['model', 'ls', '--provider', 'acme'], { env })
    expect(listed?.capabilities).toEqual({
      supportsTools: false,
      contextWindow: 128_000,
      thinkingLevels: ['low', 'high'],
    })
    const global = await world.capstan(['model', 'rm', 'openai/gpt-5'], { env })
    expect(global.stderr).toContain('openai/gpt-5 comes with Capstan and cannot be changed')
    const warned = ['profile', 'add', 'eager', '--model', 'acme/coder-2', '--thinking', 'xhigh']
    expect((await world.capstan(warned, { env })).stderr).toContain(
      'warning: the catalog gives acme/coder-2 no thinking level xhigh, only low, high',
    )
    expect((await world.capstan(['model', 'rm', 'acme/coder-2'], { env })).stdout).toBe('acme/coder-2 is removed\n')
  })
})
