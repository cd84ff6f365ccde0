// What a sandboxed agent can leave in its user's home: conversations and tokens, and nothing that starts a program in the user's next session.

import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { geminiCli } from '../../../src/daemon/harness/gemini-cli.ts'
import { opencode } from '../../../src/daemon/harness/opencode.ts'
import { pi } from '../../../src/daemon/harness/pi.ts'
import { makeHostProbe } from '../../../src/daemon/harness/probe.ts'
import { readPolicy } from '../../../src/daemon/policy.ts'
import { refuseLinksOut } from '../../../src/daemon/run/box.ts'
import { makeAs } from '../../../src/daemon/sandbox/homes.ts'
import { BoxWorld, runUser, without } from './box-world.ts'

const rows = [
  {
    harness: geminiCli,
    settings: ['.gemini/settings.json', '.gemini/.env', '.gemini/extensions/x.json', '.gemini/tmp/bin/rg'],
    fresh: ['.gemini/hooks/evil', '.gemini/GEMINI.md', '.gemini/history/x/.git/config'],
    kept: ['.gemini/tmp/app/chats/session-1-abcd1234.jsonl', '.gemini/oauth_creds.json'],
  },
  {
    harness: opencode,
    settings: ['.config/opencode/opencode.json', '.config/opencode/plugin/p.ts', '.cache/opencode/bin/gopls'],
    fresh: [
      '.config/opencode/plugins/evil.ts',
      '.local/share/opencode/snapshot/x/config',
      '.cache/opencode/packages/x',
    ],
    kept: ['.local/share/opencode/opencode.db', '.local/share/opencode/auth.json'],
  },
  {
    harness: pi,
    settings: ['.pi/agent/settings.json', '.pi/agent/models.json', '.pi/agent/bin/rg', '.pi/agent/extensions/e.ts'],
    fresh: ['.pi/agent/SYSTEM.md', '.pi/agent/npm/evil.js', '.pi/agent/themes/t.json'],
    kept: ['.pi/agent/sessions/--w--/1_x.jsonl', '.pi/agent/auth.json'],
  },
]

describe.skipIf(without !== null)('a sandboxed agent', () => {
  test.each(rows)('of $harness.name leaves conversations and tokens, and no hook', async ({ harness, ...row }) => {
    await using world = new BoxWorld()
    const workspace = await world.workspace(null)
    for (const name of [...row.settings, ...row.kept]) world.write(join('home', name), 'OWN')
    const homePaths = harness.homePaths?.({ HOME: world.home }) ?? []
    for (const { path, made } of homePaths) if (made === true) makeAs(runUser, path)
    const all = [...row.settings, ...row.fresh, ...row.kept]
    const script = all.map((name) => `mkdir -p "$(dirname ~/${name})"; echo EVIL >~/${name}; rm -f ~/${name}.x`)
    await world.inside(workspace, script.join('\n'), { homePaths })
    const text = (name: string) => readFileSync(join(world.home, name), 'utf8').trim()
    expect(row.settings.map(text)).toEqual(row.settings.map(() => 'OWN'))
    expect(row.fresh.filter((name) => existsSync(join(world.home, name)))).toEqual([])
    expect(row.kept.map(text)).toEqual(row.kept.map(() => 'EVIL'))
  })
})

test('Gemini CLI’s conversation of a run in a sandbox is found by the mark in its folder', async () => {
  await using world = new BoxWorld()
  world.write('home/.gemini/tmp/app-1/.project_root', '/w/app\n')
  const chat = world.write('home/.gemini/tmp/app-1/chats/session-2026-abcd1234.jsonl', '{}')
  const host = makeHostProbe({ HOME: world.home, PATH: '/usr/bin' })
  expect(geminiCli.sessionFiles?.(host, { ref: 'abcd1234-5678', cwd: '/w/app' })).toEqual([chat])
  expect(geminiCli.sessionFiles?.(host, { ref: 'abcd1234-5678', cwd: '/w/other' })).toEqual([])
})

test.skipIf(runUser === null)(
  'a folder that is made for the user of the runs is theirs, and none is made where a link leads',
  async () => {
    await using world = new BoxWorld()
    const user = runUser ?? { name: '', uid: 0, gid: 0, home: '' }
    const mine = join(world.root, 'mine')
    mkdirSync(mine)
    world.box(await world.workspace(null)) // gives the home to the user
    symlinkSync(mine, join(world.home, '.out'))
    makeAs(user, join(world.home, '.agent/deep/chats'))
    makeAs(user, join(world.home, '.out/chats'))
    expect(['.agent', '.agent/deep', '.agent/deep/chats'].map((name) => lstatSync(join(world.home, name)).uid)).toEqual(
      Array(3).fill(user.uid),
    )
    expect(existsSync(join(mine, 'chats'))).toBe(false)
  },
)

test('a link in a folder that may be written does not lead a later run out of it', async () => {
  await using world = new BoxWorld()
  const policyFile = world.write(
    'policy.toml',
    `requireSandbox = true\n[sandbox]\nwritable = ["${world.root}/shared"]\n`,
  )
  const policy = readPolicy(policyFile, 'http://127.0.0.1:1')
  world.write('shared/below/a', '')
  world.write('home/.ssh/id', '')
  symlinkSync(join(world.home, '.ssh'), join(world.root, 'shared/link'))
  const ask = (name: string) => () =>
    refuseLinksOut(policy, { runtime: 'os', filesystem: { write: [`${world.root}/shared/${name}`] } }, world.home)
  expect(ask('below')).not.toThrow()
  expect(ask('link')).toThrow(/sandbox.writable lacks .*\.ssh, to which .*link leads/)
})
