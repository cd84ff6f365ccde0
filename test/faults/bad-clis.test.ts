// Agent CLIs that misbehave as programs: they print nonsense or nothing, leave before they are told anything, or replace themselves at work.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claude, print } from '../fakes/cli.ts'
import { fieldOfEachTest } from './field.ts'

const make = fieldOfEachTest()

const said = (text: string) => print(claude.init, claude.text(text), { ...claude.success, result: text })

test('nonsense, silence and a CLI that does not read its prompt are crashes, told as such; one that replaces itself goes on', async () => {
  const field = await make()
  const bin = join(field.world.root, 'bin')
  const program = join(bin, 'claude')
  const version = (number: string) => `#!/bin/sh\n[ "$1" = --version ] && { echo '${number} (Claude Code)'; exit 0; }\n`
  // As updaters do it: the new file takes the old one's place while the old one runs.
  field.world.write(
    join(field.world.root, 'newer'),
    `${version('2.1.400')}cat >/dev/null\n${said('by the new one')}`,
    0o755,
  )
  const script = `case "$*" in *leaves*) exit 0 ;; esac
input=$(cat)
case "$input" in
*garbage*) head -c 100000 /dev/urandom; printf '\\n{"type":"result"\\n\\377\\376\\n'; exit 0 ;;
*silent*) exit 0 ;;
*replaces*) mv '${join(field.world.root, 'newer')}' "$0"
${said('by the old one')}exit 0 ;;
esac
exit 9
`
  field.world.write(program, version('2.1.329') + script, 0o755)
  const env = { PATH: `${bin}:${field.world.env().PATH}`, ANTHROPIC_API_KEY: 'k' }
  await field.host('box', { env })
  const run = async (prompt: string, model: string | null = null) => {
    const { id } = await field.add(prompt, { harness: 'claude-code', ...(model === null ? {} : { model }) })
    return field.ended(id)
  }
  // The model is an argument, so a CLI can leave on it before it reads anything; the prompt is larger than a pipe holds.
  const bad = await Promise.all([run('garbage'), run('silent'), run('x'.repeat(200_000), 'leaves')])
  for (const task of bad) {
    expect(task).toMatchObject({ state: 'failed', reason: 'agent_failed' })
    expect(task.attempts.at(-1)?.detail).toContain('Claude Code ended with exit code 0')
  }
  const replaced = await run('replaces')
  expect(replaced).toMatchObject({ state: 'completed' })
  expect(await field.said(replaced.id)).toEqual(['by the old one'])
  const after = await run('again')
  expect(after).toMatchObject({ state: 'completed' })
  expect(await field.said(after.id)).toEqual(['by the new one'])
  expect(existsSync(program) && readFileSync(program, 'utf8')).toContain('2.1.400')
})
