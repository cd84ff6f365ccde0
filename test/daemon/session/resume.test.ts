// Whether a conversation can be gone on with, when another host, or its agent, told lies of it.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { codex } from '../../../src/daemon/harness/codex.ts'
import { pi } from '../../../src/daemon/harness/pi.ts'
import type { Harness } from '../../../src/daemon/harness/port.ts'
import { makeHostProbe } from '../../../src/daemon/harness/probe.ts'
import { shell } from '../../../src/daemon/harness/shell.ts'
import { pack } from '../../../src/daemon/session/bundle.ts'
import { conversationHome } from '../../../src/daemon/session/conversation-home.ts'
import { resume } from '../../../src/daemon/session/resume.ts'
import type { Continuation } from '../../../src/protocol/session.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'capstan-resume-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const outside = '{"version":1,"harness":"shell","ref":"r","files":[{"name":"../x.jsonl","text":""}]}'

function goOn(
  sessionRef: string,
  mode: Continuation['mode'],
  kept: Uint8Array | null = null,
  own: Partial<Harness> = {},
) {
  const harness: Harness = { ...shell, sessionRoot: () => join(dir, 'root'), sessionFiles: () => [], ...own }
  const bytes =
    kept ?? pack({ version: 1, harness: shell.name, ref: sessionRef, files: [{ name: 'a.jsonl', text: 'a\n' }] })
  const nothing = { branch: null, baseSha: null, headSha: null, treeId: null, checkpointRef: null, checkpointSha: null }
  const from = { taskId: 'task_1', attemptId: 'att_1', daemonId: 'dmn_1', harness: shell.name, summary: '' }
  const continuation = { ...nothing, ...from, mode, handoff: false, sessionRef, sessionCid: 'sha256-x', diffCid: null }
  const place = {
    stateDir: join(dir, 'state'),
    cwd: dir,
    workspace: { repoPath: null },
    subfolder: null,
    host: makeHostProbe({}),
  }
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

test.each([
  ['damaged', Buffer.from('no gzip'), /damaged/],
  ['cut short', pack({ version: 1, harness: 'shell', ref: 'r', files: [] }).subarray(0, 20), /damaged/],
  ['of another version', gzipSync('{"version":2,"files":[]}'), /form 2.*form 1: update Capstan/],
  ['something else', gzipSync('{"version":1}'), /something else/],
  ['one with a name that leads out', gzipSync(outside), /names the file "\.\.\/x\.jsonl"/],
  ['of another conversation', gzipSync(outside.replace('../', '')), /another conversation/],
] as const)('a kept conversation that is %s is refused in a sentence that says so', async (_, bytes, says) => {
  const refused = goOn('0197-aa-bb', 'extend', bytes)
  await expect(refused).rejects.toMatchObject({ reason: 'not_resumable', message: expect.stringMatching(says) })
  await expect(refused).rejects.toThrow('--handoff')
})

test('a conversation of Pi names the folder in which it goes on', async () => {
  const text = '{"type":"session","version":3,"id":"0197-aa-bb","cwd":"/gone"}\n{"type":"message","cwd":"/gone"}\n'
  const bytes = pack({ version: 1, harness: 'shell', ref: '0197-aa-bb', files: [{ name: 'a.jsonl', text }] })
  const { movedSession } = pi
  await goOn('0197-aa-bb', 'extend', bytes, movedSession === undefined ? {} : { movedSession })
  const [head = '', next = ''] = readFileSync(join(dir, 'root', 'a.jsonl'), 'utf8').split('\n')
  expect(JSON.parse(head)).toEqual({ type: 'session', version: 3, id: '0197-aa-bb', cwd: dir })
  expect(next).toBe('{"type":"message","cwd":"/gone"}')
})

describe('the conversation of a sandboxed run', () => {
  const ref = '0197aaaa-bbbb'
  const boxed = { sandboxed: true, repoPath: '/code/app' } as const
  const of = (profile: string) => ({ ...boxed, company: { team: 'team_1', profile } })
  const place = (workspace: Parameters<typeof conversationHome>[1]) =>
    join(conversationHome(join(dir, 'state'), workspace) ?? join(dir, 'home'), '.codex/sessions/2026/11/21')

  /** Goes on in `after` from a run of Codex, or of an agent that keeps all in one file, in `before`. */
  function goOnFrom(
    before: object,
    after: Parameters<typeof conversationHome>[1],
    harness: Harness = codex,
    uploaded: Uint8Array | null = null,
  ) {
    const folder = join(dir, 'state/workspaces/att_1')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'workspace.json'), JSON.stringify({ path: join(dir, 'before'), ...before }))
    const nothing = {
      branch: null,
      baseSha: null,
      headSha: null,
      treeId: null,
      checkpointRef: null,
      checkpointSha: null,
    }
    const from = { taskId: 'task_1', attemptId: 'att_1', daemonId: 'dmn_1', harness: harness.name, summary: '' }
    const rest = { mode: 'extend', handoff: false, sessionRef: ref, diffCid: null } as const
    const sessionCid = uploaded === null ? null : 'sha256-x'
    const where = {
      stateDir: join(dir, 'state'),
      cwd: dir,
      subfolder: null,
      host: makeHostProbe({ HOME: join(dir, 'home') }),
    }
    const fetch = async () => uploaded ?? Promise.reject(new Error('not asked'))
    return resume({
      ...where,
      workspace: after,
      continuation: { ...nothing, ...from, ...rest, sessionCid },
      harness,
      fetch,
      drift: [],
    })
  }

  test.each([
    ['a sandboxed run of its repository', boxed, boxed],
    ['a run without a sandbox', boxed, { repoPath: '/code/app' }],
    ['a sandboxed run, from one without', { repoPath: '/code/app' }, boxed],
  ] as const)('is gone on with by %s', async (_, before, after) => {
    mkdirSync(place(before), { recursive: true })
    writeFileSync(join(place(before), `rollout-1-${ref}.jsonl`), '{}\n')
    expect(await goOnFrom(before, after)).toMatchObject({ sessionRef: ref })
    expect(readdirSync(place(after))).toEqual([`rollout-1-${ref}.jsonl`])
  })

  test.each([codex, { ...shell, sessionFiles: () => ['all.db'] }])(
    'is not read by a run of another profile: without an upload it is told as not resumable',
    async (harness) => {
      mkdirSync(place(of('prof_1')), { recursive: true })
      writeFileSync(join(place(of('prof_1')), `rollout-1-${ref}.jsonl`), 'EVIL\n')
      await expect(goOnFrom(of('prof_1'), of('prof_2'), harness)).rejects.toMatchObject({
        reason: 'not_resumable',
        message: expect.stringContaining('sandboxed runs of another profile keep theirs apart'),
      })
      expect(await goOnFrom(of('prof_1'), of('prof_1'), harness)).toMatchObject({ sessionRef: ref })
    },
  )

  test('goes on in another profile with what was uploaded', async () => {
    mkdirSync(place(of('prof_1')), { recursive: true })
    const name = `2026/11/21/rollout-1-${ref}.jsonl`
    writeFileSync(join(place(of('prof_1')), `rollout-1-${ref}.jsonl`), 'EVIL\n')
    const uploaded = pack({ version: 1, harness: codex.name, ref, files: [{ name, text: 'uploaded\n' }] })
    expect(await goOnFrom(of('prof_1'), of('prof_2'), codex, uploaded)).toMatchObject({ sessionRef: ref })
    expect(readFileSync(join(place(of('prof_2')), `rollout-1-${ref}.jsonl`), 'utf8')).toBe('uploaded\n')
  })

  test('is not taken for one of the user’s, where its agent keeps it in a file that cannot be carried', async () => {
    mkdirSync(join(dir, 'home'))
    const whole: Harness = { ...shell, sessionFiles: (host) => [`${host.env.HOME}/all.db`] }
    expect(await goOnFrom(boxed, boxed, whole)).toMatchObject({ sessionRef: ref })
    await expect(goOnFrom(boxed, { repoPath: '/code/app' }, whole)).rejects.toThrow('only one of the two was sandboxed')
  })
})
