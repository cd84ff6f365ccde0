// The form that an adapter takes for a run in a terminal.

import { describe, expect, it } from 'vitest'
import { nothingGiven } from '../../../src/daemon/harness/given.ts'
import type { RunInput } from '../../../src/daemon/harness/port.ts'
import { builtIn } from '../../../src/daemon/harness/registry.ts'
import { interactiveForm } from '../../../src/daemon/run/interactive.ts'

const input: RunInput = {
  ...{ prompt: 'the words of the task', promptFile: '/run/prompt', cwd: '/w', model: null, autonomy: 'full' },
  ...{ maxTurns: null, sessionRef: null, trusted: false, asRoot: true, env: {}, mcp: null, filesDir: '/run/files' },
  given: nothingGiven,
}
const withForm = builtIn.flatMap((harness) => {
  const form = interactiveForm(harness)
  return form === null ? [] : [[harness.name, form] as const]
})

describe.each(withForm)('%s in a terminal', (name, form) => {
  it('has a screen instead of a parser, so nothing is read from its state', () => {
    expect(form.initial()).toBeNull()
    for (const key of ['answer', 'message', 'cancel', 'unread'] as const) expect(form[key], key).toBeUndefined()
    expect(form.reduce(null, { stream: 'stdout', text: '{}' }, input)).toEqual({ state: null, events: [] })
    expect(form.finish(null, { code: 0, signal: null })).toMatchObject({ ok: true })
    expect(form.finish(null, { code: 3, signal: null })).toMatchObject({ ok: false, reason: 'agent_failed' })
  })

  it('gets the words of its task by a file, not by its command line', () => {
    const { argv, files = [] } = form.launch(input)
    expect(argv.join(' ')).not.toContain(input.prompt)
    if (name !== 'shell') expect(files.map(({ text }) => text)).toContain(input.prompt)
  })
})

it('the CLIs that would stop to ask whether their folder is to be trusted are told before', () => {
  const forms = new Map(withForm)
  const claude = forms.get('claude-code')?.launch(input)
  expect(claude?.argv).toContain('--settings={"skipDangerousModePermissionPrompt":true}')
  expect(claude?.env).toMatchObject({ CLAUDE_CODE_SANDBOXED: '1' })
  expect(
    forms
      .get('claude-code')
      ?.launch({ ...input, autonomy: 'ask' })
      .argv.join(' '),
  ).not.toContain('Dangerous')
  const gemini = forms.get('gemini-cli')?.launch(input)
  const list = gemini?.files?.find((file) => `/run/files/${file.name}` === gemini.env.GEMINI_CLI_TRUSTED_FOLDERS_PATH)
  expect(JSON.parse(list?.text ?? '{}')).toEqual({ '/run/files/task': 'TRUST_FOLDER' })
  expect(forms.get('codex')?.launch({ ...input, trusted: true }).argv).toContain(
    'projects={"/w"={trust_level="trusted"}}',
  )
})
