// Agents that may renew one credential store start one after the other; all others start together.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { makeHostProbe } from '../../../src/daemon/harness/probe.ts'
import type { TurnDeps } from '../../../src/daemon/run/credential-turn.ts'
import { credentialTurn, mayRenew } from '../../../src/daemon/run/credential-turn.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { silentLog } from '../../../src/lib/log.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'capstan-turn-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const storePath = () => join(home, '.credentials.json')

function sign(expiresAt: number, token = 'first'): void {
  writeFileSync(storePath(), JSON.stringify({ claudeAiOauth: { accessToken: token, expiresAt } }))
}

function deps(more: Record<string, string> = {}): TurnDeps {
  const env = { HOME: home, CAPSTAN_HOME: join(home, 'capstan'), CLAUDE_CONFIG_DIR: home, ...more }
  return { clock: systemClock, log: silentLog, env, probe: () => makeHostProbe(env) }
}

function turn(more: Record<string, string> = {}, told: string[] = [], signal = new AbortController().signal) {
  return credentialTurn(deps(more), claudeCode, { signal, tell: (message) => told.push(message) })
}

test('while the sign-in is about to expire one start holds the turn; whoever renewed it lets all others go at once', async () => {
  sign(Date.now() + 60_000)
  const order: string[] = []
  const first = await turn()
  const told: string[] = []
  const others = [1, 2, 3].map(async (n) => {
    const end = await turn({}, told)
    order.push(`${n} ${JSON.parse(readFileSync(storePath(), 'utf8')).claudeAiOauth.accessToken}`)
    return end // not ended: none of them needs its turn any more
  })
  await new Promise((done) => setTimeout(done, 1_200)) // the others are seen to wait: the span is the test
  expect(order).toEqual([])
  expect(told[0]).toBe('waits for another agent that may be renewing the sign-in of Claude Code')
  sign(Date.now() + 3_600_000, 'renewed')
  first()
  const ends = await Promise.all(others)
  expect(order.toSorted()).toEqual(['1 renewed', '2 renewed', '3 renewed'])
  for (const end of [first, ...ends]) end()
})

test('a sign-in that is fresh, and a key, need no turn', async () => {
  sign(Date.now() + 3_600_000)
  expect(mayRenew(deps(), claudeCode)).toBe(false)
  const ends = await Promise.all([turn(), turn(), turn()])
  for (const end of ends) end()
  rmSync(storePath())
  expect(mayRenew(deps(), claudeCode)).toBe(true)
  expect(mayRenew(deps({ ANTHROPIC_API_KEY: 'sk' }), claudeCode)).toBe(false)
})

test('a run that is stopped does not wait for its turn', async () => {
  sign(0)
  const end = await turn()
  const over = new AbortController()
  const waiting = turn({}, [], over.signal)
  over.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
  end()
  ;(await turn())()
})
