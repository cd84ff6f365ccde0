// Evidence of any size becomes a report of one frame.

import { expect, test } from 'vitest'
import { fittingReport } from '../../../src/daemon/outbox/fitting.ts'
import { boundedEvidence } from '../../../src/daemon/run/bounded.ts'
import type { Evidence } from '../../../src/protocol/task.ts'

const small: Evidence = {
  workspaceMode: 'worktree',
  branch: 'capstan/x',
  baseSha: null,
  headSha: null,
  treeId: null,
  commitsAhead: 0,
  filesChanged: 0,
  insertions: 0,
  deletions: 0,
  untracked: 0,
  diffBytes: 0,
  diffCid: null,
  diffWithheld: null,
  pushedRef: null,
  checks: [],
  checkpointRef: null,
  checkpointSha: null,
  changedByChecks: false,
  nestedRepos: [],
}
const check = { name: 'c', command: 'c', exitCode: 1, durationMs: 1, treeId: null }
const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

test('usual evidence is left as it is', () => {
  const usual = { ...small, nestedRepos: ['n'], checks: [{ ...check, outputTail: 'fine\n' }] }
  expect(boundedEvidence(usual)).toEqual(usual)
})

test('thousands of nested repositories become 200 paths and a count', () => {
  const nestedRepos = Array.from({ length: 5_000 }, (_, i) => `${i}/${'x'.repeat(4_000)}`)
  const bounded = boundedEvidence({ ...small, nestedRepos })
  expect(bounded.nestedRepos).toHaveLength(201)
  expect(bounded.nestedRepos.at(-1)).toBe('… and 4800 more')
  expect(bytes(bounded)).toBeLessThan(120_000)
})

test('outputs that grow when they are written as JSON keep their ends within 256 KiB', () => {
  const outputTail = `${'\u0001'.repeat(8_000)}end`
  const bounded = boundedEvidence({ ...small, checks: Array.from({ length: 60 }, () => ({ ...check, outputTail })) })
  expect(bytes(bounded.checks)).toBeLessThan(262_144 + 60 * 200)
  expect(bounded.checks.every((each) => each.outputTail.endsWith('end'))).toBe(true)
})

test('a report that is still too large loses outputs first, then lists, then its evidence', () => {
  const end = { attemptId: 'att_a', epoch: 1, at: 1, exitCode: 0, signal: null, usage: null, costUsd: null }
  const report = (evidence: Evidence) => fittingReport<'result'>({ ...end, withheld: [], sessionRef: null, evidence })
  const loud = { ...small, checks: [{ ...check, outputTail: 'x'.repeat(2_000_000) }], nestedRepos: ['n'] }
  expect(report(loud).evidence).toMatchObject({
    nestedRepos: ['n'],
    checks: [{ outputTail: expect.stringContaining('too large') }],
  })
  const wide = { ...loud, nestedRepos: Array.from({ length: 9_000 }, () => 'y'.repeat(200)) }
  expect(report(wide).evidence?.nestedRepos).toHaveLength(21)
  expect(report({ ...wide, branch: 'z'.repeat(2_000_000) }).evidence).toBeNull()
  const detail = 'd'.repeat(9_000)
  const fail = { ...end, withheld: [], sessionRef: null, evidence: null, reason: 'agent_failed' as const }
  expect(fittingReport<'fail'>({ ...fail, detail, class: null, resetAt: null }).detail).toHaveLength(4_000)
})
