import { afterAll, describe, expect, it } from 'vitest'
import { capstan, makeHome } from './run.ts'

const home = makeHome()
afterAll(() => home[Symbol.dispose]())
const run = (...args: string[]) => capstan(args, { home: home.path })

describe('what the user typed wrongly ends with 64 and one sentence', () => {
  it.each([
    [['tsk', 'ls'], "unknown command 'tsk' (Did you mean task?)", 'see: capstan --help'],
    [['task', 'ad', 'x'], "unknown command 'ad' (Did you mean add?)", 'see: capstan task --help'],
    [['daemon', 'pol'], "unknown command 'pol' (Did you mean poll?)", 'see: capstan daemon --help'],
    [
      ['task', 'add', '--harnes', 'codex', 'x'],
      "unknown option '--harnes' (Did you mean --harness?)",
      'see: capstan task add --help',
    ],
    [
      ['daemon', '--max-agent', '2'],
      "unknown option '--max-agent' (Did you mean --max-agents?)",
      'see: capstan daemon poll --help',
    ],
    [['task', 'show'], "missing required argument 'id'", 'see: capstan task show --help'],
    [
      ['task', 'add'],
      'a prompt is missing: say in quotes what to do, or name a file with --prompt-file',
      'see: capstan task add --help',
    ],
    [
      ['task', 'add', 'x', '--check', 'true', '--check', ''],
      '--check must be a text that is not empty, not ""',
      'see: capstan task add --help',
    ],
    [['task', 'add', '  '], 'the prompt is empty; a task needs one', 'see: capstan task add --help'],
    [
      ['task', 'add', 'x', '--prompt', 'y'],
      'the prompt is given more than once: use one of the argument, --prompt and --prompt-file',
      'see: capstan task add --help',
    ],
    [
      ['task', 'wait', 'x', '--timeout', '5x'],
      '--timeout must be a duration such as 90s, 15m or 2h, not "5x"',
      'see: capstan task wait --help',
    ],
    [
      ['task', 'add', 'x', '--expect', 'magic'],
      '--expect must be one of changes, output, nothing, not "magic"',
      'see: capstan task add --help',
    ],
    [
      ['task', 'add', 'x', '--run-at', 'soon'],
      '--run-at must be a time such as 2026-01-31T09:00 or a span such as 2h, not "soon"',
      'see: capstan task add --help',
    ],
    [
      ['task', 'ls', '--state', 'runing'],
      '--state must be one of waiting, queued, preparing, running, parked, completed, failed, cancelled, expired, not "runing" (Did you mean running?)',
      'see: capstan task ls --help',
    ],
    [['up', '--port', '70000'], '--port must be a whole number from 0 to 65535, not "70000"', 'see: capstan up --help'],
    [
      ['server', '--listen', 'nowhere'],
      '--listen must be HOST:PORT such as 127.0.0.1:7420, not "nowhere"',
      'see: capstan server --help',
    ],
    [
      ['login'],
      'a token is read from standard input only: capstan login --token-stdin < FILE',
      'see: capstan login --help',
    ],
  ])('%j', async (args, sentence, remedy) => {
    const { code, out, err } = await run(...args)
    expect({ code, out, err }).toEqual({ code: 64, out: '', err: `capstan: ${sentence}\n  ${remedy}\n` })
  })

  it('with --json the problem is JSON on standard error', async () => {
    const { code, out, err } = await run('task', 'ls', '--json', '--bogus')
    expect(code).toBe(64)
    expect(out).toBe('')
    expect(JSON.parse(err)).toMatchObject({ code: 'usage', detail: "unknown option '--bogus'" })
  })

  it('a group without a verb prints its help on standard error', async () => {
    const { code, out, err } = await run('task')
    expect({ code, out }).toEqual({ code: 64, out: '' })
    expect(err).toContain('Usage: capstan task VERB')
  })
})

it('a prompt that is a megabyte too long is refused before it is sent', async () => {
  const { code, err } = await capstan(['task', 'add', '--prompt-file', '-'], {
    home: home.path,
    input: 'x'.repeat(10_000_000),
  })
  expect(code).toBe(64)
  expect(err).toBe(
    'capstan: the prompt has 9.6 MiB, and at most 1 MiB is taken\n  Send less; put long text into a file of the repository.\n',
  )
})

it('without a server every verb that needs one ends with 69', async () => {
  for (const args of [['task', 'ls'], ['whoami'], ['daemon', 'ls'], ['task', 'add', 'x']]) {
    const { code, err } = await run(...args)
    expect(code).toBe(69)
    expect(err).toContain('no server is known: CAPSTAN_URL is not set and ')
    expect(err).toContain('Start it with: capstan up')
  }
})

it('a server that does not answer is 69, naming its address', async () => {
  const env = { CAPSTAN_URL: 'http://127.0.0.1:9', CAPSTAN_TOKEN: 'cap_x' }
  const { code, err } = await capstan(['task', 'ls'], { home: home.path, env })
  expect(code).toBe(69)
  expect(err).toContain('http://127.0.0.1:9')
})

it('a URL that is none is a matter of configuration, 78', async () => {
  const env = { CAPSTAN_URL: 'somewhere', CAPSTAN_TOKEN: 'cap_x' }
  const { code, err } = await capstan(['task', 'ls'], { home: home.path, env })
  expect(code).toBe(78)
  expect(err).toContain('CAPSTAN_URL must be a URL such as http://127.0.0.1:7420, not "somewhere"')
})

it('a server without a token is 77', async () => {
  const { code, err } = await capstan(['task', 'ls'], { home: home.path, env: { CAPSTAN_URL: 'http://127.0.0.1:9' } })
  expect(code).toBe(77)
  expect(err).toContain('CAPSTAN_TOKEN is not set')
})

it('a token file that is empty is a matter of configuration', async () => {
  const env = { CAPSTAN_URL: 'http://127.0.0.1:9', CAPSTAN_TOKEN_FILE: '/dev/null' }
  const { code, err } = await capstan(['task', 'ls'], { home: home.path, env })
  expect(code).toBe(78)
  expect(err).toContain('CAPSTAN_TOKEN_FILE names /dev/null, which holds no token')
})

it('a data folder that cannot be made is a matter of configuration', async () => {
  const { code, err } = await run('up', '--data', '/dev/null/x')
  expect(code).toBe(78)
  expect(err).toContain('the data folder /dev/null/x cannot be written')
})

it('a named workspace that is no repository stops up before anything starts', async () => {
  const { code, err } = await run('up', '--port', '0', '--workspace', home.path)
  expect(code).toBe(78)
  expect(err).toContain('is not a git repository')
})

it('prints its version', async () => {
  expect(await run('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
})

it('logout says whether there was something to forget', async () => {
  expect((await run('logout', '--json')).out).toBe('{"forgotten":false}\n')
})

it('doctor finds a missing server and ends with 1', async () => {
  const { code, out } = await run('doctor', '--json')
  expect(code).toBe(1)
  const findings = JSON.parse(out) as { what: string; state: string; remedy: string | null }[]
  expect(findings.find(({ what }) => what === 'node')?.state).toBe('ok')
  expect(findings.find(({ what }) => what === 'server')).toMatchObject({
    state: 'fail',
    remedy: 'Start it with: capstan up',
  })
})

it('a remedy is said once, also when the detail has it', async () => {
  const env = { CAPSTAN_URL: 'http://127.0.0.1:9', CAPSTAN_TOKEN: 'cap_x' }
  const { err } = await capstan(['task', 'ls'], { home: home.path, env })
  expect(err.match(/capstan up/g)).toHaveLength(1)
})
