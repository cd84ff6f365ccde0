import { expect, it } from 'vitest'
import { camel, kebab, readValue, type Setting, variableOf } from '../../src/lib/config.ts'
import { editDistance, nearest } from '../../src/lib/suggest.ts'

const read = (setting: Omit<Setting, 'name'>, raw: unknown) => {
  const reading = readValue({ name: 'x', ...setting }, raw)
  return reading.ok ? reading.value : reading
}

it('reads each kind from text and from what TOML holds', () => {
  expect(read({ kind: 'text' }, 'a')).toBe('a')
  expect(read({ kind: 'list' }, 'a, b,')).toEqual(['a', 'b'])
  expect(read({ kind: 'list' }, ['a,b'])).toEqual(['a,b'])
  expect(read({ kind: 'list', commas: true }, ['a,b', 'c'])).toEqual(['a', 'b', 'c'])
  expect(read({ kind: 'flag' }, 'off')).toBe(false)
  expect(read({ kind: 'count' }, '12')).toBe(12)
  expect(read({ kind: 'amount' }, '1.5')).toBe(1.5)
  expect(read({ kind: 'duration' }, '1m30s')).toBe(90_000)
  expect(read({ kind: 'map' }, 'a=1,b=x=y')).toEqual({ a: '1', b: 'x=y' })
  expect(read({ kind: 'map' }, { a: 1 })).toEqual({ a: '1' })
})

it('says what a value must be', () => {
  expect(read({ kind: 'count', min: 1, max: 3 }, '4')).toEqual({ ok: false, expected: 'a whole number from 1 to 3' })
  expect(read({ kind: 'count' }, '1.5')).toMatchObject({ ok: false })
  expect(read({ kind: 'count' }, '')).toMatchObject({ ok: false })
  expect(read({ kind: 'amount', min: 0 }, '-1')).toEqual({ ok: false, expected: 'a number of 0 or more' })
  expect(read({ kind: 'duration' }, 90)).toMatchObject({ ok: false })
  expect(read({ kind: 'flag' }, 'maybe')).toEqual({ ok: false, expected: 'true or false' })
  expect(read({ kind: 'map' }, '=x')).toEqual({ ok: false, expected: 'key=value' })
  expect(read({ kind: 'list', choices: ['a', 'b'] }, ['a', 'c'])).toEqual({ ok: false, expected: 'one of a, b' })
})

it('names go between flag, variable and code', () => {
  expect([camel('max-agents'), kebab('maxAgents'), kebab('max_agents'), variableOf('max-agents')]).toEqual([
    'maxAgents',
    'max-agents',
    'max-agents',
    'CAPSTAN_MAX_AGENTS',
  ])
})

it('suggests the nearest word, and nothing when none is near', () => {
  expect(nearest('runing', ['running', 'queued'])).toBe('running')
  expect(nearest('pol', ['poll', 'once'])).toBe('poll')
  expect(nearest('xyzzy', ['running', 'queued'])).toBeNull()
  expect(editDistance('ab', 'ba')).toBe(1)
})
