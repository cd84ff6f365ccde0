// Following an agent: floods are told up to a limit, a line that breaks its reader costs that line alone, an end is seen without a watch.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Harness } from '../../../src/daemon/harness/port.ts'
import { shell } from '../../../src/daemon/harness/shell.ts'
import { openJournal } from '../../../src/daemon/journal/journal.ts'
import { followAgent, orphanMs, promptOf } from '../../../src/daemon/run/agent.ts'
import type { RunDeps } from '../../../src/daemon/run/deps.ts'
import { awaitExit } from '../../../src/daemon/run/ending.ts'
import { told } from '../../../src/daemon/run/flood.ts'
import { joined } from '../../../src/daemon/run/joined.ts'
import type { Held } from '../../../src/daemon/run/own-config.ts'
import { touchRun } from '../../../src/daemon/supervisor/run.ts'
import { readFileIfThere } from '../../../src/lib/atomic-file.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { exec } from '../../../src/lib/exec.ts'
import type { EventBody } from '../../../src/protocol/events.ts'
import type { Assignment } from '../../../src/protocol/link.ts'

let runDir: string
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'capstan-agent-'))
  for (const name of ['stdout.log', 'stderr.log']) writeFileSync(join(runDir, name), '')
})
afterEach(() => rmSync(runDir, { recursive: true }))

async function eventsOf(harness: Harness): Promise<EventBody[]> {
  using journal = openJournal(':memory:', 1).journal
  journal.saveRun({ attemptId: 'att_a', taskId: 'task_a', epoch: 1, n: 1, step: 'started', data: null })
  const probe = { env: {}, which: () => null, output: async () => null, read: () => null, list: () => [] }
  // only what following uses
  const places = { dataDir: runDir, capstanHome: runDir, secretDir: null }
  const host = { env: {}, secrets: () => ({}), probe: () => probe, places }
  const deps = { journal, clock: systemClock, ...host, poke: () => {} }
  const assignment = {
    attemptId: 'att_a',
    n: 1,
    task: { id: 'task_a', prompt: 'x', budgets: {} },
    profile: null,
  } as unknown as Assignment // the same
  const events: EventBody[] = []
  await followAgent(deps as unknown as RunDeps, {
    assignment,
    runDir,
    harness,
    workspace: null,
    cwd: runDir,
    ended: Promise.resolve(),
    signal: AbortSignal.timeout(20_000),
    onUsed: () => {},
    onEvents: (more) => events.push(...more),
  })
  return events
}

test('a line that its adapter cannot take is kept as it is, and the next one is read', async () => {
  const fussy: Harness = {
    ...shell,
    plain: true,
    initial: () => 0,
    reduce: (state, line) => {
      if (line.text === 'bad') throw new Error('cannot')
      return { state, events: [{ type: 'text', text: line.text }] }
    },
  }
  writeFileSync(join(runDir, 'stdout.log'), 'one\nbad\ntwo\n')
  expect(await eventsOf(fussy)).toEqual([
    { type: 'text', text: 'one' },
    { type: 'raw', stream: 'stdout', line: 'bad' },
    { type: 'text', text: 'two' },
  ])
})

test('a flood is told up to the limit, then one sentence, then nothing but what counts', async () => {
  const line = `${'x'.repeat(999)}\n`
  writeFileSync(join(runDir, 'stdout.log'), line.repeat(80_000))
  const events = await eventsOf(shell as Harness)
  const chars = events.reduce((sum, event) => sum + (event.type === 'text' ? event.text.length : 0), 0)
  expect(chars).toBeGreaterThan(67_000_000)
  expect(chars).toBeLessThan(67_300_000)
  expect(events.filter((event) => event.type === 'notice')).toEqual([
    { type: 'notice', message: "output beyond 64 MiB is only in the host's log" },
  ])
  expect(events.at(-1)?.type).toBe('notice')
})

test('beyond the limit usage and errors still pass', () => {
  const usage: EventBody = {
    type: 'usage',
    usage: { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 },
  } as EventBody // fields that are not looked at are left out
  const text: EventBody = { type: 'text', text: 'more' }
  expect(told([text, usage], { stdout: 9, stderr: 9 }, { stdout: 20, stderr: 9 }, 10)).toEqual([usage])
  expect(told([text, usage], { stdout: 1, stderr: 1 }, { stdout: 5, stderr: 1 }, 10)).toEqual([text, usage])
})

test('raw lines of one stream are joined, texts only of a plain output', () => {
  const raw = (stream: 'stdout' | 'stderr', line: string): EventBody => ({ type: 'raw', stream, line })
  const text = (words: string): EventBody => ({ type: 'text', text: words })
  const events = [raw('stderr', 'a'), raw('stderr', 'b'), raw('stdout', 'c'), text('d'), text('e')]
  expect(joined(events, false)).toEqual([raw('stderr', 'a\nb'), raw('stdout', 'c'), text('d'), text('e')])
  expect(joined(events)).toEqual([raw('stderr', 'a\nb'), raw('stdout', 'c'), text('d\ne')])
})

test('a folder that cannot be watched is looked at instead', async () => {
  rmSync(runDir, { recursive: true })
  await expect(awaitExit(runDir, systemClock, AbortSignal.timeout(10_000))).rejects.toMatchObject({
    reason: 'daemon_abort',
  })
  writeFileSync(runDir, '') // for the end of the test
})

test('a folder or a pipe where the daemon writes beside its files is replaced, not written to', async () => {
  mkdirSync(join(runDir, 'touched.new'))
  touchRun(runDir, 5_000)
  expect(readFileSync(join(runDir, 'touched'), 'utf8')).toBe('5\n')
  await exec('mkfifo', [join(runDir, 'touched.new'), join(runDir, 'exit')], { env: process.env, timeoutMs: 5_000 })
  touchRun(runDir, 6_000)
  expect(readFileSync(join(runDir, 'touched'), 'utf8')).toBe('6\n')
  expect(readFileIfThere(join(runDir, 'exit'))).toBe('')
})

test('an agent without a daemon lives as long as its task can come back, by the lease that the server gives it', () => {
  const asks = (leaseTtlMs: number) => ({ profile: { settings: { leaseTtlMs } } }) as unknown as Assignment // what is read of it
  const asksNothing = { profile: null }
  const server = { orphanAfterMs: 690_000, serverLeaseMs: () => 300_000 }
  expect(orphanMs({ orphanAfterMs: 690_000 }, asksNothing)).toBe(690_000)
  expect(orphanMs(server, asksNothing)).toBe(900_000)
  expect(orphanMs(server, asks(120_000))).toBe(720_000)
  expect(orphanMs({ ...server, leaseTtlMs: 15_000 }, asksNothing)).toBe(690_000)
})

test('a script is run as it was written, whatever another agent would be told around it', () => {
  const context = [{ slug: 'style', text: 'Be brief.', binding: 'prompt_prefix' }]
  const task = { prompt: 'date', expect: 'output', outputSchema: null, context, attachments: [{ name: 'a', cid: 'c' }] }
  const assignment = { task, profile: null } as unknown as Assignment // what is read of it
  const resumed = { sessionRef: null, preface: 'Note: the branch moved\n\n', notices: [] }
  const run = { cwd: '/', runDir: '/run', resumed, held: { instructions: 'AGENTS.md' } as Held } // the same
  expect(promptOf(assignment, { ...run, harness: shell as Harness }, true)).toBe('date')
  const words = promptOf(assignment, { ...run, harness: { ...shell, explicit: false } as Harness }, true)
  expect(words).toMatch(/^Be brief\.\n\nNote: the branch moved\n\ndate\n\n.*AGENTS\.md/)
})
