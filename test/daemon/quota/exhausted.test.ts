// What a host remembers of its accounts' limits.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import type { HostProbe } from '../../../src/daemon/harness/port.ts'
import { Exhausted } from '../../../src/daemon/quota/exhausted.ts'
import { Quota } from '../../../src/daemon/quota/keeper.ts'
import { readQuotaSettings } from '../../../src/daemon/quota/settings.ts'
import type { RunFailure } from '../../../src/daemon/run/state.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { HandClock } from '../../fakes/clock.ts'

const mine = { harness: 'claude-code', account: 'key-1' }
const now = 1_760_000_000_000
const minute = 60_000

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'capstan-quota-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function open(): Exhausted {
  return new Exhausted({ dir, hostId: 'host-1' }, silentLog)
}

function probe(env: Record<string, string>): HostProbe {
  return { env, which: () => null, output: async () => null, read: () => null, list: () => [] }
}

test('a spent quota is remembered for its account alone, across starts, until shortly after it returns', () => {
  const until = open().note(mine, { resetAt: now + 60 * minute, firstMs: 15 * minute, now })
  expect(until).toBeGreaterThanOrEqual(now + 60 * minute)
  expect(until).toBeLessThanOrEqual(now + 61 * minute)
  const later = open()
  expect(later.until(mine, now + minute)).toBe(until)
  expect(later.until({ ...mine, account: 'key-2' }, now)).toBeNull()
  expect(later.until({ ...mine, harness: 'codex' }, now)).toBeNull()
  expect(later.until(mine, until)).toBeNull()
})

test('agents of one account that meet its limit together are one stop; a later time that is told counts', () => {
  const exhausted = open()
  const stop = { resetAt: null, firstMs: 15 * minute, now }
  const first = exhausted.note(mine, stop)
  for (let n = 1; n < 5; n += 1) expect(exhausted.note(mine, { ...stop, now: now + n })).toBe(first)
  expect(exhausted.note(mine, { ...stop, resetAt: now + 300 * minute })).toBeGreaterThan(first)
})

test('where nobody says when it returns the waits double, up to four hours; an agent that works makes the next one short again', () => {
  const exhausted = open()
  let at = now
  const waits: number[] = []
  for (let n = 0; n < 7; n += 1) {
    const until = exhausted.note(mine, { resetAt: null, firstMs: 15 * minute, now: at })
    waits.push(Math.floor((until - at) / (15 * minute)))
    at = until
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 16, 16])
  exhausted.worked(mine, at)
  expect(Math.floor((exhausted.note(mine, { resetAt: null, firstMs: minute, now: at }) - at) / minute)).toBe(1)
})

test('a person who lets the host take work again makes it forget', () => {
  const exhausted = open()
  expect(exhausted.forget(now)).toBe(false)
  exhausted.note(mine, { resetAt: now + minute, firstMs: minute, now })
  expect(exhausted.forget(now)).toBe(true)
  expect([exhausted.until(mine, now), open().until(mine, now)]).toEqual([null, null])
})

test('a reset that was read wrongly does not close an account for years', () => {
  expect(open().note(mine, { resetAt: now * 10, firstMs: minute, now }) - now).toBeLessThan(33 * 24 * 60 * minute)
})

test('a file that is damaged costs one more try, not the daemon; one that cannot be written is still known', () => {
  writeFileSync(join(dir, 'exhausted.json'), '{"entries": [{"harness": 1}')
  const exhausted = open()
  expect(exhausted.until(mine, now)).toBeNull()
  rmSync(join(dir, 'exhausted.json'))
  mkdirSync(join(dir, 'exhausted.json')) // nobody can rename a file over a folder
  const until = exhausted.note(mine, { resetAt: now + minute, firstMs: minute, now })
  expect(exhausted.until(mine, now)).toBe(until)
})

function keeper(billing: 'fail' | 'park', env: Record<string, string> = { ANTHROPIC_API_KEY: 'sk-ant-secret' }) {
  const clock = new HandClock(now)
  const settings = { billing }
  return new Quota({
    state: { dir, hostId: 'host-1' },
    harnesses: [claudeCode],
    settings,
    clock,
    log: silentLog,
    probe: () => probe(env),
  })
}

function failed(reason: RunFailure['reason'], kind: RunFailure['class']): RunFailure {
  return { reason, detail: 'no', class: kind, resetAt: null }
}

test('a rate limit is looked at again after a minute, a spent quota after 15; the report says when', () => {
  expect(keeper('fail').ended('claude-code', failed('quota', 'rate_limit'))?.resetAt).toBeLessThan(now + 2 * minute)
  rmSync(join(dir, 'exhausted.json'))
  const told = keeper('fail').ended('claude-code', failed('quota', 'quota'))
  expect(told?.resetAt).toBeGreaterThanOrEqual(now + 15 * minute)
  const found = { name: 'claude-code', version: '1', ready: true, problem: null }
  const account = claudeCode.account?.(probe({ ANTHROPIC_API_KEY: 'sk-ant-secret' })) ?? ''
  expect(keeper('fail').mark([{ ...found, account }])).toEqual([{ ...found, account, exhaustedUntil: told?.resetAt }])
  expect(keeper('fail').mark([{ ...found, account: 'key-other' }])).toEqual([{ ...found, account: 'key-other' }])
})

test('what is written and told of an account says nothing of its key', () => {
  keeper('fail').ended('claude-code', failed('quota', 'quota'))
  expect(readFileSync(join(dir, 'exhausted.json'), 'utf8')).not.toContain('secret')
})

test('a bill fails the task, and parks it where daemon.toml says so; other failures are none of a quota’s', () => {
  expect(keeper('fail').ended('claude-code', failed('billing', 'billing'))?.reason).toBe('billing')
  expect(keeper('park').ended('claude-code', failed('billing', 'billing'))).toMatchObject({
    reason: 'quota',
    class: 'billing',
  })
  expect(keeper('park').ended('claude-code', failed('auth', 'auth'))).toEqual(failed('auth', 'auth'))
  const path = join(dir, 'daemon.toml')
  expect(readQuotaSettings(path)).toEqual({ billing: 'fail' })
  writeFileSync(path, '[quota]\nbilling = "park"\n')
  expect(readQuotaSettings(path)).toEqual({ billing: 'park' })
  writeFileSync(path, '[quota]\nbilling = "wait"\n')
  expect(() => readQuotaSettings(path)).toThrow(/\[quota\].*billing/)
})
