import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { resolveDaemonOptions } from '../../src/cli/daemon-options.ts'
import { leaseOf, pollOf } from '../../src/cli/daemon-pace.ts'
import { settingsOfDaemon } from '../../src/cli/host/options.ts'
import { capstan, makeHome } from './run.ts'

let home: ReturnType<typeof makeHome>
beforeEach(() => {
  home = makeHome()
  mkdirSync(join(home.path, '.capstan'))
})
afterEach(() => home[Symbol.dispose]())

const toml = (text: string) => writeFileSync(join(home.path, '.capstan/daemon.toml'), text)
const dotEnv = (text: string) => writeFileSync(join(home.path, '.env'), text)
const resolve = (flags: object, env: Record<string, string> = {}) =>
  resolveDaemonOptions(flags, { env, cwd: home.path, home: join(home.path, '.capstan') })

it('a flag beats the environment, that beats .env, that beats daemon.toml', () => {
  toml('max-agents = 1\nname = "file"\nlabels = ["a", "b"]\nheartbeat_interval = "5s"\n')
  dotEnv('CAPSTAN_MAX_AGENTS=2\nCAPSTAN_NAME=dotenv\nCAPSTAN_ROLES=qa, dev\n')
  const { values, from } = resolve({ maxAgents: 4 }, { CAPSTAN_MAX_AGENTS: '3', CAPSTAN_NAME: 'env' })
  expect(values).toEqual({
    'max-agents': 4,
    name: 'env',
    roles: ['qa', 'dev'],
    labels: ['a', 'b'],
    'heartbeat-interval': 5_000,
  })
  expect(from).toEqual({
    'max-agents': 'flag',
    name: 'environment',
    roles: '.env',
    labels: join(home.path, '.capstan/daemon.toml'),
    'heartbeat-interval': join(home.path, '.capstan/daemon.toml'),
  })
})

it('durations, maps and switches of flags survive the layers', () => {
  const { values } = resolve({ flushInterval: 250, only: { role: 'qa' }, stopAgents: false })
  expect(values).toEqual({ 'flush-interval': 250, only: { role: 'qa' }, 'stop-agents': false })
})

it('names every value that cannot be read, and where it stands', () => {
  toml('max-agents = "many"\n')
  expect(() => resolve({}, { CAPSTAN_FLUSH_INTERVAL: 'soon' })).toThrow(
    `CAPSTAN_FLUSH_INTERVAL must be a duration such as 90s, 15m or 2h, not "soon"`,
  )
  expect(() => resolve({})).toThrow(`must be a whole number from 1 to 100, not "many"`)
})

it('an unknown setting in daemon.toml is refused with a suggestion', () => {
  toml('max_agent = 2\n')
  expect(() => resolve({})).toThrow('has the unknown setting "max_agent"; did you mean max-agents?')
})

it('a daemon.toml that is not TOML is refused, [harness.NAME] is left to the harnesses', () => {
  toml('[harness.mine]\ncommand = "x"\n')
  expect(resolve({}).values).toEqual({})
  toml('= 1')
  expect(() => resolve({})).toThrow('daemon.toml is not TOML')
})

it("a folder's .env cannot choose the server, its token or the data folder", async () => {
  dotEnv('CAPSTAN_URL=http://127.0.0.1:9\nCAPSTAN_TOKEN=cap_evil\nCAPSTAN_DATA=/tmp/evil\n')
  const { code, err } = await capstan(['daemon'], { home: home.path })
  expect(code).toBe(69)
  expect(err).toContain('no server is known')
})

it('daemon config prints effective values and where each came from', async () => {
  toml('max-agents = 3\n')
  const { code, out } = await capstan(['daemon', 'config', '--roles', 'qa,dev', '--json'], { home: home.path })
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    'max-agents': { value: 3, from: join(home.path, '.capstan/daemon.toml') },
    roles: { value: ['qa', 'dev'], from: 'flag' },
    pool: { value: null, from: 'default' },
  })
  const human = await capstan(['daemon', 'config', '--max-agents', '2'], { home: home.path })
  expect(human.out).toMatch(/^max-agents +2 +flag$/m)
})

it('a wrong daemon.toml ends the command with 78', async () => {
  toml('max-agents = 0\n')
  expect(await capstan(['daemon', 'config'], { home: home.path })).toMatchObject({
    code: 78,
    err: expect.stringContaining('must be a whole number from 1 to 100, not 0'),
  })
})

it.each([
  [{ leaseTtl: 5_000 }, '--lease-ttl 5s: a lease is of 15s to 10m'],
  [{ leaseTtl: 3_600_000 }, '--lease-ttl 1h: a lease is of 15s to 10m'],
  [
    { leaseTtl: 20_000, heartbeatInterval: 10_000 },
    '--heartbeat-interval 10s does not go with --lease-ttl 20s: at least three heartbeats belong into a lease',
  ],
  [{ pollInterval: 0 }, '--poll-interval 0ms: at least 100ms'],
  [{ pollInterval: 5_000, maxPollInterval: 2_000 }, '--poll-interval 5s is more than --max-poll-interval 2s'],
])('how often a daemon speaks: %j is refused', (flags, sentence) => {
  expect(() => [leaseOf(flags), pollOf(flags)]).toThrow(sentence)
})

it('one wait between claims that is set moves the other, so that they go together', () => {
  expect(pollOf({ pollInterval: 60_000 })).toEqual({ pollIntervalMs: 60_000, maxPollIntervalMs: 60_000 })
  expect(pollOf({ maxPollInterval: 1_000 })).toEqual({ pollIntervalMs: 1_000, maxPollIntervalMs: 1_000 })
  expect(pollOf({})).toEqual({ pollIntervalMs: 2_000, maxPollIntervalMs: 30_000 })
})

it('a daemon that could not hold its lease does not start', async () => {
  const env = { CAPSTAN_URL: 'http://127.0.0.1:9', CAPSTAN_TOKEN: 'cap_none' }
  const { code, err } = await capstan(['daemon', '--lease-ttl', '5s'], { home: home.path, env })
  expect([code, err]).toEqual([64, expect.stringContaining('a lease is of 15s to 10m')])
})

it('has every flag that the daemon is to have', () => {
  const wanted =
    'identity name max-agents workspace add-workspace host-id pool roles profile task-types only correlation-id labels lease-ttl heartbeat-interval max-batch-size flush-interval poll-interval max-poll-interval warm-session-ttl transport run-as stop-agents'
  const known = settingsOfDaemon.map(({ name }) => name)
  expect(wanted.split(' ').filter((name) => !known.some((each) => each === name))).toEqual([])
})
