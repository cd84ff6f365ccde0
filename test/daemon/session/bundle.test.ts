// A conversation's files as one piece: what another host may have written into it does no harm.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { copied, pack, readBundle, unpack, writeBundle } from '../../../src/daemon/session/bundle.ts'
import { processEnv } from '../../../src/lib/env.ts'
import { exec } from '../../../src/lib/exec.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'capstan-bundle-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const of = { harness: 'codex', ref: '0197-aa' }

test('what is read is written elsewhere as it was', () => {
  mkdirSync(join(dir, 'from/2026/11'), { recursive: true })
  const path = join(dir, 'from/2026/11/rollout-0197-aa.jsonl')
  writeFileSync(path, '{"id":"0197-aa","text":"ümlaut"}\n')
  const bundle = readBundle(of, join(dir, 'from'), [path])
  if (bundle === null) throw new Error('nothing was read')
  writeBundle(unpack(pack(bundle)), join(dir, 'to'))
  expect(readFileSync(join(dir, 'to/2026/11/rollout-0197-aa.jsonl'), 'utf8')).toBe(readFileSync(path, 'utf8'))
})

test('a copy has another id in its names and its lines', () => {
  const copy = copied({ version: 1, ...of, files: [{ name: 'r-0197-aa.jsonl', text: '{"id":"0197-aa"}' }] }, 'new')
  expect(copy).toEqual({
    version: 1,
    harness: 'codex',
    ref: 'new',
    files: [{ name: 'r-new.jsonl', text: '{"id":"new"}' }],
  })
})

test.each(['../x.jsonl', '/etc/x.jsonl', 'a/../../x.jsonl', 'settings.json.sh', '.bashrc', 'a\\b.jsonl', 'x\0.jsonl'])(
  'a bundle with the name %j is refused as a whole',
  (name) => {
    const bytes = gzipSync(JSON.stringify({ version: 1, ...of, files: [{ name, text: 'x' }] }))
    expect(() => unpack(bytes)).toThrow('the kept conversation cannot be read')
  },
)

test.each([
  ['no gzip', new Uint8Array([1, 2, 3])],
  ['no JSON', gzipSync('x')],
  ['a newer version', gzipSync(JSON.stringify({ version: 2, ...of, files: [{ name: 'a.jsonl', text: '' }] }))],
  ['more than it may become', gzipSync('x'.repeat(70_000_000))],
])('bytes that are %s are refused in one sentence', (_, bytes) => {
  expect(() => unpack(bytes)).toThrow(/^[^\n]*the kept conversation cannot be read: [^\n]+$/)
})

test('a conversation that went on here is not cut back to an older copy', () => {
  writeFileSync(join(dir, 'a.jsonl'), 'one\ntwo\n')
  writeBundle({ version: 1, ...of, files: [{ name: 'a.jsonl', text: 'one\n' }] }, dir)
  expect(readFileSync(join(dir, 'a.jsonl'), 'utf8')).toBe('one\ntwo\n')
})

test('what an agent made huge is neither read nor compared whole: it is left where it goes on, else replaced', () => {
  const [on, other] = [join(dir, 'a.jsonl'), join(dir, 'b.jsonl')]
  writeFileSync(on, 'one\n')
  writeFileSync(other, 'EVIL')
  for (const path of [on, other]) truncateSync(path, 3_000_000_000)
  const files = ['a.jsonl', 'b.jsonl'].map((name) => ({ name, text: 'one\n' }))
  writeBundle({ version: 1, ...of, files }, dir)
  expect([on, other].map((path) => statSync(path).size)).toEqual([3_000_000_000, 4])
  expect(readBundle(of, dir, [on])).toBeNull()
})

test('files are not written through a link that lies in their place', () => {
  writeFileSync(join(dir, 'precious'), 'mine')
  mkdirSync(join(dir, 'to'))
  symlinkSync(join(dir, 'precious'), join(dir, 'to', 'a.jsonl'))
  writeBundle({ version: 1, ...of, files: [{ name: 'a.jsonl', text: 'x' }] }, join(dir, 'to'))
  expect(readFileSync(join(dir, 'precious'), 'utf8')).toBe('mine')
  expect(readdirSync(join(dir, 'to'))).toEqual(['a.jsonl'])
})

test('of what an agent put beside its conversation neither links are read nor pipes waited for', async () => {
  const root = join(dir, 'sessions')
  mkdirSync(join(root, '2026'), { recursive: true })
  writeFileSync(join(dir, 'key-0197-aa.jsonl'), 'a key that the sandbox hides')
  writeFileSync(join(root, '2026', 'own-0197-aa.jsonl'), 'own')
  symlinkSync(join(dir, 'key-0197-aa.jsonl'), join(root, '2026', 'link-0197-aa.jsonl'))
  symlinkSync(dir, join(root, 'folder'))
  await exec('mkfifo', [join(root, '2026', 'pipe-0197-aa.jsonl')], { env: processEnv(), timeoutMs: 10_000 })
  const names = ['2026/own-0197-aa.jsonl', '2026/link-0197-aa.jsonl', '2026/pipe-0197-aa.jsonl']
  const files = [...names, 'folder/key-0197-aa.jsonl'].map((name) => join(root, name))
  expect(readBundle(of, root, files)?.files).toEqual([{ name: '2026/own-0197-aa.jsonl', text: 'own' }])
  expect(readBundle(of, root, files.slice(1))).toBeNull()
})

test('a conversation is not written where a linked folder leads', () => {
  mkdirSync(join(dir, 'precious'))
  mkdirSync(join(dir, 'to'))
  symlinkSync(join(dir, 'precious'), join(dir, 'to', '2026'))
  const bundle = { version: 1 as const, ...of, files: [{ name: '2026/a.jsonl', text: 'x' }] }
  expect(() => writeBundle(bundle, join(dir, 'to'))).toThrow('a folder above is a link')
  expect(readdirSync(join(dir, 'precious'))).toEqual([])
})

test('a pipe in the place of a conversation is replaced, not waited for', async () => {
  await exec('mkfifo', [join(dir, 'a.jsonl')], { env: processEnv(), timeoutMs: 10_000 })
  writeBundle({ version: 1, ...of, files: [{ name: 'a.jsonl', text: 'x' }] }, dir)
  expect(readFileSync(join(dir, 'a.jsonl'), 'utf8')).toBe('x')
})
