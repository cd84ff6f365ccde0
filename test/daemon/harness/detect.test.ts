// A CLI that is missing, too old, silent or strange is told with its remedy.

import { expect, test } from 'vitest'
import { isOlder } from '../../../src/daemon/harness/detect.ts'
import { builtIn } from '../../../src/daemon/harness/registry.ts'
import { fakeHost } from './hosts.ts'

const clis = builtIn.filter((harness) => harness.name !== 'shell')
const programs: Readonly<Record<string, string>> = { 'claude-code': 'claude', 'gemini-cli': 'gemini' }
const programOf = (name: string) => programs[name] ?? name

test.each(clis)('$name that is missing says how to install it', async (harness) => {
  const found = await harness.detect(fakeHost({}))
  expect(found).toMatchObject({ ready: false, version: null })
  expect(found.problem).toMatch(/is not on PATH: install it with npm install -g @?[\w/-]+$/)
})

test.each(clis)('$name that does not answer says so', async (harness) => {
  const found = await harness.detect(fakeHost({ programs: { [programOf(harness.name)]: null } }))
  expect(found).toMatchObject({ ready: false, version: null })
  expect(found.problem).toContain('did not answer --version')
})

test.each(clis)('$name without a sign-in says how to sign in', async (harness) => {
  const found = await harness.detect(fakeHost({ programs: { [programOf(harness.name)]: '99.1.0' } }))
  expect(found).toMatchObject({ ready: false, version: '99.1.0' })
  expect(found.problem).toMatch(/is not signed in: run .*, or set/)
})

test.each([
  ['gemini-cli', '0.10.9', '0.11.0'],
  ['pi', '0.74.2', '0.80.4'],
  ['opencode', '1.15.13', '1.18.0'],
])('%s %s is too old', async (name, version, minimum) => {
  const harness = clis.find((each) => each.name === name)
  const found = await harness?.detect(
    fakeHost({ programs: { [programOf(name)]: version }, env: { OPENAI_API_KEY: 'k' } }),
  )
  expect(found).toMatchObject({ ready: false, version })
  expect(found?.problem).toContain(`is ${version}, too old: update it to ${minimum} or newer with npm install -g`)
})

test('a version that is none of numbers is shown, not called old', async () => {
  const harness = clis.find((each) => each.name === 'pi')
  const found = await harness?.detect(
    fakeHost({ programs: { pi: 'garbage \u0000 nightly' }, env: { OPENAI_API_KEY: 'k' } }),
  )
  expect(found).toMatchObject({ ready: true })
})

test.each([
  ['1.2.3', '1.2.3', false],
  ['1.2.4', '1.2.3', false],
  ['1.10.0', '1.9.9', false],
  ['1.2.3-beta.1', '1.2.3', false],
  ['2', '1.9', false],
  ['1.2', '1.2.1', true],
  ['0.9.9', '1.0.0', true],
  ['nightly', '1.0.0', false],
])('%s is older than %s: %s', (version, minimum, older) => {
  expect(isOlder(version, minimum)).toBe(older)
})
