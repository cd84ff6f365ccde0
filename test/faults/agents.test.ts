// Mistaking what an agent CLI said: real processes that print what the real CLIs print, and lie as they do.

import { expect, test } from 'vitest'
import type { TaskView } from '../../src/protocol/task.ts'
import { geminiEndings } from '../daemon/harness/gemini-transcripts.ts'
import { opencodeEndings } from '../daemon/harness/opencode-transcripts.ts'
import { piEndings } from '../daemon/harness/pi-transcripts.ts'
import type { Endings } from '../daemon/harness/transcripts.ts'
import { claudeEndings, codexEndings } from '../daemon/harness/transcripts.ts'
import type { Transcript } from '../fakes/agent-play.ts'
import { fakeCli, playNamed } from '../fakes/cli.ts'
import type { Field } from './field.ts'
import { fieldOfEachTest } from './field.ts'

const make = fieldOfEachTest()

interface Cli {
  readonly program: string
  readonly version: string
  readonly endings: Endings
}

const clis: Readonly<Record<string, Cli>> = {
  'claude-code': { program: 'claude', version: '2.1.329 (Claude Code)', endings: claudeEndings },
  codex: { program: 'codex', version: 'codex-cli 0.169.0', endings: codexEndings },
  'gemini-cli': { program: 'gemini', version: '0.61.0', endings: geminiEndings },
  opencode: { program: 'opencode', version: '1.18.33', endings: opencodeEndings },
  pi: { program: 'pi', version: '0.87.1', endings: piEndings },
}

/** A host on which each CLI plays the transcript that its prompt names. */
async function hostOf(field: Field, play: (cli: Cli) => Record<string, Transcript | null>): Promise<void> {
  let env: Record<string, string> = { ANTHROPIC_API_KEY: 'k', OPENAI_API_KEY: 'k', GEMINI_API_KEY: 'k' }
  for (const cli of Object.values(clis)) {
    const named = Object.entries(play(cli)).filter((pair): pair is [string, Transcript] => pair[1] !== null)
    const { program, version } = cli
    const made = fakeCli(field.world, { folder: 'bin', program, version, script: playNamed(Object.fromEntries(named)) })
    env = { ...env, ...made.env }
  }
  await field.host('box', { env, args: ['--max-agents', '10'] })
}

/** One task for each CLI and each word; their ends, by `harness word`. */
async function endsOf(field: Field, words: readonly string[]): Promise<Map<string, TaskView>> {
  const wanted = Object.keys(clis).flatMap((harness) => words.map((word) => ({ harness, word })))
  const ends = wanted.map(async ({ harness, word }) => {
    const { id } = await field.add(word, { harness, maxAttempts: 1 })
    return [`${harness} ${word}`, await field.ended(id)] as const
  })
  return new Map(await Promise.all(ends))
}

function short(ends: Map<string, TaskView>): Record<string, string> {
  return Object.fromEntries([...ends].map(([name, task]) => [name, `${task.state} ${task.reason}`]))
}

test('a crash is not a success: an agent that is killed, and one that exits 0 without its own last word', async () => {
  const field = await make()
  await hostOf(field, ({ endings }) => ({ 'case-killed': endings.killed, 'case-silent': endings.silentEnd }))
  const ends = await endsOf(field, ['case-killed', 'case-silent'])
  for (const [name, task] of ends) {
    expect([name, task.state, task.reason]).toEqual([name, 'failed', 'agent_failed'])
    const how = name.endsWith('killed') ? 'signal SIGKILL' : 'exit code 0'
    expect(task.attempts[0]?.detail).toContain(`ended with ${how} before it reported a result`)
  }
  expect(ends.size).toBe(10)
})

test('exit codes lie: a model error that exits 0, `success` with is_error, an HTTP status modulo 256', async () => {
  const field = await make()
  const lie = (transcript: Transcript | null) => transcript && { ...transcript, end: { exit: 0 } as const }
  await hostOf(field, ({ endings }) => ({
    'case-honest': endings.success,
    'case-error': lie(endings.modelError),
    'case-auth': endings.auth,
  }))
  expect(short(await endsOf(field, ['case-honest', 'case-error', 'case-auth']))).toEqual({
    'claude-code case-honest': 'completed null',
    'claude-code case-error': 'failed transport',
    'claude-code case-auth': 'failed auth',
    'codex case-honest': 'completed null',
    'codex case-error': 'failed transport',
    'codex case-auth': 'failed auth',
    'gemini-cli case-honest': 'completed null',
    'gemini-cli case-error': 'failed model_invalid',
    'gemini-cli case-auth': 'failed auth',
    'opencode case-honest': 'completed null',
    'opencode case-error': 'failed transport',
    'opencode case-auth': 'failed auth',
    'pi case-honest': 'completed null',
    'pi case-error': 'failed transport',
    'pi case-auth': 'failed auth',
  })
})

test('prose instead of structured output does not fail work that was done', async () => {
  const field = await make()
  const script = `echo work > work.txt\n${playNamed({ 'case-honest': claudeEndings.success })}`
  const cli = fakeCli(field.world, { folder: 'bin', program: 'claude', version: '2.1.329 (Claude Code)', script })
  await field.host('box', { env: { ...cli.env, ANTHROPIC_API_KEY: 'k' } })
  const outputSchema = { type: 'object', properties: { verdict: { type: 'string' } }, required: ['verdict'] }
  const work = { harness: 'claude-code', repo: 'app', outputSchema } as const
  const done = await field.add('case-honest', { ...work, expect: 'changes' })
  const task = await field.ended(done.id)
  expect(task.state).toBe('completed')
  expect(task.attempts[0]).toMatchObject({ output: null, evidence: { filesChanged: 1 } })
  // Where the output is what was asked for, prose is not it; the files are kept all the same.
  const asked = await field.add('case-honest', { ...work, expect: 'output' })
  const failed = await field.ended(asked.id)
  expect(failed).toMatchObject({ state: 'failed', reason: 'output_invalid' })
  expect(failed.attempts[0]).toMatchObject({ evidence: { filesChanged: 1, checkpointRef: expect.any(String) } })
})
