// Blobs in a directory: one file each, sharded by the first two digits, written beside, synced and renamed.

import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Problem } from '../core/problem.ts'
import { cidOf } from '../lib/cid.ts'
import type { Blobs } from './port.ts'

const cidShape = /^sha256-[0-9a-f]{64}$/

/** Opens (or makes, 0700) the directory. */
export async function openDirectoryBlobs(directory: string): Promise<Blobs> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  return {
    put: async (cid, bytes) => put(pathOf(directory, cid), cid, bytes),
    get: async (cid) => get(pathOf(directory, cid), cid),
    has: async (cid) => (await stat(pathOf(directory, cid)).catch(nullIfMissing)) !== null,
    remove: async (cid) => (await unlink(pathOf(directory, cid)).then(() => true, nullIfMissing)) ?? false,
  }
}

async function put(path: string, cid: string, bytes: Uint8Array): Promise<void> {
  const actual = cidOf(bytes)
  if (actual !== cid)
    throw new Problem('invalid_request', `the bytes are ${actual}, not ${cid}; send them under their own id`)
  if ((await stat(path).catch(nullIfMissing)) !== null) return
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const beside = `${path}.${randomUUID()}.tmp`
  try {
    await writeSynced(beside, bytes)
    await rename(beside, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

async function get(path: string, cid: string): Promise<Uint8Array | null> {
  const bytes = await readFile(path).catch(nullIfMissing)
  if (bytes === null) return null
  if (cidOf(bytes) !== cid) throw new Problem('internal', `the file ${path} is damaged: its bytes are not ${cid}`)
  return bytes
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The name is durable only when the directory is synced too. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Only a well-formed id becomes a path: nothing in it can lead out of the directory. */
function pathOf(directory: string, cid: string): string {
  if (!cidShape.test(cid))
    throw new Problem('invalid_request', `${cid.slice(0, 100)} is not a content id (sha256- and 64 hex digits)`)
  const digits = cid.slice('sha256-'.length)
  return join(directory, digits.slice(0, 2), digits)
}

function nullIfMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
