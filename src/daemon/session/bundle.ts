// A conversation's files as one piece of bytes: what travels to another host, or into another folder, or is copied for a fork.

import { lchownSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { z } from 'zod'
import { Problem } from '../../core/problem.ts'
import { writeFileAtomic } from '../../lib/atomic-file.ts'
import { messageOf } from '../../lib/error-text.ts'
import type { RunUser } from '../../lib/exec.ts'
import { plainSize, readPlain, startOfPlain } from '../../lib/plain-file.ts'
import { makeAs } from '../sandbox/homes.ts'

/** One is usual; some CLIs begin another file when a conversation goes on. */
const maxFiles = 32

const bundleShape = z.object({
  version: z.literal(1),
  harness: z.string(),
  ref: z.string(),
  files: z
    .array(z.object({ name: z.string(), text: z.string() }))
    .min(1)
    .max(maxFiles),
})
export type Bundle = z.infer<typeof bundleShape>

/** Conversations beyond this are not carried, bytes before compression: reading and packing them would hold up the daemon. */
export const maxBundleBytes = 33_554_432

/** Plain files of lines below the folder, such as `2026/11/21/rollout-….jsonl`. */
const safeName = /^(?!.*\.\.)[\w][\w.@:/-]{0,300}\.jsonl?$/

/**
 * Null when there is nothing to take, or too much. `files` are absolute paths below `root`. The agent writes there, and may not read all that
 * the daemon does: what is no plain file below the folder, such as a link to a key, is left out.
 */
export function readBundle(
  { harness, ref }: Pick<Bundle, 'harness' | 'ref'>,
  root: string,
  files: readonly string[],
): Bundle | null {
  const named = files
    .map((path) => ({ path, name: relative(root, path), size: plainSize(path) }))
    .filter(({ path, name, size }) => safeName.test(name) && size !== null && isReallyBelow(path, root))
    .slice(0, maxFiles)
  const bytes = named.reduce((sum, { size }) => sum + (size ?? 0), 0)
  if (named.length === 0 || bytes > maxBundleBytes) return null
  let left = maxBundleBytes // they may have grown since
  const read = named.flatMap(({ path, name }) => {
    const content = readPlain(path, left)
    left -= content?.length ?? 0
    return content === null ? [] : [{ name, text: content.toString('utf8') }]
  })
  return { version: 1, harness, ref, files: read }
}

/** No folder between is a link; the root itself may be one. */
function isReallyBelow(path: string, root: string): boolean {
  return realpathSync(dirname(path)) === join(realpathSync(root), relative(root, dirname(path)))
}

export function pack(bundle: Bundle): Uint8Array {
  return gzipSync(JSON.stringify(bundle))
}

/** Throws Problem `invalid_request` for bytes that are no bundle, or one of a newer version. */
export function unpack(bytes: Uint8Array): Bundle {
  const read = opened(bytes)
  const version = typeof read === 'object' && read !== null && 'version' in read ? read.version : null
  if (typeof version === 'number' && version !== 1)
    throw unreadable(`it has the form ${version}, and this daemon knows the form 1: update Capstan on this host`)
  const { success, data: bundle } = bundleShape.safeParse(read)
  if (!success) throw unreadable('it holds something else than files of a conversation')
  const strange = bundle.files.find(({ name }) => !safeName.test(name))
  if (strange !== undefined) throw unreadable(`it names the file ${JSON.stringify(strange.name)}`)
  return bundle
}

function opened(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(gunzipSync(bytes, { maxOutputLength: 2 * maxBundleBytes }).toString())
  } catch (cause) {
    throw unreadable(`it is damaged (${messageOf(cause).split('\n')[0]})`, cause)
  }
}

function unreadable(why: string, cause?: unknown): Problem {
  return new Problem('invalid_request', `the kept conversation cannot be read: ${why}`, { cause })
}

/** The same conversation under another id: whoever goes on with the copy leaves the first as it is. */
export function copied(bundle: Bundle, ref: string): Bundle {
  const renamed = (text: string) => text.replaceAll(bundle.ref, ref)
  return { ...bundle, ref, files: bundle.files.map(({ name, text }) => ({ name: renamed(name), text: renamed(text) })) }
}

/**
 * Puts the files where the CLI looks for them. One that is there and goes on from the bundle's is left: it is newer. Throws Problem
 * `invalid_request` where a link would lead elsewhere.
 */
export function writeBundle(bundle: Bundle, root: string, user: RunUser | null = null): void {
  for (const { name, text } of bundle.files) {
    const path = join(root, name)
    const content = Buffer.from(text) // what the agent made of it there may be of any size
    if (startOfPlain(path, content.length)?.equals(content) === true) continue
    makeAs(user, dirname(path))
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    if (!isReallyBelow(path, root))
      throw new Problem('invalid_request', `the conversation is not written to ${path}: a folder above is a link`)
    writeFileAtomic(path, text) // a rename replaces a link instead of following it
    if (user !== null) lchownSync(path, user.uid, user.gid)
  }
}
