// How each adapter starts its CLI where the repository's own configuration must not count, and where it does.

import { describe, expect, test } from 'vitest'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { codex } from '../../../src/daemon/harness/codex.ts'
import { geminiCli } from '../../../src/daemon/harness/gemini-cli.ts'
import { opencode } from '../../../src/daemon/harness/opencode.ts'
import { pi } from '../../../src/daemon/harness/pi.ts'
import type { Harness, RunInput } from '../../../src/daemon/harness/port.ts'
import { builtIn } from '../../../src/daemon/harness/registry.ts'
import { runInput } from './hosts.ts'
import { out } from './transcripts.ts'

type Started = Pick<ReturnType<Harness['launch']>, 'argv' | 'env'>

/** Every way in which the adapter starts its CLI. */
function starts(
  { launch, interactive, autonomies }: Pick<Harness, 'launch' | 'interactive' | 'autonomies'>,
  of: Partial<RunInput>,
): Started[] {
  const inputs = autonomies.map((autonomy) => runInput({ ...of, autonomy }))
  return inputs.flatMap((input) => [launch(input), ...(interactive === undefined ? [] : [interactive(input)])])
}

const odd = '/w/a.b "c" é'

describe('configuration of the repository', () => {
  test('each built-in agent says what it is, so that nobody is surprised by a new one', () => {
    expect(builtIn.filter((harness) => !harness.explicit && harness.repoConfig === undefined)).toEqual([])
  })

  test('claude-code leaves out the project’s and the folder’s settings, and keeps the user’s', () => {
    for (const { argv } of starts(claudeCode, { trusted: false })) expect(argv).toContain('--setting-sources=user')
    for (const { argv } of starts(claudeCode, { trusted: true }))
      expect(argv.join(' ')).not.toContain('--setting-sources')
  })

  test.each([
    [false, 'untrusted'],
    [true, 'trusted'],
  ] as const)('codex is told in any case, since the user may have trusted the checkout: %s', (trusted, level) => {
    for (const { argv } of starts(codex, { trusted, cwd: odd })) {
      const at = argv.indexOf(`projects={${JSON.stringify(odd)}={trust_level="${level}"}}`)
      expect(argv[at - 1]).toBe('-c')
    }
  })

  test('gemini-cli does not trust the folder, and holds a conversation because its stream would refuse', () => {
    for (const { env } of starts(geminiCli, { trusted: false })) expect(env.GEMINI_CLI_TRUST_WORKSPACE).toBe('false')
    for (const { env } of starts(geminiCli, { trusted: true })) expect(env.GEMINI_CLI_TRUST_WORKSPACE).toBe('true')
    const launch = geminiCli.launch(runInput({ trusted: false, autonomy: 'full' }))
    expect(launch).toMatchObject({ argv: expect.arrayContaining(['--acp']), stdin: { kind: 'pipe' } })
    expect(geminiCli.launch(runInput({ trusted: true, autonomy: 'full' })).stdin.kind).toBe('file')
  })

  test('the untrusted conversation of gemini-cli is read as one, and its permissions are answered by the autonomy', () => {
    const input = runInput({ trusted: false, autonomy: 'full' })
    const lines = out(
      { jsonrpc: '2.0', id: 0, result: { protocolVersion: 1 } },
      { jsonrpc: '2.0', id: 1, result: { sessionId: 's1' } },
      {
        jsonrpc: '2.0',
        id: 'q1',
        method: 'session/request_permission',
        params: {
          sessionId: 's1',
          toolCall: { toolCallId: 't1', kind: 'execute', title: 'make' },
          options: [{ optionId: 'yes', name: 'Allow', kind: 'allow_once' }],
        },
      },
    )
    const sent: string[] = []
    let state = geminiCli.initial()
    for (const line of lines) {
      const step = geminiCli.reduce(state, line, input)
      state = step.state
      sent.push(...(step.send ?? []))
      expect(step.asks ?? []).toEqual([])
    }
    expect(sent.join('\n')).toContain('"optionId":"yes"')
  })

  test('pi decides for the run, and its conversations lie where they always do', () => {
    for (const { argv } of starts(pi, { trusted: true })) expect(argv).toContain('--approve')
    for (const { argv } of starts(pi, { trusted: false })) {
      expect(argv).toContain('--no-approve')
      expect(argv[argv.indexOf('--session-dir') + 1]).toBe('/home/u/.pi/agent/sessions/--w--')
    }
  })

  test('opencode is told to leave it out, though it obeys plugins all the same and is therefore not run', () => {
    for (const { env } of starts(opencode, { trusted: false })) expect(env.OPENCODE_DISABLE_PROJECT_CONFIG).toBe('1')
    for (const { env } of starts(opencode, { trusted: true }))
      expect(env).not.toHaveProperty('OPENCODE_DISABLE_PROJECT_CONFIG')
    expect(opencode.repoConfig?.untrusted).toBe('obeyed')
  })
})
