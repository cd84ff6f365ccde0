// Blobs in a directory: whole or not there, under their own id only.

import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openDirectoryBlobs } from '../../src/blob/directory.ts'
import { cidOf } from '../../src/lib/cid.ts'

const folder = mkdtempSync(join(tmpdir(), 'capstan-blobs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const bytes = Buffer.from('a patch\0')
const cid = cidOf(bytes)

function files(path: string): string[] {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

test('bytes come back under their id, also when stored several times at once, and can be removed', async () => {
  const path = join(folder, 'round')
  const blobs = await openDirectoryBlobs(path)
  expect([await blobs.has(cid), await blobs.get(cid)]).toEqual([false, null])
  await Promise.all([blobs.put(cid, bytes), blobs.put(cid, bytes), blobs.put(cid, bytes)])
  expect(await blobs.has(cid)).toBe(true)
  expect(Buffer.from((await blobs.get(cid)) ?? [])).toEqual(bytes)
  expect(files(path)).toHaveLength(1)
  expect([await blobs.remove(cid), await blobs.remove(cid), await blobs.has(cid)]).toEqual([true, false, false])
})

test('files and folders are readable by their owner only', async () => {
  const path = join(folder, 'modes')
  const blobs = await openDirectoryBlobs(path)
  await blobs.put(cid, bytes)
  const [file = ''] = files(path)
  for (const each of [path, join(file, '..'), file]) expect(statSync(each).mode & 0o077).toBe(0)
})

test('a body that is not what its id says is refused and leaves nothing', async () => {
  const path = join(folder, 'lies')
  const blobs = await openDirectoryBlobs(path)
  await expect(blobs.put(cid, Buffer.from('else'))).rejects.toMatchObject({ code: 'invalid_request' })
  expect(files(path)).toEqual([])
})

test('an id that is not one never becomes a path', async () => {
  const blobs = await openDirectoryBlobs(join(folder, 'paths'))
  for (const bad of ['../../etc/passwd', `sha256-${'A'.repeat(64)}`, '', `${cid}/x`]) {
    await expect(blobs.get(bad)).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(blobs.put(bad, bytes)).rejects.toMatchObject({ code: 'invalid_request' })
  }
})

test('a stored file that was damaged is not handed out', async () => {
  const path = join(folder, 'damage')
  const blobs = await openDirectoryBlobs(path)
  await blobs.put(cid, bytes)
  writeFileSync(files(path)[0] ?? '', 'rot')
  await expect(blobs.get(cid)).rejects.toThrow('damaged')
})
