// Named identities: who commits and signs, from a file that is its owner's alone.

import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { identityPath, readIdentity } from '../../src/daemon/identity.ts'
import { capture } from '../../src/daemon/workspace/capture.ts'
import { deliverBranch } from '../../src/daemon/workspace/deliver.ts'
import { prepare } from '../../src/daemon/workspace/prepare.ts'
import { processEnv } from '../../src/lib/env.ts'
import { exec } from '../../src/lib/exec.ts'
import type { Place } from './workspace/place.ts'
import { captureOf, makePlace } from './workspace/place.ts'

function whoIs(place: Place, name: string, text: string | null, mode = 0o600) {
  const at = {
    home: place.path('capstan'),
    name,
    env: { PATH: processEnv().PATH, HOME: place.folder },
    cwd: place.folder,
  }
  if (text !== null) chmodSync(place.write(identityPath(at), text), mode)
  return readIdentity(at)
}

test('a commit is by the identity’s author and signed with its ssh key', async () => {
  using place = makePlace()
  const key = place.path('keys', 'agent')
  place.write('keys/.keep', '')
  const made = await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'agent', '-f', key], {
    env: { PATH: processEnv().PATH },
    timeoutMs: 10_000,
  })
  expect(made.code).toBe(0)
  const text = `forgeToken = "secret"\n[author]\nname = "Ada’s agent"\nemail = "agent@example.org"\n[signing]\nkey = "~/keys/agent"\n`
  const identity = await whoIs(place, 'work', text)
  const author = { name: 'Ada’s agent', email: 'agent@example.org', signing: { format: 'ssh', key } }
  expect(identity).toEqual({ author, named: true, forge: { token: 'secret', host: null } })

  const repo = await place.repo('repo')
  const workspace = await prepare(place.request(repo))
  writeFileSync(join(workspace.path, 'new.txt'), 'new\n')
  const captured = await capture(workspace, captureOf(workspace))
  await deliverBranch(workspace, captured, { author: identity.author, message: 'Add new' })
  const tip = workspace.branch ?? ''
  expect(await place.git(repo, 'log', '-1', '--format=%an <%ae>', tip)).toBe('Ada’s agent <agent@example.org>')
  const signers = place.write('signers', `agent@example.org ${readFileSync(`${key}.pub`, 'utf8')}`)
  const trusting = ['-c', 'gpg.format=ssh', '-c', `gpg.ssh.allowedSignersFile=${signers}`]
  expect(await place.git(repo, ...trusting, 'log', '-1', '--format=%G? %GS', tip)).toBe('G agent@example.org')
})

test('without a file the host’s own git user commits, unsigned', async () => {
  using place = makePlace()
  const identity = await whoIs(place, 'default', null)
  expect(identity).toEqual({ author: { name: 'Capstan', email: 'capstan@localhost' }, named: false, forge: null })
})

test('a named one without a file is refused: it would commit as somebody else', async () => {
  using place = makePlace()
  const refused = whoIs(place, 'wrok', null)
  await expect(refused).rejects.toMatchObject({ code: 'configuration', detail: expect.stringContaining('wrok.toml') })
})

test.each([
  ['others may read', 'forgeToken = "secret"', 0o640, /may be read by others.*chmod 600/],
  ['is no TOML', 'forgeToken = "sec', 0o600, /is not TOML/],
  ['has an unknown word', 'autor = "x"', 0o600, /autor/],
  ['has a name that is two lines', '[author]\nname = "a\\nb"\nemail = "x"', 0o600, /author\.name one line/],
  [
    'names a key that is not there',
    '[signing]\nkey = "/nowhere/key"',
    0o600,
    /signing\.key \/nowhere\/key is not a file/,
  ],
])('a file that %s is refused without a word of its secrets', async (_, text, mode, words) => {
  using place = makePlace()
  const refused = await whoIs(place, 'work', text, mode).then(
    () => null,
    (error: unknown) => error,
  )
  expect(refused).toMatchObject({ code: 'configuration', detail: expect.stringMatching(words) })
  expect(String(refused)).not.toContain('sec"')
  expect(String(refused)).not.toContain('secret')
})
