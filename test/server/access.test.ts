// Who may do what: generated from the operations table, so that a new operation is covered the day it is written.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '../../src/core/role.ts'
import { reaches, roles } from '../../src/core/role.ts'
import { cidOf } from '../../src/lib/cid.ts'
import type { Scope } from '../../src/protocol/access.ts'
import { roleNeeded } from '../../src/protocol/operation.ts'
import type { Operation } from '../../src/protocol/operations.ts'
import { operations } from '../../src/protocol/operations.ts'
import type { World } from './world.ts'
import { endOf, makeWorld, problemOf, runOf, until } from './world.ts'

const all = Object.entries(operations) as [string, Operation][]
let world: World
/** What team A has, by the noun of the operation's path. */
const own: Record<string, string> = {}
const tokens: Record<'home' | 'foreign', Record<Scope, string>> = {
  home: { daemon: '', user: '', admin: '' },
  foreign: { daemon: '', user: '', admin: '' },
}

/** A token with every scope, of an account in each role. */
const byRole: Record<'home' | 'foreign', Record<Role, string>> = {
  home: { viewer: '', member: '', manager: '', owner: '' },
  foreign: { viewer: '', member: '', manager: '', owner: '' },
}

beforeAll(async () => {
  world = await makeWorld()
  const { client } = world
  await client.call('createTeam', { body: { name: 'rivals' } })
  for (const scope of ['daemon', 'user', 'admin'] as const) {
    const home = await client.call('createToken', { body: { name: `home-${scope}`, scopes: [scope] } })
    const there = await client.call('createToken', { body: { name: `far-${scope}`, scopes: [scope], team: 'rivals' } })
    tokens.home[scope] = home.secret
    tokens.foreign[scope] = there.secret
  }
  for (const [team, owner] of [
    ['home', world.server.token],
    ['foreign', tokens.foreign.admin],
  ] as const) {
    for (const role of roles) {
      const body = { name: `${team}-${role}`, scopes: ['daemon' as const, 'user' as const, 'admin' as const] }
      byRole[team][role] = (await world.as(owner).call('createToken', { body })).secret
      await world.as(owner).call('changeMember', { params: { id: body.name }, body: { role } })
    }
  }
  const daemon = await world.daemon()
  own.daemons = (await client.call('listDaemons', {})).items[0]?.id ?? ''
  own.pools = (await client.call('createPool', { body: { name: 'secret-pool' } })).id
  own.profiles = (await client.call('createProfile', { body: { name: 'secret-profile' } })).id
  own.requests = await openedRequest(daemon)
  own.tasks = (
    await client.call('createTask', { body: { prompt: 'secret-prompt', repo: 'acme/app', role: 'none' } })
  ).id
  own.members = (await client.call('listMembers', {})).items[0]?.id ?? ''
  own.models = (await client.call('createModel', { body: { provider: 'acme', name: 'secret-model' } })).id
  own.tokens = (await client.call('listTokens', {})).items[0]?.id ?? ''
  own.sessions = (await client.call('listSessions', {})).items[0]?.id ?? ''
  own.cid = cidOf('secret bytes')
  await world.as(tokens.home.daemon).putBlob(own.cid, Buffer.from('secret bytes'))
  expect(daemon.socket.readyState).toBe(1)
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

/** A conversation that may be gone on with. */
async function talk(daemon: Awaited<ReturnType<World['daemon']>>): Promise<void> {
  await world.client.call('createTask', {
    body: { prompt: 'secret-talk', repo: 'acme/app', correlationId: 'secret-thread' },
  })
  const [run] = (await daemon.claim()).assignments
  if (run === undefined) throw new Error('nothing to claim')
  await daemon.beat([{ ...runOf(run), harness: 'codex' }])
  await daemon.ask('result', { ...endOf(run), sessionRef: 'conversation-1' })
}

/** A request of a task at work, with words that nobody else may read. */
async function openedRequest(daemon: Awaited<ReturnType<World['daemon']>>): Promise<string> {
  await talk(daemon)
  await world.client.call('createTask', { body: { prompt: 'secret-work', repo: 'acme/app' } })
  const [claim] = (await daemon.claim()).assignments
  if (claim === undefined) throw new Error('nothing to claim')
  await daemon.beat([runOf(claim)])
  const { attemptId, epoch } = claim
  const asked = { kind: 'question' as const, title: 'secret-question', body: {}, options: [], openForMs: 60_000 }
  await daemon.ask('request', { attemptId, epoch, requestId: 'req_of_home', ...asked })
  own.attempts = attemptId
  return 'req_of_home'
}

function pathOf({ path }: Operation): string {
  const id = own[nounOf(path)]
  return path.replace(':id', id ?? 'x').replace(':cid', own.cid ?? 'x')
}

const nounOf = (path: string) => path.split('/')[2] ?? ''

async function knock(operation: Operation, token: string | null): Promise<{ status: number; text: string }> {
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
  const init: RequestInit = { method: operation.method, headers }
  if (operation.body !== undefined) {
    headers['content-type'] = 'application/json'
    init.body = JSON.stringify({ name: `n-${Math.random()}`, on: false, prompt: 'x', scopes: ['user'], role: 'viewer' })
  }
  // Whoever has the bytes may bring them; the id alone must not open them.
  if (operation.upload === true)
    init.body = [...Object.values(tokens.foreign), ...Object.values(byRole.foreign)].includes(token ?? '')
      ? 'guess'
      : 'secret bytes'
  if (operation.answer === 'events') init.signal = AbortSignal.timeout(2_000)
  const response = await fetch(world.server.url + pathOf(operation), init)
  if (operation.answer === 'events' && response.ok) {
    await response.body?.cancel()
    return { status: response.status, text: '' }
  }
  return { status: response.status, text: await response.text() }
}

describe.each(all)('%s', (_, operation) => {
  test('refuses a caller without a token', async () => {
    expect((await knock(operation, null)).status).toBe(401)
    expect((await knock(operation, 'cap_made-up')).status).toBe(401)
  })

  test.each(['daemon', 'user', 'admin'] as const)('answers scope %s as the table says', async (scope) => {
    const inScope =
      operation.scope === 'any' || operation.scope === scope || (operation.scope === 'user' && scope === 'admin')
    const needed = roleNeeded(operation)
    // What such a token is made for when nobody says: a member's, or an owner's.
    const role = scope === 'admin' ? 'owner' : 'member'
    const admitted = inScope && (needed === null || reaches(role, needed))
    // With admission the request may still be refused for what it asks; never for who asks. Destructive ones are left to other tests.
    if (admitted && operation.method === 'DELETE') return
    const { status } = await knock(operation, tokens.home[scope])
    if (admitted) expect([401, 403]).not.toContain(status)
    else expect(status).toBe(403)
  })

  test.each(roles)('answers role %s as the table says', async (role) => {
    const needed = roleNeeded(operation)
    const admitted = needed === null || reaches(role, needed)
    if (admitted && operation.method === 'DELETE') return
    const { status, text } = await knock(operation, byRole.home[role])
    if (admitted) expect([401, 403], text).not.toContain(status)
    else expect(status).toBe(403)
  })

  test('tells another team nothing', async () => {
    for (const token of [...Object.values(tokens.foreign), ...Object.values(byRole.foreign)]) {
      const { status, text } = await knock(operation, token)
      expect(text).not.toMatch(/secret-/)
      for (const id of Object.values(own)) {
        if (!pathOf(operation).includes(id)) expect(text).not.toContain(id)
      }
      if (operation.path.includes(':id')) expect([400, 403, 404]).toContain(status)
      if (operation.path.includes(':cid') && operation.method === 'GET') expect([403, 404]).toContain(status)
    }
  })
})

test('each operation on something by its id was tried with an id that there is', () => {
  const nouns = new Set(all.filter(([, { path }]) => path.includes(':id')).map(([, { path }]) => nounOf(path)))
  expect([...nouns].filter((noun) => (own[noun] ?? '') === '')).toEqual([])
})

test('an administrator of another team can neither make teams nor tokens for this one', async () => {
  const far = world.as(tokens.foreign.admin)
  expect((await problemOf(far.call('createTeam', { body: { name: 'more' } }))).code).toBe('forbidden')
  const reach = far.call('createToken', { body: { name: 'x', scopes: ['admin'], team: 'default' } })
  expect((await problemOf(reach)).code).toBe('forbidden')
  expect((await far.call('listTeams', {})).items.map((team) => team.name)).toEqual(['rivals'])
})

test('a member has the role that an owner gives, at once, also on what is open', async () => {
  const { client } = world
  const ann = await client.call('createMember', { body: { name: 'ann', role: 'owner' } })
  expect(ann).toMatchObject({ name: 'ann', kind: 'user', role: 'owner', tokens: 0 })
  expect((await problemOf(client.call('createMember', { body: { name: 'ann' } }))).code).toBe('already_exists')
  const token = await client.call('createToken', {
    body: { name: 'laptop', scopes: ['user', 'admin'], account: 'ann' },
  })
  expect(token).toMatchObject({ account: 'ann', role: 'owner' })
  const as = world.as(token.secret)
  expect(await as.call('whoami', {})).toMatchObject({ actor: 'user:ann', role: 'owner', account: { name: 'ann' } })
  await as.call('createPool', { body: { name: 'of-ann' } })
  const stream = await fetch(`${world.server.url}/v1/tasks/${own.tasks}/stream`, {
    headers: { authorization: `Bearer ${token.secret}` },
  })
  await client.call('changeMember', { params: { id: 'ann' }, body: { role: 'viewer' } })
  const reader = stream.body?.getReader()
  await until(async () => (await reader?.read())?.done === true, 'the end of the stream')
  const refused = await problemOf(as.call('createPool', { body: { name: 'more' } }))
  expect(refused).toMatchObject({ code: 'forbidden', status: 403 })
  expect(refused.detail).toBe('createPool needs the role manager; ann is viewer')
  expect((await as.call('listTasks', {})).items.length).toBeGreaterThan(0)
  const useless = client.call('createToken', { body: { name: 'x', scopes: ['admin'], account: 'ann' } })
  expect((await problemOf(useless)).code).toBe('contradiction')
  await client.call('removeMember', { params: { id: 'ann' } })
  expect((await problemOf(as.call('whoami', {}))).code).toBe('unauthorized')
})

test('a member whose hosts a pool admits stays as long as the pool', async () => {
  const { client } = world
  await client.call('createMember', { body: { name: 'builders', kind: 'service' } })
  await client.call('createPool', { body: { name: 'built', connector: 'builders' } })
  const refused = await problemOf(client.call('removeMember', { params: { id: 'builders' } }))
  expect(refused).toMatchObject({ code: 'in_use', detail: 'pool built admits builders; remove the pool first' })
  await client.call('removePool', { params: { id: 'built' } })
  await client.call('removeMember', { params: { id: 'builders' } })
})

test('an invitation signs its person in, once, with the role it has', async () => {
  const { client, server } = world
  await client.call('createMember', { body: { name: 'bea', role: 'member' } })
  const { path } = await client.call('inviteMember', { params: { id: 'bea' }, body: {} })
  const entered = await fetch(server.url + path, { redirect: 'manual' })
  const [cookie = ''] = (entered.headers.get('set-cookie') ?? '').split('; ')
  const who = await fetch(`${server.url}/v1/whoami`, { headers: { cookie } })
  expect(await who.json()).toMatchObject({ actor: 'user:bea', role: 'member', scopes: ['user'] })
  expect((await fetch(server.url + path, { redirect: 'manual' })).status).toBe(401)
  await client.call('createMember', { body: { name: 'robot', kind: 'service' } })
  expect((await problemOf(client.call('inviteMember', { params: { id: 'robot' }, body: {} }))).code).toBe(
    'contradiction',
  )
})

test('the last owner of a team stays', async () => {
  const far = world.as(tokens.foreign.admin)
  for (const name of ['foreign-owner'])
    await far.call('changeMember', { params: { id: name }, body: { role: 'viewer' } })
  const last = await problemOf(far.call('changeMember', { params: { id: 'far-admin' }, body: { role: 'member' } }))
  expect(last.code).toBe('in_use')
  expect((await problemOf(far.call('removeMember', { params: { id: 'far-admin' } }))).code).toBe('in_use')
})

test('a revoked token is out within a second, on live sockets and streams too', async () => {
  const { client } = world
  const made = await client.call('createToken', { body: { name: 'short', scopes: ['daemon', 'user'] } })
  const daemon = await world.daemon({ token: made.secret, key: 'key-of-a-revoked-daemon-00' })
  const stream = await fetch(`${world.server.url}/v1/tasks/${own.tasks}/stream`, {
    headers: { authorization: `Bearer ${made.secret}` },
  })
  expect(stream.status).toBe(200)
  const began = performance.now()
  await client.call('revokeToken', { params: { id: made.id } })
  const { code } = await daemon.closed
  const reader = stream.body?.getReader()
  await until(async () => (await reader?.read())?.done === true, 'the end of the stream')
  expect(code).toBe(4401)
  expect((await problemOf(world.as(made.secret).call('whoami', {}))).code).toBe('unauthorized')
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('a token that runs out ends what is live', async () => {
  const expiresAt = Date.now() + 400
  const made = await world.client.call('createToken', { body: { name: 'brief', scopes: ['daemon'], expiresAt } })
  const daemon = await world.connect({ token: made.secret })
  expect((await daemon.closed).code).toBe(4401)
})

test('a token shows when it was last used, and never its secret', async () => {
  const { items } = await world.client.call('listTokens', {})
  expect(JSON.stringify(items)).not.toContain('cap_')
  await until(async () => {
    const listed = await world.client.call('listTokens', {})
    return listed.items.some((each) => each.name === 'local' && each.lastUsedAt !== null)
  })
})

test('the sign-in link works once, its cookie signs in, and a change needs an origin', async () => {
  const { signInUrl, url } = world.server
  // A mail program that looks whether the link works has not used it.
  const looked = await fetch(signInUrl, { method: 'HEAD', redirect: 'manual' })
  expect([looked.status, looked.headers.get('set-cookie')]).toEqual([200, null])
  const first = await fetch(signInUrl, { redirect: 'manual' })
  expect(first.status).toBe(303)
  const [cookie = '', ...attributes] = (first.headers.get('set-cookie') ?? '').split('; ')
  expect(attributes).toContain('HttpOnly')
  expect(attributes).toContain('SameSite=Strict')
  const again = await fetch(signInUrl, { redirect: 'manual' })
  expect([again.status, again.headers.get('set-cookie')]).toEqual([401, null])
  expect(await again.text()).toContain('<a href="/">Sign in with a token</a>')
  // Who is signed in already wanted the page, and stays who they are.
  const known = await fetch(signInUrl, { redirect: 'manual', headers: { cookie } })
  expect([known.status, known.headers.get('location'), known.headers.get('set-cookie')]).toEqual([303, '/', null])
  expect((await fetch(`${url}/v1/tasks`, { headers: { cookie } })).status).toBe(200)
  expect(await (await fetch(`${url}/v1/board`, { headers: { cookie } })).text()).toContain('secret-prompt')
  expect(await (await fetch(url)).text()).not.toContain('secret-prompt')
  const change = { method: 'POST', body: '{"name":"via-cookie"}' }
  const headers = { cookie, 'content-type': 'application/json' }
  expect((await fetch(`${url}/v1/pools`, { ...change, headers })).status).toBe(403)
  for (const authorization of ['Basic xx', 'Bearer', 'x'])
    expect((await fetch(`${url}/v1/pools`, { ...change, headers: { ...headers, authorization } })).status).toBe(403)
  expect((await fetch(`${url}/v1/pools`, { ...change, headers: { ...headers, origin: url } })).status).toBe(201)
})
