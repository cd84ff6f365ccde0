// Which harness runs a task, and what must be there first.

import { expect, test } from 'vitest'
import type { HarnessWish } from '../../../src/daemon/harness/choose.ts'
import { chooseHarness } from '../../../src/daemon/harness/choose.ts'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { pi } from '../../../src/daemon/harness/pi.ts'
import { preflight, refuseAutonomy } from '../../../src/daemon/harness/preflight.ts'
import { builtIn, makeRegistry } from '../../../src/daemon/harness/registry.ts'
import { shell } from '../../../src/daemon/harness/shell.ts'
import type { HarnessFound } from '../../../src/protocol/fleet.ts'
import { fakeHost } from './hosts.ts'

const ready = (name: string): HarnessFound => ({ name, version: '1', ready: true, problem: null })
const missing = (name: string): HarnessFound => ({ name, version: null, ready: false, problem: `install ${name}` })
const nobody: HarnessWish = { task: null, profile: null, repo: null }

test('the task’s wish goes before the profile’s, the profile’s before the repository’s', () => {
  const found = builtIn.map((harness) => ready(harness.name))
  const name = (wish: Partial<HarnessWish>) => {
    const choice = chooseHarness({ ...nobody, ...wish }, builtIn, found)
    return choice.ok ? choice.harness.name : choice.detail
  }
  expect(name({ task: 'shell', profile: 'codex', repo: 'claude-code' })).toBe('shell')
  expect(name({ profile: 'codex', repo: 'claude-code' })).toBe('codex')
  expect(name({ repo: 'codex' })).toBe('codex')
})

test('without a wish the first ready harness runs, and a script’s shell never by itself', () => {
  const found = [missing('claude-code'), ready('codex'), ready('shell')]
  expect(chooseHarness(nobody, builtIn, found)).toMatchObject({ ok: true, harness: { name: 'codex' } })
  const none = chooseHarness(nobody, builtIn, [missing('claude-code'), missing('codex'), ready('shell')])
  expect(none).toMatchObject({ ok: false })
  expect(none.ok ? '' : none.detail).toContain('install claude-code. Or: install codex')
})

test('a harness of the host’s own may be the default', () => {
  const registry = makeRegistry({ mine: { command: 'mine', stdin: true } })
  const choice = chooseHarness(nobody, registry, [missing('claude-code'), ready('mine')])
  expect(choice).toMatchObject({ ok: true, harness: { name: 'mine' } })
})

test('a wish that cannot be met is not replaced by another agent', () => {
  const found = [missing('claude-code'), ready('codex')]
  const unready = chooseHarness({ ...nobody, task: 'claude-code' }, builtIn, found)
  expect(unready).toEqual({ ok: false, detail: 'the harness claude-code is not ready here: install claude-code' })
  const unknown = chooseHarness({ ...nobody, task: 'clawd' }, builtIn, found)
  expect(unknown).toMatchObject({
    ok: false,
    detail: expect.stringContaining('no harness clawd; it knows claude-code'),
  })
})

test('a spent quota is passed over where any agent will do, and waited for where one is meant', () => {
  const spent = (name: string, exhaustedUntil: number): HarnessFound => ({ ...ready(name), exhaustedUntil })
  const found = [spent('claude-code', 2_000), ready('codex')]
  expect(chooseHarness(nobody, builtIn, found)).toMatchObject({ ok: true, harness: { name: 'codex' } })
  const waits = { ok: false, spentUntil: 2_000 }
  expect(chooseHarness({ ...nobody, onlyFirst: true }, builtIn, found)).toMatchObject(waits)
  expect(chooseHarness({ ...nobody, profile: 'claude-code' }, builtIn, found)).toMatchObject(waits)
  const all = [spent('claude-code', 2_000), spent('codex', 1_000)]
  expect(chooseHarness(nobody, builtIn, all)).toMatchObject({ ok: false, spentUntil: 1_000 })
})

test('what lacks is told in sentences', () => {
  const host = fakeHost({ env: { SET: 'x', EMPTY: '' }, programs: { git: '' } })
  const needs = { requiredEnv: ['SET', 'EMPTY', 'UNSET'], requiredTools: ['git', 'cargo'] }
  const lacks = preflight(needs, missing('codex'), host)
  expect(lacks.map((sentence) => sentence.split(' ').slice(0, 3).join(' '))).toEqual([
    'the variable EMPTY',
    'the variable UNSET',
    'the program cargo',
    'install codex',
  ])
  expect(preflight({}, ready('codex'), host)).toEqual([])
})

test('asking is refused where nothing relays it; a script cannot be held to edits', () => {
  for (const harness of [pi, shell])
    expect(refuseAutonomy(harness, 'ask')).toMatchObject({ reason: 'relay_unavailable' })
  expect(refuseAutonomy(claudeCode, 'edit')).toBeNull()
  expect(refuseAutonomy(shell, 'edit')).toMatchObject({ reason: 'policy_refused' })
})
