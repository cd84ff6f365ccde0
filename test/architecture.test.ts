// The walls of the house that the linter cannot see.

import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const read = (pattern: string) => globSync(pattern).map((path) => ({ path, text: readFileSync(path, 'utf8') }))
const sources = read('src/**/*.ts')
/** The page: a browser's clock and storage are its own, the rest of the manners are the house's. */
const pages = read('web/**/*.{ts,tsx}')

function where(pattern: RegExp): string[] {
  return sources
    .filter(({ text }) => pattern.test(text))
    .map(({ path }) => path)
    .sort()
}

describe('the house', () => {
  it.each([
    ['spawns processes', /from 'node:child_process'/, ['src/lib/exec.ts']],
    ['opens SQLite', /import \{[^}]*DatabaseSync[^}]*\} from 'node:sqlite'|new DatabaseSync/, ['src/lib/sqlite.ts']],
    ['reads the environment', /\bprocess\.env\b/, ['src/lib/env.ts']],
    ['reads the clock', /\bDate\.now\(|\bnew Date\(\)|performance\.now\(/, ['src/lib/clock.ts']],
  ])('has one file that %s', (_, pattern, only) => {
    expect(where(pattern)).toEqual(only)
  })

  it('imports main from nowhere, and an adapter never its sibling', () => {
    expect(where(/from '[^']*\/main\.ts'/)).toEqual([])
    expect(
      where(/from '\.\/(claude-code|codex|shell|custom)[^']*'/).filter(
        (path) => !/registry|claude-code|codex/.test(path),
      ),
    ).toEqual([])
  })

  it('has no file over 400 lines and none with a name that says nothing', () => {
    expect([...sources, ...pages].filter(({ text }) => text.split('\n').length > 400).map(({ path }) => path)).toEqual(
      [],
    )
    expect(
      [...sources, ...pages]
        .filter(({ path }) => /\b(manager|helpers?|utils?|common|misc)\b/.test(path))
        .map(({ path }) => path),
    ).toEqual([])
  })

  it('says at the head of each file what it is', () => {
    expect([...sources, ...pages].filter(({ text }) => !text.startsWith('//')).map(({ path }) => path)).toEqual([])
  })

  it('leaves no debts in the text', () => {
    expect(where(/\b(TODO|FIXME|XXX|HACK)\b|@ts-ignore|@ts-nocheck/)).toEqual([])
  })
})
