// What a sandboxed agent can leave in its user's home: renewed tokens, and nothing that starts a program or speaks in the user's next session.

import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { codex } from '../../../src/daemon/harness/codex.ts'
import { geminiCli } from '../../../src/daemon/harness/gemini-cli.ts'
import { opencode } from '../../../src/daemon/harness/opencode.ts'
import { pi } from '../../../src/daemon/harness/pi.ts'
import type { Harness } from '../../../src/daemon/harness/port.ts'
import { makeHostProbe } from '../../../src/daemon/harness/probe.ts'
import { readPolicy } from '../../../src/daemon/policy.ts'
import { refuseLinksOut } from '../../../src/daemon/run/box.ts'
import { boxFolder } from '../../../src/daemon/sandbox/bubblewrap.ts'
import { makeAs, placeHome, tokenCopies } from '../../../src/daemon/sandbox/homes.ts'
import { exchangeTokens } from '../../../src/daemon/sandbox/tokens.ts'
import { conversationHome, conversationHost } from '../../../src/daemon/session/conversation-home.ts'
import { giveFolders } from '../../../src/daemon/workspace/give.ts'
import { BoxWorld, runUser, without } from './box-world.ts'

const now = Date.parse('2026-11-21T10:00:00Z')
const hour = 3_600_000
const claims = (sub: string, until: number) =>
  `h.${Buffer.from(JSON.stringify({ sub, exp: until / 1_000 })).toString('base64url')}.s`
const oauth = (token: string, expires: number) => ({ type: 'oauth', access: token, refresh: `${token}-r`, expires })

interface Row {
  readonly harness: Harness
  /** Files that start programs or speak to the CLI: unchanged after a hostile run. */
  readonly settings: readonly string[]
  /** Such that are not there: not made by it. */
  readonly planted: readonly string[]
  /** Kept for the conversation, but not in the user's home. */
  readonly kept: string
  readonly store: { readonly name: string; readonly before: object; readonly after: object; readonly hostile: object }
}

const rows: readonly Row[] = [
  {
    harness: claudeCode,
    settings: ['.claude/settings.json', '.claude/CLAUDE.md', '.claude/plugins/p.json', '.claude.json'],
    planted: ['.claude/settings.local.json', '.claude/hooks/h.sh', '.claude/agents/a.md', '.claude/commands/c.md'],
    kept: '.claude/projects/-w-app/1.jsonl',
    store: {
      name: '.claude/.credentials.json',
      before: {
        claudeAiOauth: { accessToken: 'token-one', refreshToken: 'refresh-one', expiresAt: now, scopes: ['a'] },
      },
      after: {
        claudeAiOauth: { accessToken: 'token-two', refreshToken: 'refresh-two', expiresAt: now + hour, scopes: ['a'] },
      },
      hostile: {
        claudeAiOauth: { accessToken: '!touch /tmp/x', refreshToken: 'refresh-two', expiresAt: now + hour },
        apiKeyHelper: 'touch /tmp/x',
      },
    },
  },
  {
    harness: codex,
    settings: ['.codex/config.toml', '.codex/AGENTS.md', '.codex/rules/default.rules'],
    planted: ['.codex/prompts/p.md', '.codex/skills/s/SKILL.md', '.codex/hooks.json'],
    kept: '.codex/sessions/2026/11/21/rollout-1.jsonl',
    store: {
      name: '.codex/auth.json',
      before: { tokens: { access_token: claims('me', now), refresh_token: 'refresh-one', account_id: 'a' } },
      after: {
        tokens: { access_token: claims('me', now + hour), refresh_token: 'refresh-two', account_id: 'a' },
        last_refresh: '2026-11-21T10:00:00Z',
      },
      hostile: { tokens: { access_token: claims('you', now + hour), refresh_token: 'refresh-two', account_id: 'b' } },
    },
  },
  {
    harness: geminiCli,
    settings: ['.gemini/settings.json', '.gemini/.env', '.gemini/extensions/x.json', '.gemini/tmp/bin/rg'],
    planted: ['.gemini/hooks/evil', '.gemini/GEMINI.md', '.gemini/history/x/.git/config'],
    kept: '.gemini/tmp/app/chats/session-1-abcd1234.jsonl',
    store: {
      name: '.gemini/oauth_creds.json',
      before: { access_token: 'token-one', refresh_token: 'refresh-one', expiry_date: now },
      after: { access_token: 'token-two', refresh_token: 'refresh-one', expiry_date: now + hour },
      hostile: { access_token: 'token two', refresh_token: 'refresh-one', expiry_date: now + hour },
    },
  },
  {
    harness: opencode,
    settings: ['.config/opencode/opencode.json', '.config/opencode/plugin/p.ts', '.cache/opencode/bin/gopls'],
    planted: [
      '.config/opencode/plugins/evil.ts',
      '.local/share/opencode/snapshot/x/config',
      '.cache/opencode/packages/x',
    ],
    kept: '.local/share/opencode/opencode.db',
    store: {
      name: '.local/share/opencode/auth.json',
      before: { anthropic: oauth('token-one', now), other: { type: 'api', key: 'k' } },
      after: { anthropic: oauth('token-two', now + hour), other: { type: 'api', key: 'k' } },
      hostile: {
        anthropic: { type: 'wellknown', key: 'PATH', token: '/tmp', expires: now + hour },
        'https://evil.example': { type: 'wellknown', key: 'PATH', token: '/tmp' },
      },
    },
  },
  {
    harness: pi,
    settings: ['.pi/agent/settings.json', '.pi/agent/models.json', '.pi/agent/bin/rg', '.pi/agent/extensions/e.ts'],
    planted: ['.pi/agent/SYSTEM.md', '.pi/agent/npm/evil.js', '.pi/agent/themes/t.json'],
    kept: '.pi/agent/sessions/--w--/1_x.jsonl',
    store: {
      name: '.pi/agent/auth.json',
      before: { anthropic: oauth('token-one', now), openai: { type: 'api_key', key: 'k' } },
      after: { anthropic: oauth('token-two', now + hour), openai: { type: 'api_key', key: 'k' } },
      hostile: {
        anthropic: { type: 'api_key', key: '!touch /tmp/x', expires: now + hour },
        openai: { type: 'api_key', key: '!touch /tmp/x' },
      },
    },
  },
]

/** A home with that CLI's files, and a function that runs a script in it and then looks at the tokens. */
async function homeOf(world: BoxWorld, { harness, settings, store }: Row) {
  const workspace = await world.workspace(null)
  for (const name of settings) world.write(join('home', name), 'OWN')
  world.write(join('home', store.name), JSON.stringify(store.before))
  giveFolders(runUser, [world.home])
  const home = conversationHome(world.stateDir, workspace) ?? ''
  const list = harness.homePaths ?? (() => [])
  const homePaths = placeHome(list, { env: { HOME: world.home }, home, user: runUser })
  const copies = tokenCopies({ homePaths, host: { home: world.home } }, boxFolder(world.runDir, 'agent'))
  const inside = async (script: string) => {
    const ran = await world.inside(workspace, script, { homePaths })
    exchangeTokens(copies, runUser, now)
    return ran
  }
  const text = (name: string) => readFileSync(join(world.home, name), 'utf8').trim()
  return { workspace, home, homePaths, copies, inside, text, stored: () => JSON.parse(text(store.name)) }
}

describe.skipIf(without !== null)('a sandboxed agent', () => {
  test.each(rows)('of $harness.name leaves no hook, no setting and no conversation in its user’s home', async (row) => {
    await using world = new BoxWorld()
    const { inside, text, home } = await homeOf(world, row)
    const all = [...row.settings, ...row.planted, row.kept]
    const plant = all.map((name) => `mkdir -p "$(dirname ~/${name})"; echo EVIL >~/${name}; rm -f ~/${name}.x`)
    await inside(plant.join('\n'))
    expect(row.settings.map(text)).toEqual(row.settings.map(() => 'OWN'))
    expect([...row.planted, row.kept].filter((name) => existsSync(join(world.home, name)))).toEqual([])
    expect(readFileSync(join(home, row.kept), 'utf8')).toBe('EVIL\n')
  })

  test.each(rows)('of $harness.name renews its tokens, and writes nothing else into their file', async (row) => {
    await using world = new BoxWorld()
    const { inside, stored } = await homeOf(world, row)
    const write = (json: object) => `cat >~/${row.store.name} <<'END'\n${JSON.stringify(json)}\nEND\n`
    await inside(write(row.store.hostile))
    expect(stored()).toEqual(row.store.before)
    await inside(write({ ...row.store.after, apiKeyHelper: 'touch /tmp/x' }))
    expect(stored()).toEqual(row.store.after)
    await inside(`rm -f ~/${row.store.name}; ln -s /etc/passwd ~/${row.store.name}`)
    expect(stored()).toEqual(row.store.after)
  })

  test('has the tokens that another has renewed meanwhile', async () => {
    await using world = new BoxWorld()
    for (const row of rows.filter(({ harness }) => harness === claudeCode || harness === opencode)) {
      const { copies, inside } = await homeOf(world, row)
      const file = join(world.home, row.store.name)
      const over = inside(`until grep -q token-two ~/${row.store.name}; do sleep 0.02; done; echo seen`)
      let done = false
      void over.finally(() => {
        done = true
      })
      writeFileSync(file, JSON.stringify(row.store.after))
      while (!done) {
        exchangeTokens(copies, runUser, now)
        await new Promise((next) => setTimeout(next, 20))
      }
      expect((await over).out).toBe('seen')
    }
  })
})

test('the conversations of sandboxed runs are looked for where they are kept, by team, repository and profile', () => {
  const host = makeHostProbe({ HOME: '/home/me', CODEX_HOME: '/x', PATH: '/usr/bin' })
  const company = { team: 'team_1', profile: 'prof_1' }
  const boxed = { sandboxed: true, repoPath: '/code/app', company } as const
  expect(conversationHost(host, '/state', { repoPath: '/code/app' }).env.HOME).toBe('/home/me')
  const home = conversationHost(host, '/state', boxed).env.HOME ?? ''
  expect(home).toMatch(/^\/state\/conversations\/app-[0-9a-f]{16}$/)
  expect(codex.sessionRoot?.(conversationHost(host, '/state', boxed), { cwd: '/w' })).toBe(`${home}/.codex/sessions`)
  const others = [
    { ...boxed, repoPath: '/other/app' },
    { ...boxed, company: { ...company, profile: 'prof_2' } },
    { ...boxed, company: { ...company, team: 'team_2' } },
  ].map((each) => conversationHome('/state', each))
  expect(new Set([home, ...others]).size).toBe(4)
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

test.skipIf(runUser === null)(
  'a file that is not the user’s is neither copied for a run of theirs nor written',
  async () => {
    await using world = new BoxWorld()
    const row = rows.find(({ harness }) => harness === claudeCode) ?? rows[0]
    if (row === undefined) throw new Error('no row')
    const secret = world.write('root/.credentials.json', JSON.stringify(row.store.before))
    const { inside, home } = await homeOf(world, { ...row, settings: [] })
    expect(dirname(home)).toBe(join(world.stateDir, 'conversations'))
    for (const name of [row.store.name, '.claude.json']) {
      rmSync(join(world.home, name), { force: true })
      symlinkSync(secret, join(world.home, name))
    }
    const ran = await inside('cat ~/.claude/.credentials.json ~/.claude.json')
    expect(ran.out).toBe('')
    expect(readFileSync(secret, 'utf8')).toBe(JSON.stringify(row.store.before))
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
