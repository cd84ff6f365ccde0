// `--context FILE[:binding]` and `--attach FILE`: files of this machine → what a task or a profile carries.

import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Client } from '../../client/client.ts'
import { Problem } from '../../core/problem.ts'
import { fileTrouble } from '../../lib/error-text.ts'
import type { Attachment, ContextBinding, ContextEntry } from '../../protocol/context.ts'
import { contextBinding } from '../../protocol/context.ts'
import { limits } from '../../protocol/names.ts'
import type { Context } from '../context.ts'
import { binaryBytes as inWords } from '../render/figures.ts'

/** Each as FILE or FILE:binding; the slug is the file's name without its ending. Throws `usage`, `too_large`. */
export function readContextFiles(given: readonly string[], { cwd }: Pick<Context, 'cwd'>): ContextEntry[] {
  return given.map((each) => {
    const { path, binding } = partsOf(each)
    const bytes = readBytes('--context', path, cwd)
    if (bytes.length > limits.contextBytes) throw tooLarge('--context', path, bytes.length, limits.contextBytes)
    return { slug: slugOf(path), binding, text: bytes.toString('utf8') }
  })
}

/** Uploads each. Throws `usage`, `too_large`, and what the server says. */
export async function uploadFiles(given: readonly string[], client: Client, context: Context): Promise<Attachment[]> {
  const files = given.map((path) => ({ path, bytes: readBytes('--attach', path, context.cwd) }))
  for (const { path, bytes } of files)
    if (bytes.length > limits.attachmentBytes) throw tooLarge('--attach', path, bytes.length, limits.attachmentBytes)
  const uploaded: Attachment[] = []
  for (const { path, bytes } of files) {
    const { cid } = await client.upload(bytes, context.signal)
    uploaded.push({ name: basename(path), cid })
  }
  return uploaded
}

function partsOf(given: string): { path: string; binding: ContextBinding } {
  const [, path = given, named] = /^(.+):([a-z_]+)$/.exec(given) ?? []
  if (named === undefined) return { path: given, binding: 'user_inline' }
  const binding = contextBinding.safeParse(named)
  if (binding.success) return { path, binding: binding.data }
  const known = contextBinding.options.join(', ')
  throw new Problem('usage', `--context ${given}: there is no binding ${named}, only ${known}`)
}

function slugOf(path: string): string {
  const name = basename(path).replace(/(?<=.)\.[^.]*$/, '')
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 64)
    .replace(/^-+|-+$/g, '')
  if (slug === '') throw new Problem('usage', `--context ${path}: its name makes no slug; rename the file`)
  return slug
}

function readBytes(flag: string, path: string, cwd: string): Buffer {
  try {
    return readFileSync(resolve(cwd, path))
  } catch (cause) {
    throw new Problem('usage', `${flag} ${path} cannot be read: ${fileTrouble(cause)}`, { cause })
  }
}

function tooLarge(flag: string, path: string, size: number, limit: number): Problem {
  return new Problem('too_large', `${flag} ${path} has ${inWords(size)}, and at most ${inWords(limit)} is taken`)
}
