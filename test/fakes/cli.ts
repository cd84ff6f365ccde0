// Shell scripts that claim to be an agent CLI: on PATH, with a version, printing what the real one was seen to print.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { World } from '../journeys/world.ts'
import type { Transcript } from './agent-play.ts'

export interface FakeCli {
  /** What a daemon needs to find it and to believe that it is signed in. */
  readonly env: Record<string, string>
  /** How often it was started for work. */
  runs(): number
}

/** `script`: what it does when it is started for work; `$input` holds what it was told, `$0.runs` counts the starts. */
export function fakeCli(
  world: World,
  { folder, program, version, script }: { folder: string; program: string; version: string; script: string },
): FakeCli {
  const bin = join(world.root, folder)
  const path = join(bin, program)
  const head = `#!/bin/sh\n[ "$1" = --version ] && { echo '${version}'; exit 0; }\ninput="$* $(cat)"\necho run >> "$0.runs"\n`
  world.write(path, head + script, 0o755)
  return {
    env: { PATH: `${bin}:${world.env().PATH}` },
    runs: () => (existsSync(`${path}.runs`) ? readFileSync(`${path}.runs`, 'utf8').trim().split('\n').length : 0),
  }
}

/** A line of a script that prints JSON. */
export function print(...lines: readonly object[]): string {
  return lines.map((line) => `printf '%s\\n' ${quoted(JSON.stringify(line))}\n`).join('')
}

/** Plays the transcript that `$input` names. */
export function playNamed(transcripts: Readonly<Record<string, Transcript>>): string {
  const cases = Object.entries(transcripts).map(([name, { lines, end }]) => {
    const printed = lines.map(
      ({ stream, text }) => `printf '%s\\n' ${quoted(text)}${stream === 'stderr' ? ' >&2' : ''}\n`,
    )
    const last = 'exit' in end ? `exit ${end.exit}` : `kill -${end.kill.replace('SIG', '')} $$`
    return `*${name}*)\n${printed.join('')}${last} ;;\n`
  })
  return `case "$input" in\n${cases.join('')}esac\nexit 99\n`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** Lines of Claude Code 2.1.329, shortened to what matters. */
export const claude = {
  init: { type: 'system', subtype: 'init', session_id: '5e0e4bd2-9a3c-4c3e-8f0e-1d1c5c5c0a01', model: 'claude-sonnet' },
  text: (text: string) => ({
    type: 'assistant',
    message: { id: 'msg_1', content: [{ type: 'text', text }], usage: { input_tokens: 10, output_tokens: 5 } },
  }),
  success: {
    type: 'result',
    subtype: 'success',
    is_error: false,
    result: 'done',
    num_turns: 1,
    usage: { input_tokens: 10, output_tokens: 5 },
    total_cost_usd: 0.01,
    terminal_reason: 'completed',
  },
  retry: (attempt: number, error = 'rate_limit', status = 429) => ({
    type: 'system',
    subtype: 'api_retry',
    attempt,
    max_retries: 10,
    retry_delay_ms: 500,
    error_status: status,
    error,
  }),
  error: (error: string, text: string, status: number) => [
    { type: 'assistant', error, message: { model: '<synthetic>', content: [{ type: 'text', text }] } },
    { type: 'result', subtype: 'success', is_error: true, api_error_status: status, result: text },
  ],
}

/** Claude Code on an account whose limit is spent until the instant in `file` (ms); afterwards it works. */
export function limitedClaude(world: World, folder: string, file: string): FakeCli {
  const [said, result] = claude.error('rate_limit', 'Claude AI usage limit reached|RESET', 429)
  const script = `until=$(cat '${file}' 2>/dev/null || echo 0)
if [ "$(date +%s%3N)" -lt "$until" ]; then
${print(claude.init)}${print(said ?? {}, result ?? {}).replaceAll('RESET', `'"$until"'`)}exit 1
fi
${print(claude.init, claude.text('done'), claude.success)}`
  const made = fakeCli(world, { folder, program: 'claude', version: '2.1.329 (Claude Code)', script })
  return { ...made, env: { ...made.env, ANTHROPIC_API_KEY: `sk-ant-${folder}` } }
}
