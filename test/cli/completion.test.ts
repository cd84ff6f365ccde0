// Completion: what may follow the words typed so far, and the scripts in the shells that are here.

import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { candidates } from '../../src/cli/completion/candidates.ts'
import { scripts } from '../../src/cli/completion/scripts.ts'
import { entries } from '../../src/cli/verbs.ts'
import { capstan, makeHome } from './run.ts'

const following = (...words: string[]) => candidates(words, entries)

describe('the words that fit', () => {
  it('are the verbs at first, a group’s verbs next, then options', async () => {
    expect(await following('')).toMatchObject({ words: expect.arrayContaining(['up', 'task', 'doctor']) })
    expect(await following('task', '')).toMatchObject({ words: expect.arrayContaining(['add', 'ls', 'cancel']) })
    expect(await following('task', 'add', 'fix it', '--ex')).toMatchObject({
      words: expect.arrayContaining(['--expect', '--json']),
    })
  })

  it('are an option’s choices after its name, and nothing where free text is wanted', async () => {
    expect(await following('task', 'add', '--expect', '')).toEqual({
      kind: 'words',
      words: ['changes', 'output', 'nothing'],
    })
    expect(await following('task', 'add', '--model', '')).toEqual({ kind: 'words', words: [] })
    expect(await following('nonsense', 'x', '')).toEqual({ kind: 'words', words: [] })
  })

  it('are task ids where a task is wanted', async () => {
    expect(await following('task', 'show', '')).toEqual({ kind: 'task' })
  })
})

it('bash completes a verb by the printed script', async () => {
  using home = makeHome()
  const { out } = await capstan(['completion', 'words', '--', 'tas'], { home: home.path })
  expect(out).toBe('task\n')
  const script = `capstan() { printf '%s\\n' "$@"; }
${scripts.bash}
COMP_WORDS=(capstan task sh); COMP_CWORD=2; _capstan; printf '%s|' "\${COMPREPLY[@]}"`
  expect(execFileSync('bash', ['-c', script]).toString()).toBe('completion|words|--|task|sh|')
})

it('another shell is refused with the ones there are', async () => {
  using home = makeHome()
  const { code, err } = await capstan(['completion', 'tcsh'], { home: home.path })
  expect(code).toBe(64)
  expect(err).toContain('bash, zsh, fish')
})
