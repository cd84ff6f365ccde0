// Profiles, the catalog of models, and what a task brings for its agent: what is taken, and what is refused in which words.

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cidOf } from '../../src/lib/cid.ts'
import type { BodyIn } from '../../src/protocol/operations.ts'
import type { World } from './world.ts'
import { endOf, makeWorld, problemOf, runOf } from './world.ts'

let world: World
beforeAll(async () => {
  world = await makeWorld()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const make = (body: BodyIn<'createProfile'>) => world.client.call('createProfile', { body })
const refusal = async (body: object) => {
  // bodies that the types forbid on purpose
  const { code, detail } = await problemOf(make({ name: 'bad', ...body } as BodyIn<'createProfile'>))
  return `${code}: ${detail}`
}

describe('a profile', () => {
  test('keeps all its settings, and each change is a new version with another content id', async () => {
    const settings = {
      provider: 'openai',
      model: 'gpt-5',
      thinkingLevel: 'high',
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      maxOutputTokens: 4_000,
      sessionTtlMs: 3_600_000,
      workspaceTtlMs: 3_600_000,
      context: [{ slug: 'style', binding: 'context_inline', text: 'Write short sentences.' }],
    } as const
    const body = { ...settings, context: [...settings.context] }
    const made = await make({ name: 'full', ...body })
    expect(made).toMatchObject({ version: 1, settings: body })
    expect(made.warnings).toBeUndefined()
    const next = await world.client.call('replaceProfile', {
      params: { id: 'full' },
      body: { name: 'full', ...body, temperature: 1 },
    })
    expect(next).toMatchObject({ id: made.id, version: 2 })
    expect(next.cid).not.toBe(made.cid)
  })

  test('that asks for a disk limit and requires its limits is warned of: no host can hold that', async () => {
    const sandbox = (required: boolean) => ({ runtime: 'os', resources: { disk: '2GiB', required } }) as const
    expect((await make({ name: 'strict', sandbox: sandbox(true) })).warnings).toEqual([
      expect.stringContaining('resources.disk'),
    ])
    expect((await make({ name: 'lax', sandbox: sandbox(false) })).warnings).toBeUndefined()
  })

  test('that contradicts itself is refused, naming both sides', async () => {
    expect(await refusal({ provider: 'anthropic', model: 'openai/gpt-5' })).toBe(
      'contradiction: model openai/gpt-5 is not one of provider anthropic',
    )
    expect(await refusal({ autonomy: 'full', autoApprove: [{ executable: 'git' }] })).toBe(
      'contradiction: autoApprove does not go with autonomy full: nothing is asked then',
    )
    expect(await refusal({ passEnv: ['CAPSTAN_TOKEN'] })).toMatch(/^contradiction: the variable CAPSTAN_TOKEN never/)
    expect(await refusal({ heartbeatIntervalMs: 60_000 })).toBe(
      'contradiction: heartbeatIntervalMs 1m does not go with a lease of 1m30s: at least three heartbeats belong into a lease',
    )
    expect(await refusal({ harness: 'shell', thinkingLevel: 'high' })).toMatch(/^contradiction: thinkingLevel does not/)
  })

  test.each([
    [
      { thinkingLevel: 'enormous' },
      /thinkingLevel: must be one of off, minimal, low, medium, high, xhigh, not "enormous"/,
    ],
    [{ temperature: 2.1 }, /temperature: must be at most 2, not 2.1/],
    [{ topP: -1 }, /topP: must be at least 0, not -1/],
    [{ sessionTtlMs: '2h' }, /sessionTtlMs: must be a number, not "2h"/],
    [{ sessionTtlMs: 10 }, /sessionTtlMs: must be at least 60000, not 10ms/],
    [{ leaseTtlMs: 5_000 }, /leaseTtlMs: must be a lease of 15s to 10m, not 5s/],
    [{ heartbeatIntervalMs: 600_000 }, /heartbeatIntervalMs: must be a heartbeat each 1s to 60s, not 10m/],
    [{ maxBatchSize: 51 }, /maxBatchSize: must be of 1 to 50 events, not 51/],
    [
      { context: [{ slug: 'a', binding: 'telepathy', text: 'x' }] },
      /context\.0\.binding: must be one of skill, context_inline, prompt_prefix, user_inline, not "telepathy"/,
    ],
    [
      { sandbox: { runtime: 'os', network: { allowedHosts: ['https://x.example'] } } },
      /allowedHosts\.0: "https:\/\/x\.example" has a scheme: write the host alone/,
    ],
    [
      { sandbox: { runtime: 'os', network: { allowedHosts: ['*.com'] } } },
      /allowedHosts\.0: "\*\.com" allows a whole top-level domain: name the hosts/,
    ],
    [
      { sandbox: { runtime: 'none', cacheKey: ['a'] } },
      /cacheKey is of setupCommands, and there are none: add them, or drop it/,
    ],
    [{ sandbox: { runtime: 'none', setupCommands: [' '] } }, /setupCommands\.0: an empty command runs nothing/],
    [{ sandbox: { runtime: 'none', setupCommands: ['x'], cacheKey: ['/x'] } }, /cacheKey\.0: a path or glob below/],
    [{ sandbox: { runtime: 'none', caches: ['~/.npm'] } }, /runtime none has no caches: choose runtime os/],
    [
      { sandbox: { runtime: 'none', resumeCommands: [{ run: 'x', when: { workspaceMode: 'moon' } }] } },
      /when\.workspaceMode: must be one of worktree, shared, scratch, not "moon"/,
    ],
    [{ sandbox: { runtime: 'none', resumeCommands: [{ run: 'x', retries: 99 }] } }, /retries: must be at most 10/],
    [{ context: [{ slug: 'Not A Slug', text: 'x' }] }, /context\.0\.slug: lower-case letters/],
    [{ context: [{ slug: 'x'.repeat(65), text: 'x' }] }, /context\.0\.slug: a slug has at most 64/],
    [
      { context: [{ slug: 'a', text: 'ü'.repeat(33_280) }] },
      /context\.0\.text: has 66560 bytes; the limit is 65536 bytes/,
    ],
    [
      {
        context: [
          { slug: 'a', text: 'x' },
          { slug: 'a', text: 'y' },
        ],
      },
      /the slug "a" is there twice: rename one/,
    ],
    [{ context: [{ slug: 'a', text: 'x', description: 'when?' }] }, /only a skill has a description/],
  ])('with %j is refused by the field’s name', async (settings, words) => {
    expect(await refusal(settings)).toMatch(words)
  })

  test('that asks of a model what the catalog says it lacks is made, with a warning', async () => {
    const made = await make({ name: 'eager', model: 'gpt-5-codex', thinkingLevel: 'minimal' })
    expect(made.warnings).toEqual([
      'the catalog gives openai/gpt-5-codex no thinking level minimal, only low, medium, high',
    ])
  })
})

test('a profile that the host chose brings its time limit, unless the task has its own', async () => {
  await make({ name: 'hasty', harness: 'shell', runningTimeoutMs: 60_000 })
  const key = 'key-of-a-host-with-a-hasty-profile'
  const daemon = await world.daemon({ key, offer: { name: 'hasty', profiles: ['hasty'], labels: ['hasty'] } })
  const limitOf = async (more: object) => {
    await world.client.call('createTask', { body: { prompt: 'x', labels: ['hasty'], ...more } })
    return (await daemon.claim(5_000)).assignments[0]?.task.runningTimeoutMs
  }
  expect([await limitOf({}), await limitOf({ profiles: ['hasty'] })]).toEqual([60_000, 60_000])
  expect(await limitOf({ runningTimeoutMs: 5_000 })).toBe(5_000)
})

test('a conversation may be gone on with for as long as its profile says', async () => {
  const { client } = world
  await make({ name: 'brief', harness: 'codex', sessionTtlMs: 60_000 })
  const talker = { name: 'codex', version: '1', ready: true, problem: null }
  const daemon = await world.daemon({ offer: { harnesses: [talker], profiles: ['brief'] } })
  const task = await client.call('createTask', { body: { prompt: 'begin', repo: 'acme/app' } })
  const [run] = (await daemon.claim(5_000)).assignments
  if (run === undefined) throw new Error('nothing was claimed')
  await daemon.beat([{ ...runOf(run), harness: 'codex' }])
  await daemon.ask('result', { ...endOf(run), sessionRef: 'conv-1' })
  const session = await client.call('getSession', { params: { id: task.id } })
  expect(session.resumableUntil).toBe(session.updatedAt + 60_000)
  const database = new DatabaseSync(join(world.dir, 'capstan.db'))
  database.exec('update sessions set updated_at = updated_at - 61000')
  database.close()
  const body = { prompt: 'go on', continueFrom: { task: task.id, mode: 'extend' as const } }
  const late = await problemOf(client.call('createTask', { body }))
  expect(late).toMatchObject({ code: 'invalid_state' })
  expect(late.detail).toMatch(/could be gone on with until 2\d{3}-.*Z; begin a new task/)
})

describe('the catalog of models', () => {
  test('has what comes with Capstan, which nobody changes, and the team’s own', async () => {
    const { client } = world
    const { items } = await client.call('listModels', { query: { provider: 'Anthropic' } })
    expect(items.length).toBeGreaterThan(0)
    for (const model of items) expect(model).toMatchObject({ provider: 'anthropic', global: true })
    const id = items[0]?.id ?? ''
    expect((await problemOf(client.call('updateModel', { params: { id }, body: {} }))).status).toBe(403)
    expect((await problemOf(client.call('removeModel', { params: { id } }))).status).toBe(403)

    const body = { provider: 'Acme', name: 'Coder-2', capabilities: { supportsTools: true, contextWindow: 128_000 } }
    const made = await client.call('createModel', { body })
    expect(made).toMatchObject({ provider: 'acme', name: 'coder-2', displayName: 'coder-2', global: false })
    expect((await problemOf(client.call('createModel', { body }))).status).toBe(409)
    const taken = client.call('createModel', { body: { provider: 'openai', name: 'GPT-5' } })
    expect((await problemOf(taken)).status).toBe(409)

    const params = { id: made.id }
    const change = { displayName: 'Coder Two', capabilities: { supportsTools: false } }
    expect(await client.call('updateModel', { params, body: change })).toMatchObject({
      name: 'coder-2',
      displayName: 'Coder Two',
      capabilities: { supportsTools: false, contextWindow: 128_000 },
    })
    expect((await make({ name: 'toolless', model: 'acme/coder-2' })).warnings?.[0]).toContain('has no tools')
    await client.call('removeModel', { params })
    expect((await problemOf(client.call('removeModel', { params }))).status).toBe(404)
  })
})

describe('a task', () => {
  const add = (body: object) =>
    world.client.call('createTask', { body: { prompt: 'x', ...body } as BodyIn<'createTask'> }) // some are wrong on purpose

  test('brings texts and files; lists show their sizes alone', async () => {
    const { cid, bytes } = await world.client.upload(Buffer.from('a picture'))
    expect({ cid, bytes }).toEqual({ cid: cidOf('a picture'), bytes: 9 })
    const task = await add({
      context: [{ slug: 'notes', text: 'words for the agent' }],
      attachments: [{ name: 'a picture.png', cid }],
    })
    expect(task.context).toEqual([{ slug: 'notes', binding: 'user_inline', bytes: 19 }])
    expect(task.attachments).toEqual([{ name: 'a picture.png', cid, bytes: 9 }])
    expect(JSON.stringify(await world.client.call('listTasks', {}))).not.toContain('words for the agent')
  })

  test('with a file that nobody uploaded, or with a name that leads elsewhere, is refused', async () => {
    const cid = cidOf('never seen')
    expect((await problemOf(add({ attachments: [{ name: 'x', cid }] }))).detail).toContain('was not uploaded')
    const known = (await world.client.upload(Buffer.from('y'))).cid
    for (const name of ['../x', '/etc/passwd', '.hidden', 'a/b', '-rf', 'x\n', 'x.'])
      expect((await problemOf(add({ attachments: [{ name, cid: known }] }))).code, name).toBe('invalid_request')
    const twice = ['x', 'X'].map((name) => ({ name, cid: known }))
    expect((await problemOf(add({ attachments: twice }))).detail).toContain('there twice')
  })

  test('takes no file of another team', async () => {
    const { client } = world
    const { cid } = await client.upload(Buffer.from('of the first team'))
    await client.call('createTeam', { body: { name: 'others' } })
    const { secret } = await client.call('createToken', {
      body: { name: 'other', scopes: ['user', 'admin'], team: 'others' },
    })
    const body = { prompt: 'x', attachments: [{ name: 'x', cid }] }
    expect((await problemOf(world.as(secret).call('createTask', { body }))).detail).toContain('was not uploaded')
  })

  test('of a file of 11 MiB, the upload is refused with both numbers', async () => {
    const refused = await problemOf(world.client.upload(new Uint8Array(11 * 1_048_576)))
    expect(refused).toMatchObject({ status: 413, detail: 'the upload has 11534336 bytes; the limit is 10485760 bytes' })
  })

  test('and its only profile must not have texts of one slug', async () => {
    await make({ name: 'worded', context: [{ slug: 'style', text: 'short' }] })
    const both = add({ profiles: ['worded'], context: [{ slug: 'style', text: 'long' }] })
    expect((await problemOf(both)).detail).toBe('context style is there twice: in the task and in profile worded')
  })
})
