// A conversation's files as one piece of bytes: what travels to another host, or into another folder, or is copied for a fork.

import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { z } from 'zod'
import { Problem } from '../../core/problem.ts'
import { writeFileAtomic } from '../../lib/atomic-file.ts'

const bundleShape = z.object({
  version: z.literal(1),
  harness: z.string(),
  ref: z.string(),
  files: z
    .array(z.object({ name: z.string(), text: z.string() }))
    .min(1)
    .max(32),
})
export type Bundle = z.infer<typeof bundleShape>

/** Conversations beyond this are not carried, bytes before compression: reading and packing them would hold up the daemon. */
export const maxBundleBytes = 33_554_432

/** Plain files of lines below the folder, such as `2026/11/21/rollout-….jsonl`. */
const safeName = /^(?!.*\.\.)[\w][\w.@:/-]{0,300}\.jsonl?$/

/** Null when there is nothing to take, or too much. `files` are absolute paths below `root`. */
export function readBundle(
  { harness, ref }: Pick<Bundle, 'harness' | 'ref'>,
  root: string,
  files: readonly string[],
): Bundle | null {
  const named = files.map((path) => ({ path, name: relative(root, path) })).filter(({ name }) => safeName.test(name))
  const bytes = named.reduce((sum, { path }) => sum + statSync(path).size, 0)
  if (named.length === 0 || bytes > maxBundleBytes) return null
  return {
    version: 1,
    harness,
    ref,
    files: named.map(({ path, name }) => ({ name, text: readFileSync(path, 'utf8') })),
  }
}

export function pack(bundle: Bundle): Uint8Array {
  return gzipSync(JSON.stringify(bundle))
}

/** Throws Problem `invalid_request` for bytes that are no bundle, or one of a newer version. */
export function unpack(bytes: Uint8Array): Bundle {
  try {
    const bundle = bundleShape.parse(JSON.parse(gunzipSync(bytes, { maxOutputLength: 2 * maxBundleBytes }).toString()))
    const strange = bundle.files.find(({ name }) => !safeName.test(name) || isAbsolute(name))
    if (strange !== undefined) throw new Error(`the file name ${JSON.stringify(strange.name)}`)
    return bundle
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
    throw new Problem('invalid_request', `the kept conversation cannot be read: ${why}`, { cause })
  }
}

/** The same conversation under another id: whoever goes on with the copy leaves the first as it is. */
export function copied(bundle: Bundle, ref: string): Bundle {
  const renamed = (text: string) => text.replaceAll(bundle.ref, ref)
  return { ...bundle, ref, files: bundle.files.map(({ name, text }) => ({ name: renamed(name), text: renamed(text) })) }
}

/** Puts the files where the CLI looks for them. One that is there and goes on from the bundle's is left: it is newer. */
export function writeBundle(bundle: Bundle, root: string): void {
  for (const { name, text } of bundle.files) {
    const path = join(root, name)
    if (existsSync(path) && readFileSync(path, 'utf8').startsWith(text)) continue
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileAtomic(path, text) // a rename replaces a link instead of following it
  }
}
