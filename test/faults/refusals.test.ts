// A socket handshake is not a registration: a daemon that is refused, at its start or later, says so and ends with a code that tells why.

import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Field } from './field.ts'
import { fieldOfEachTest } from './field.ts'

const make = fieldOfEachTest()

/** `capstan daemon`, that is expected to end by itself. */
function refused(field: Field, env: Record<string, string>, args: readonly string[] = []) {
  const data = join(field.world.root, 'refused')
  return field.world.capstan(['daemon', '--data', data, '--workspace', field.repo, ...args], {
    cwd: field.repo,
    env: { CAPSTAN_URL: field.server.url, CAPSTAN_TOKEN: field.server.daemonToken, ...env },
  })
}

test('a bad token is refused at once, over either transport: exit 77, the reason, and no daemon at the server', async () => {
  const field = await make()
  for (const transport of ['ws', 'http', 'auto']) {
    const ran = await refused(field, { CAPSTAN_TOKEN: 'cap_wrong' }, ['--transport', transport])
    expect([transport, ran.code]).toEqual([transport, 77])
    expect(ran.stderr).toMatch(/does not know this token|No valid token/)
    expect(ran.stdout).toBe('')
  }
  expect((await field.client.call('listDaemons', {})).items).toEqual([])
})

test('versions that do not meet: the handshake succeeds, the registration does not; exit 7 naming both', async () => {
  const field = await make({ protocol: { oldest: 41, newest: 42 } })
  const ran = await refused(field, {})
  expect(ran.code).toBe(7)
  expect(ran.stderr).toContain('the daemon speaks 1; this server (0.0.0-test) speaks 41 to 42')
  expect((await field.client.call('listDaemons', {})).items).toEqual([])
})

test('a token revoked while its daemon is connected ends the daemon with 77 and its reason; the work is given back', async () => {
  const field = await make()
  const body = { name: 'box', scopes: ['daemon' as const] }
  const token = await field.client.call('createToken', { body })
  const host = await field.host('box', { env: { CAPSTAN_TOKEN: token.secret } })
  const stderr: Buffer[] = []
  host.child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
  const { id } = await field.add('echo up; sleep 60')
  await field.running(id)
  const over = once(host.child, 'close')
  await field.client.call('revokeToken', { params: { id: token.id } })
  expect((await over)[0]).toBe(77)
  const said = Buffer.concat(stderr).toString()
  expect(said).toContain('the token was revoked')
  expect(said.trim().split('\n').at(-1)).toContain('"code":"unauthorized"')
  const [daemon] = (await field.client.call('listDaemons', {})).items
  expect(daemon).toMatchObject({ connected: false })
  // What it could not report any more is kept; the same host with a good token says it.
  await field.host('box')
  const task = await field.when(id, 'is given back', (each) => each.attempts[0]?.endedAt !== null)
  expect(task.attempts[0]).toMatchObject({ state: 'aborted', reason: 'daemon_abort' })
})

test('a second identity: refused with 5 while the first is heard, also when only the server can tell; the first goes on', async () => {
  const field = await make()
  const first = await field.host('box')
  await field.world.run('cp', ['-a', first.dataDir, `${first.dataDir}-copy`])
  await field.world.run('sh', ['-c', `sed -i 's/"host":"/"host":"other-/' ${first.dataDir}-copy/daemon/*/boot.json`])
  const ran = await refused(field, {}, ['--data', `${first.dataDir}-copy`, '--name', 'box'])
  expect(ran.code).toBe(5)
  expect(ran.stderr).toContain(`daemon box (pid ${first.pid}) is connected with the same key`)
  const { id } = await field.add('echo done')
  expect((await field.ended(id)).attempts[0]?.daemonName).toBe('box')
})
