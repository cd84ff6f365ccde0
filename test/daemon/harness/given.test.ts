// What each CLI is told of a profile's model settings, instructions and skills, and what it says it cannot.

import { expect, test } from 'vitest'
import { acpHarness } from '../../../src/daemon/harness/acp.ts'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { codex } from '../../../src/daemon/harness/codex.ts'
import { customHarness } from '../../../src/daemon/harness/custom.ts'
import { geminiCli } from '../../../src/daemon/harness/gemini-cli.ts'
import { nothingGiven } from '../../../src/daemon/harness/given.ts'
import { opencode } from '../../../src/daemon/harness/opencode.ts'
import { pi } from '../../../src/daemon/harness/pi.ts'
import type { Given, Harness } from '../../../src/daemon/harness/port.ts'
import { shell } from '../../../src/daemon/harness/shell.ts'
import { runInput } from './hosts.ts'

const all = {
  provider: 'acme',
  thinkingLevel: 'high',
  temperature: 0.5,
  topP: 0.9,
  topK: 40,
  maxOutputTokens: 99,
} as const
const given: Given = {
  tuning: all,
  instructions: 'Be brief.',
  skills: [{ slug: 'moon', description: 'how to land', text: 'Count down.' }],
  readable: ['/runs/1/attachments'],
}
const launch = (harness: Harness, more: Partial<Given> = {}) =>
  harness.launch(runInput({ model: 'm', given: { ...given, ...more } }))
const keysOf = (notHonoured: readonly string[]) => notHonoured.map((each) => each.split(/[ :]/)[0])

test.each<[Harness, readonly string[]]>([
  [claudeCode as Harness, ['provider', 'temperature', 'topP', 'topK']],
  [codex as Harness, ['temperature', 'topP', 'topK', 'maxOutputTokens']],
  [geminiCli as Harness, ['provider', 'thinkingLevel', 'temperature', 'topP', 'topK', 'maxOutputTokens']],
  [opencode as Harness, ['topK', 'maxOutputTokens']],
  [pi as Harness, ['temperature', 'topP', 'topK', 'maxOutputTokens']],
  [shell as Harness, ['model', 'provider', 'thinkingLevel', 'temperature', 'topP', 'topK', 'maxOutputTokens']],
  [
    acpHarness('mine', { protocol: 'acp', command: 'x' }) as Harness,
    ['provider', 'thinkingLevel', 'temperature', 'topP', 'topK', 'maxOutputTokens'],
  ],
  [
    customHarness('own', { command: 'x', args: ['{promptFile}', '{model}'] }) as Harness,
    ['provider', 'thinkingLevel', 'temperature', 'topP', 'topK', 'maxOutputTokens'],
  ],
])('$name says which settings it has no words for', (harness, keys) => {
  expect(keysOf(launch(harness).notHonoured)).toEqual(keys)
  expect(launch(harness, { tuning: {} }).notHonoured.filter((each) => !each.startsWith('model'))).toEqual([])
})

test('Claude Code has a level of effort, none at all, and a limit of tokens', () => {
  expect(launch(claudeCode as Harness).env).toMatchObject({
    CLAUDE_CODE_EFFORT_LEVEL: 'high',
    CLAUDE_CODE_MAX_OUTPUT_TOKENS: '99',
  })
  const off = launch(claudeCode as Harness, { tuning: { thinkingLevel: 'off' } })
  expect(off.env).toMatchObject({ MAX_THINKING_TOKENS: '0' })
  expect(off.env.CLAUDE_CODE_EFFORT_LEVEL).toBeUndefined()
  const least = launch(claudeCode as Harness, { tuning: { thinkingLevel: 'minimal' } })
  expect(least.env.CLAUDE_CODE_EFFORT_LEVEL).toBe('low')
  expect(least.notHonoured).toEqual(['thinkingLevel minimal: low is the least of Claude Code'])
})

test('Codex has both as settings of its own, also where a person is asked', () => {
  for (const autonomy of ['full', 'ask'] as const) {
    const { argv } = codex.launch(runInput({ autonomy, given: { ...nothingGiven, tuning: all } }))
    expect(argv).toContain('model_provider="acme"')
    expect(argv).toContain('model_reasoning_effort="high"')
  }
  const { argv } = codex.launch(runInput({ given: { ...nothingGiven, tuning: { thinkingLevel: 'off' } } }))
  expect(argv).toContain('model_reasoning_effort="none"')
})

test('Pi, OpenCode and Claude Code are shown files, and no text stands in an argument', () => {
  for (const harness of [pi, opencode, claudeCode] as Harness[]) {
    expect(harness.takes).toEqual(['instructions', 'skills'])
    const { argv, files = [], env } = launch(harness)
    expect(files.find(({ name }) => name === 'instructions.md')?.text).toBe('Be brief.')
    expect(files.find(({ name }) => name.endsWith('moon/SKILL.md'))?.text).toContain('description: "how to land"')
    expect(argv.join(' ')).not.toContain('brief')
    expect([...argv, ...Object.values(env)].join(' ')).toContain('/runs/1/files/instructions.md')
  }
})

test('OpenCode adds to what its user has configured, and reads the attached files', () => {
  const own = { instructions: ['mine.md'], skills: { paths: ['/mine'] }, agent: { build: { temperature: 1 } } }
  const env = { OPENCODE_CONFIG_CONTENT: JSON.stringify(own) }
  const { env: made, argv } = opencode.launch(runInput({ autonomy: 'edit', model: 'm', env, given }))
  expect(JSON.parse(made.OPENCODE_CONFIG_CONTENT ?? '')).toMatchObject({
    instructions: ['mine.md', '/runs/1/files/instructions.md'],
    skills: { paths: ['/mine', '/runs/1/files/skills'] },
    agent: { build: { temperature: 0.5, top_p: 0.9 } },
  })
  expect(JSON.parse(made.OPENCODE_PERMISSION ?? '').external_directory).toEqual({
    '*': 'deny',
    '/runs/1/attachments/*': 'allow',
    '/runs/1/files/skills/*': 'allow',
  })
  expect(argv).toContain('--model=acme/m')
  expect(argv).toContain('--variant=high')
})

test('a text that is a skill’s file already stays as it is', () => {
  const text = '---\nname: other\ndescription: x\n---\nGo.'
  const { files = [] } = launch(pi as Harness, { skills: [{ slug: 'moon', text }] })
  expect(files.find(({ name }) => name.endsWith('SKILL.md'))?.text).toBe(text)
})
