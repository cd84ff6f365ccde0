// Carrying a machine's settings to another one by environment variables.

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { expect, it } from 'vitest'
import { capstan, makeHome } from './run.ts'

const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n-----END OPENSSH PRIVATE KEY-----\n'

function setUp(home: string): void {
  const folder = join(home, '.capstan')
  mkdirSync(join(folder, 'identities'), { recursive: true })
  writeFileSync(join(folder, 'client.json'), JSON.stringify({ url: 'http://127.0.0.1:9', token: 'cap_secret' }))
  writeFileSync(join(home, 'key'), key)
  const toml = '[author]\nname = "Ada $HOME"\nemail = "a@example.org"\n[signing]\nkey = "~/key"\n'
  writeFileSync(join(folder, 'identities/ci.toml'), `forgeToken = "ghp_secret"\n${toml}`, { mode: 0o600 })
}

it('what one machine exports sets another up alike, each file its owner’s alone', async () => {
  using from = makeHome()
  using to = makeHome()
  setUp(from.path)
  const { out } = await capstan(['config', 'export-env', '--identity', 'ci'], { home: from.path })
  expect(out).toContain('# secret\nCAPSTAN_TOKEN=cap_secret\n')
  expect(out).toContain('# variable\nCAPSTAN_URL=http://127.0.0.1:9\n')
  expect(out.match(/^# secret$/gm)).toHaveLength(3)
  const listed = await capstan(['config', 'export-env', '--identity', 'ci', '--json'], { home: from.path })
  const env = Object.fromEntries(
    (JSON.parse(listed.out) as { name: string; value: string }[]).map(({ name, value }) => [name, value]), // printed by us
  )
  // Node's own reader keeps the backslashes of characters that a shell would act on.
  const dotenv = parseEnv(out)
  expect(dotenv.CAPSTAN_SIGNING_KEY).toBe(env.CAPSTAN_SIGNING_KEY)
  const done = await capstan(['config', 'init-from-env'], { home: to.path, env })
  expect(done).toMatchObject({ code: 0, err: '' })
  const written = join(to.path, '.capstan')
  expect(JSON.parse(readFileSync(join(written, 'client.json'), 'utf8'))).toEqual({
    url: 'http://127.0.0.1:9',
    token: 'cap_secret',
  })
  expect(readFileSync(join(written, 'identities/ci.key'), 'utf8')).toBe(key)
  for (const name of ['client.json', 'identities/ci.toml', 'identities/ci.key'])
    expect(statSync(join(written, name)).mode & 0o777).toBe(0o600)
  const again = await capstan(['config', 'export-env', '--identity', 'ci'], { home: to.path })
  expect(again.out).toBe(out)
})

it('what is there is written over only with --force, and what is missing is named', async () => {
  using home = makeHome()
  setUp(home.path)
  const env = { CAPSTAN_URL: 'http://127.0.0.1:8', CAPSTAN_TOKEN: 'cap_other' }
  const kept = await capstan(['config', 'init-from-env'], { home: home.path, env })
  expect(kept.err).toContain('client.json exists; write over it with --force')
  expect((await capstan(['config', 'init-from-env', '--force'], { home: home.path, env })).code).toBe(0)
  const lacking = await capstan(['config', 'init-from-env'], { home: home.path, env: { CAPSTAN_URL: 'http://x' } })
  expect(lacking.err).toContain('CAPSTAN_TOKEN is not set')
  const unknown = await capstan(['config', 'export-env', '--identity', 'nobody'], { home: home.path })
  expect(unknown.code).toBe(78)
  expect(unknown.err).toContain('there is no identity nobody')
  expect(unknown.err).not.toContain('team')
})
