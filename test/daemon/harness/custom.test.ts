// Harnesses of the host's own, from daemon.toml.

import { expect, test } from 'vitest'
import { customHarness } from '../../../src/daemon/harness/custom.ts'
import { builtIn, findHarness, makeRegistry } from '../../../src/daemon/harness/registry.ts'
import { fakeHost, runInput } from './hosts.ts'

test('the fields of a template are filled in', () => {
  const args = ['--file={promptFile}', '-C', '{cwd}', '--model', '{model}', '--resume', '{sessionId}', '$' + '{HOME}']
  const harness = customHarness('mine', { command: 'mine', args, env: { QUIET: '1' } })
  const launch = harness.launch(runInput({ model: 'm', sessionRef: 's' }))
  expect(launch).toEqual({
    argv: ['mine', '--file=/runs/1/prompt', '-C', '/w', '--model', 'm', '--resume', 's', '$' + '{HOME}'],
    env: { QUIET: '1' },
    stdin: { kind: 'null' },
    notHonoured: [],
  })
})

test('a field without a value takes its argument and the flag before it along', () => {
  const args = ['--model', '{model}', '--session={sessionId}', '--force', '-p', '{prompt}']
  const { argv } = customHarness('mine', { command: 'mine', args }).launch(runInput({}))
  expect(argv).toEqual(['mine', '--force', '-p', 'do it'])
})

test('the file with the run’s MCP server is given where a template asks for it, and left out where the run has none', () => {
  const args = ['--mcp-config', '{mcpConfig}', '{promptFile}']
  const harness = customHarness('mine', { command: 'mine', args })
  const mcp = { name: 'capstan', command: 'node', args: [], env: {} }
  const given = harness.launch(runInput({ mcp, env: { CAPSTAN_MCP_CONFIG: '/mcp/1/config.json' } }))
  expect(given.argv).toEqual(['mine', '--mcp-config', '/mcp/1/config.json', '/runs/1/prompt'])
  expect(harness.launch(runInput({})).argv).toEqual(['mine', '/runs/1/prompt'])
})

test('a prompt that holds a field is not filled in again', () => {
  const { argv } = customHarness('mine', { command: 'mine', args: ['{prompt}'] }).launch(
    runInput({ prompt: '{cwd} $&' }),
  )
  expect(argv).toEqual(['mine', '{cwd} $&'])
})

test('a prompt may come on standard input, and what cannot be honoured is said', () => {
  const launch = customHarness('mine', { command: 'mine', stdin: true }).launch(
    runInput({ model: 'm', sessionRef: 's', maxTurns: 2 }),
  )
  expect(launch.stdin).toEqual({ kind: 'file', text: 'do it' })
  expect(launch.notHonoured.map((sentence) => sentence.split(':')[0])).toEqual(['model', 'session', 'maxTurns'])
})

test('a prompt too long for an argument is refused with the remedy', () => {
  const harness = customHarness('mine', { command: 'mine', args: ['{prompt}'] })
  expect(() => harness.launch(runInput({ prompt: 'ü'.repeat(70_000) }))).toThrow(/promptFile/)
})

test.each([
  [{}, /\[harness\.mine\] command/],
  [{ command: '' }, /\[harness\.mine\] command/],
  [{ command: 'bin/mine' }, /bin\/mine is relative/],
  [{ command: 'mine', argz: [] }, /argz/],
  [{ command: 'mine' }, /nothing takes the prompt: put \{promptFile\} or \{prompt\} into args, or set stdin = true/],
  [{ command: 'mine', args: ['{prompt}'], stdin: true }, /give the prompt one way/],
  [{ command: 'mine', args: ['{promt}'] }, /\{promt\} is not known; use \{prompt\}/],
  [{ command: 'mine', args: 'x' }, /\[harness\.mine\] args/],
  [{ command: 'mine', env: { 'A B': 'x' } }, /\[harness\.mine\] env/],
  [{ command: 'mine', env: { CAPSTAN_TOKEN: 'x' } }, /CAPSTAN_TOKEN is reserved/],
  [{ command: 'mine', passEnv: ['A*B'] }, /passEnv/],
  ['mine', /\[harness\.mine\]/],
])('the table %j is refused in one sentence that names the setting', (table, sentence) => {
  expect(() => customHarness('mine', table)).toThrow(sentence)
})

test('a table cannot take the name of a built-in harness, nor one that is no name', () => {
  expect(() => makeRegistry({ codex: { command: 'x' } })).toThrow(/\[harness\.codex\]/)
  expect(() => makeRegistry({ 'my agent': { command: 'x' } })).toThrow(/my agent/)
})

test('the registry holds the built-in harnesses first, then the host’s own', () => {
  const registry = makeRegistry({ mine: { command: 'mine', stdin: true } })
  expect(registry.map((harness) => harness.name)).toEqual([...builtIn.map((harness) => harness.name), 'mine'])
  expect(findHarness(registry, 'mine')?.title).toBe('mine')
  expect(findHarness(registry, 'yours')).toBeNull()
})

test('a command that is not there is told with its setting', async () => {
  const harness = customHarness('mine', { command: 'mine', stdin: true })
  expect(await harness.detect(fakeHost({ programs: { mine: '' } }))).toMatchObject({ ready: true, problem: null })
  expect((await harness.detect(fakeHost({}))).problem).toContain('[harness.mine]')
})
