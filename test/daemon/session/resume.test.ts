// Whether a conversation can be gone on with, when another host, or its agent, told lies of it.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Harness } from '../../../src/daemon/harness/port.ts'
import { makeHostProbe } from '../../../src/daemon/harness/probe.ts'
import { shell } from '../../../src/daemon/harness/shell.ts'
import { pack } from '../../../src/daemon/session/bundle.ts'
import { resume } from '../../../src/daemon/session/resume.ts'
import type { Continuation } from '../../../src/protocol/session.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'capstan-resume-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

function goOn(sessionRef: string, mode: Continuation['mode']) {
  const harness: Harness = { ...shell, sessionRoot: () => join(dir, 'root'), sessionFiles: () => [] }
  const bytes = pack({ version: 1, harness: shell.name, ref: sessionRef, files: [{ name: 'a.jsonl', text: 'a\n' }] })
  const nothing = { branch: null, baseSha: null, headSha: null, treeId: null, checkpointRef: null, checkpointSha: null }
  const from = { taskId: 'task_1', attemptId: 'att_1', daemonId: 'dmn_1', harness: shell.name, summary: '' }
  const continuation = { ...nothing, ...from, mode, handoff: false, sessionRef, sessionCid: 'sha256-x', diffCid: null }
  const place = { stateDir: join(dir, 'state'), cwd: dir, subfolder: null, host: makeHostProbe({}) }
  return resume({ ...place, continuation, harness, fetch: async () => bytes, drift: [] })
}

test('a conversation that another host brought is gone on with', async () => {
  expect(await goOn('0197-aa-bb', 'extend')).toMatchObject({ sessionRef: '0197-aa-bb' })
  expect(readdirSync(join(dir, 'root'))).toEqual(['a.jsonl'])
})

test.each([
  ['--dangerously-skip-permissions', 'extend'],
  ['-c', 'extend'],
  ['../../other', 'extend'],
  ['a', 'fork'],
] as const)('with the id %j it is not, to %s', async (ref, mode) => {
  await expect(goOn(ref, mode)).rejects.toMatchObject({ reason: 'not_resumable' })
})
