// A named identity of this host: who commits what agents made, with which key it is signed, and the token for its forge. The file is the
// owner's alone; neither key nor token ever reaches a run.

import { statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { parse, stringify } from 'smol-toml'
import { z } from 'zod'
import { Problem } from '../core/problem.ts'
import { readFileIfThere, writeFileAtomic } from '../lib/atomic-file.ts'
import type { Env } from '../lib/env.ts'
import { messageOf } from '../lib/error-text.ts'
import type { GitAuthor } from '../lib/git.ts'
import { minSecretLength } from '../lib/redact.ts'
import { hostAuthor } from './host-author.ts'
import type { Forge } from './hostexec/forge.ts'

export interface Identity {
  /** With its key, where it has one. */
  readonly author: GitAuthor
  /** The file says who its author is: the agents' own commits are then by that author too. */
  readonly named: boolean
  /** For git and gh that are started on the host for an agent. */
  readonly forge: Forge | null
}

const oneLine = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^<>\p{Cc}]+$/u, 'one line without < and >')
const table = z.strictObject({
  author: z.strictObject({ name: oneLine, email: oneLine }).optional(),
  signing: z
    .strictObject({ format: z.enum(['ssh', 'gpg']).default('ssh'), key: z.string().min(1).max(1_024) })
    .optional(),
  forgeToken: z
    .string()
    .min(minSecretLength, `at least ${minSecretLength} characters: a shorter one cannot be kept out of transcripts`)
    .max(1_024)
    .regex(/^[\x21-\x7e]+$/, 'one word')
    .optional(),
  forgeHost: z
    .string()
    .max(260)
    .regex(/^[A-Za-z0-9.-]+(?::\d{1,5})?$/, 'a host such as github.com or git.example.org:8443, without https://')
    .optional(),
})
export type IdentityFile = z.infer<typeof table>

export interface IdentityPlace {
  /** `~/.capstan`. */
  readonly home: string
  readonly name: string
  readonly env: Env
  readonly cwd: string
}

export function identityPath({ home, name }: Pick<IdentityPlace, 'home' | 'name'>): string {
  return join(home, 'identities', `${name}.toml`)
}

/**
 * Without a file the default one is the host's own git user. Throws `configuration` for another without a file, a file that others may read, or
 * one that cannot be meant.
 */
export async function readIdentity(place: IdentityPlace): Promise<Identity> {
  const path = identityPath(place)
  const given = readIdentityFile(path)
  if (given === null && place.name !== 'default') throw noIdentity(path, place.name)
  const author = given?.author ?? (await hostAuthor(place.env, place.cwd))
  const signing = given?.signing === undefined ? {} : { signing: signingOf(path, given.signing, place.env) }
  return {
    author: { ...author, ...signing },
    named: given?.author !== undefined,
    forge: given?.forgeToken === undefined ? null : { token: given.forgeToken, host: given.forgeHost ?? null },
  }
}

/** A mistyped name would commit as somebody else, unsigned. */
export function noIdentity(path: string, name: string): Problem {
  const remedy = 'write the name of one that exists, or make the file (chmod 600; it may be empty)'
  return new Problem('configuration', `there is no identity ${name}: ${path} does not exist; ${remedy}`)
}

/** Null: there is no such file. Throws `configuration`. */
export function readIdentityFile(path: string): IdentityFile | null {
  const text = readFileIfThere(path)
  if (text === null) return null
  if ((statSync(path).mode & 0o077) !== 0)
    throw new Problem('configuration', `${path} may be read by others than its owner: chmod 600 ${path}`)
  const read = table.safeParse(parsed(path, text))
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw new Problem('configuration', `${path}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not valid'}`)
}

/** Errors name the place, never the text: it may be a token. */
function parsed(path: string, text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw new Problem('configuration', `${path} is not TOML: ${messageOf(error).split('\n')[0]}`)
  }
}

/** Throws `configuration` when it cannot be meant; writes it for its owner alone. */
export function writeIdentityFile(path: string, given: unknown): void {
  const checked = table.safeParse(given)
  const [issue] = checked.error?.issues ?? []
  if (!checked.success)
    throw new Problem('configuration', `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not valid'}`)
  writeFileAtomic(path, `${stringify(checked.data)}\n`)
}

function signingOf(
  path: string,
  { format, key }: NonNullable<IdentityFile['signing']>,
  env: Env,
): NonNullable<GitAuthor['signing']> {
  if (format === 'gpg') return { format: 'openpgp', key }
  const file = key.startsWith('~/') ? join(env.HOME ?? '/', key.slice(2)) : key
  if (!isAbsolute(file) || statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
    throw new Problem('configuration', `${path}: signing.key ${file} is not a file; give the path of an ssh key`)
  return { format: 'ssh', key: file }
}
