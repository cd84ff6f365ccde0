import { expect, it } from 'vitest'
import { dateTime } from '../../../src/cli/render/figures.ts'
import { findingLines } from '../../../src/cli/render/findings.ts'
import { hostPage, hostTable } from '../../../src/cli/render/host.ts'
import { patchLines } from '../../../src/cli/render/patch.ts'
import { makeStyle, plain } from '../../../src/cli/render/style.ts'
import { joinedLines, welcome } from '../../../src/cli/render/welcome.ts'
import { whoLines } from '../../../src/cli/render/who.ts'
import { now, sampleHost } from '../sample.ts'

const look = { style: plain, width: 80 }

it('lists hosts with state, agents and repositories', () => {
  const hosts = [
    sampleHost(),
    sampleHost({ name: 'ci', connected: false, lastSeenAt: now - 7_200_000, running: 0, repos: [] }),
  ]
  expect(hostTable(hosts, { ...look, now })).toEqual([
    'NAME        STATE      AGENTS  SEEN    REPOS',
    'laptop:app  connected  1/4     now     acme/app',
    'ci          away       0/4     2h ago',
  ])
})

it('says until when a host’s quota is spent', () => {
  const spent = { name: 'claude-code', version: '2.1.329', ready: true, problem: null, exhaustedUntil: now + 2_100_000 }
  const host = sampleHost({ harnesses: [spent] })
  const [day, time] = dateTime(now + 2_100_000).split(' ')
  const until = `${day === dateTime(now).split(' ')[0] ? time : `${day} ${time}`} (in 35m)`
  expect(hostTable([host], { ...look, now }).at(-1)).toBe(`quota of claude-code on laptop:app is spent until ${until}`)
  expect(hostPage(host, { ...look, now }).at(-1)).toBe(`harness   claude-code 2.1.329: quota spent until ${until}`)
  const away = sampleHost({ connected: false, harnesses: [spent] })
  expect(hostTable([away], { ...look, now })).toHaveLength(2)
})

it('shows one host with what it lacks', () => {
  expect(hostPage(sampleHost(), { ...look, now })).toEqual([
    'laptop:app  connected',
    '',
    'id        dmn_01k70qxz80aaaaaaaaaaaaaaaa',
    'agents    1 of 4 at work',
    'seen      connected',
    'host      laptop-1234, linux-x64, Capstan 0.1.0',
    'free      disk 52.3 GB, memory 7 GB',
    'load      1.5 on 8 processors',
    'roles     qa, dev',
    'repo      acme/app',
    'harness   codex 0.142.0',
    'harness   gemini-cli: not installed: npm i -g @google/gemini-cli',
    'harness   shell',
  ])
})

const ready = {
  stopAgents: true,
  program: 'capstan',
  url: 'http://127.0.0.1:7420',
  signInUrl: 'http://127.0.0.1:7420/sign-in#x',
  dataDir: '/home/ann/.capstan',
  version: '0.1.0',
}

it('up says where to go, how to give work, what was found, and that autonomy is full', () => {
  expect(welcome({ ...ready, host: sampleHost() }, look)).toEqual([
    'Capstan 0.1.0 is up at http://127.0.0.1:7420',
    '',
    '  page        http://127.0.0.1:7420/sign-in#x',
    '              (signs one browser in, once)',
    '  give work   capstan task add "say in one line what this is" --follow',
    '  repo        acme/app',
    '  agents      codex 0.142.0',
    '  autonomy    full: agents run any command as you (less: --autonomy edit)',
    '  data        /home/ann/.capstan',
    '',
    'Ctrl-C stops it. Agents at work are ended then, and their work is kept.',
  ])
})

it('without any agent CLI up says what to install, and what works now', () => {
  const host = sampleHost({ repos: [], harnesses: sampleHost().harnesses.filter(({ name }) => name !== 'codex') })
  expect(welcome({ ...ready, host }, look).slice(4, 9)).toEqual([
    '  give work   capstan task add --harness shell "date > now.txt" --follow',
    '  repo        none; add one with: capstan repo add PATH',
    '  agents      no agent CLI is ready; only --harness shell works',
    '              gemini-cli: not installed: npm i -g @google/gemini-cli',
    '  autonomy    full: agents run any command as you (less: --autonomy edit)',
  ])
})

it('CLIs that are not there are one line, and where it stands how to install them', () => {
  const absent = ['codex', 'pi'].map((name) => {
    const problem = `${name} is not on PATH: install it with npm install -g ${name}`
    return { name, version: null, ready: false, problem }
  })
  const host = sampleHost({ repos: [], harnesses: absent })
  expect(welcome({ ...ready, host }, look).slice(6, 8)).toEqual([
    '  agents      no agent CLI is ready; only --harness shell works',
    '              install one of codex, pi; how: capstan doctor',
  ])
})

it('a second up says where the first is and what it added', () => {
  const joined = {
    url: 'http://127.0.0.1:7420',
    pid: 42,
    added: [
      { slug: 'acme/b', path: '/src/b', known: false },
      { slug: 'acme/c', path: '/src/c', known: true },
    ],
    notices: ['HEAD is detached'],
  }
  expect(joinedLines(joined, look)).toEqual([
    'Capstan runs already at http://127.0.0.1:7420 (pid 42)',
    '  added       acme/b, /src/b',
    '  serves      acme/c, /src/c',
    '  note        HEAD is detached',
  ])
})

it('doctor has a line for each finding, and the remedy under it', () => {
  const findings = [
    { what: 'node', state: 'ok', detail: '24.21.0', remedy: null },
    { what: 'git', state: 'fail', detail: 'not found on PATH', remedy: 'install git' },
  ] as const
  expect(findingLines(findings, look)).toEqual([
    'ok    node  24.21.0',
    'fail  git   not found on PATH',
    '            remedy: install git',
  ])
})

it('whoami says server, team and rights', () => {
  const team = { id: 'team_x', name: 'default', createdAt: now }
  const server = { version: '0.1.0', protocol: 1, store: 'sqlite' } as const
  const who = {
    actor: 'user:ann',
    tokenId: null,
    team,
    scopes: ['admin' as const],
    role: 'owner' as const,
    account: null,
    server,
  }
  expect(whoLines({ url: 'http://h:1', source: 'CAPSTAN_URL', who }, look)).toEqual([
    'server  http://h:1, Capstan 0.1.0 on sqlite',
    'you     user:ann',
    'team    default',
    'role    owner',
    'scopes  admin',
    'from    CAPSTAN_URL',
  ])
})

it('a patch on a terminal has colours and no escapes of its own', () => {
  expect(patchLines('@@ -1 +1 @@\n-a\x1b[2J\n+b\n c', makeStyle(true))).toEqual([
    '\x1b[36m@@ -1 +1 @@\x1b[39m',
    '\x1b[31m-a\x1b[39m',
    '\x1b[32m+b\x1b[39m',
    ' c',
  ])
})
