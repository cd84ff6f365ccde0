// Signs what an agent commits: on the host, with the identity's key, which no run ever sees. Only commits and tags by the identity itself.

import { Problem } from '../../core/problem.ts'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import type { Env } from '../../lib/env.ts'
import type { ExecResult } from '../../lib/exec.ts'
import { exec } from '../../lib/exec.ts'
import type { GitAuthor } from '../../lib/git.ts'
import { lastWords } from '../../lib/git.ts'
import { asWritten, maxPayloadBytes, readSignable } from './payload.ts'

export type SigningKey = NonNullable<GitAuthor['signing']>

/** Who signs, with what; `env` is the host's. */
export interface Signer {
  readonly author: GitAuthor & { readonly signing: SigningKey }
  readonly env: Env
}

/** Null `signature`: it is left unsigned, because it is by `foreign`. */
export type Signed =
  | { readonly signature: string; readonly foreign: null }
  | { readonly signature: null; readonly foreign: string }

/** A key on a stick may wait for a finger; a passphrase that nobody can type must not wait for ever. */
const signMs = 60_000

/** Null: this host's identity has no key. */
export function signerOf(author: GitAuthor, env: Env): Signer | null {
  const { signing } = author
  return signing === undefined ? null : { author: { ...author, signing }, env }
}

/**
 * The armoured signature over `payload`. Throws `not_on_host` for what is no commit and no tag, and `workspace_failed` when the key cannot be
 * used. A commit by somebody else is left unsigned: tests of a repository make commits too, in repositories of their own.
 */
export async function sign(signer: Signer, payload: Buffer, signal: AbortSignal): Promise<Signed> {
  const found = readSignable(payload)
  if (found === null) {
    const detail = `only commits and tags of at most ${maxPayloadBytes} bytes are signed, and this is neither`
    throw new Problem('not_on_host', detail)
  }
  const { author } = signer
  const { name, email } = found.by
  if (email !== author.email || name !== asWritten(author.name))
    return { signature: null, foreign: `${name} <${email}>` }
  const [program, ...args] = commandOf(author.signing)
  const result = await run(signer, { program, args, payload, signal })
  const signature = result.stdout.toString('utf8')
  if (result.code === 0 && /^-----BEGIN [A-Z ]*SIGNATURE-----\n/.test(signature)) return { signature, foreign: null }
  const why = result.timedOut ? `it took longer than ${signMs / 1_000} s` : lastWords(result.stderr)
  throw new Problem('workspace_failed', `the host's key could not sign (${program}): ${why}`)
}

function commandOf({ format, key }: SigningKey): readonly [string, ...string[]] {
  return format === 'ssh'
    ? ['ssh-keygen', '-Y', 'sign', '-n', 'git', '-f', key]
    : ['gpg', '--batch', '--no-tty', '--detach-sign', '--armor', '--local-user', key]
}

async function run(
  { env }: Pick<Signer, 'env'>,
  task: {
    readonly program: string
    readonly args: readonly string[]
    readonly payload: Buffer
    readonly signal: AbortSignal
  },
): Promise<ExecResult> {
  const { program, args, payload, signal } = task
  try {
    return await exec(program, args, {
      env: signingEnvironment(env),
      cwd: '/',
      input: payload,
      timeoutMs: signMs,
      signal,
    })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    throw new Problem('workspace_failed', `${program} is not on the host's PATH; install it to sign commits`, {
      cause: error,
    })
  }
}

/** Where keys with passphrases are unlocked, and where gpg keeps its own. */
function signingEnvironment({ PATH, HOME = '/nonexistent', GNUPGHOME, SSH_AUTH_SOCK }: Env): Env {
  return {
    PATH,
    HOME,
    LC_ALL: 'C',
    GNUPGHOME: GNUPGHOME ?? `${HOME}/.gnupg`,
    SSH_AUTH_SOCK,
    SSH_ASKPASS_REQUIRE: 'never',
  }
}

/** What git in a run is told about the key: its public half, or its id. Throws `workspace_failed` when that cannot be had. */
export async function publicKeyOf({ author, env }: Signer): Promise<string> {
  const { format, key } = author.signing
  if (format === 'openpgp') return key
  const there = [key, `${key}.pub`]
    .map((path) => readFileIfThere(path)?.trim() ?? '')
    .find((text) => publicKey.test(text))
  if (there !== undefined) return withoutRemark(there)
  const asked = await exec('ssh-keygen', ['-y', '-P', '', '-f', key], {
    env: signingEnvironment(env),
    cwd: '/',
    timeoutMs: 10_000,
  })
  const text = asked.stdout.toString('utf8').trim()
  if (asked.code !== 0 || !publicKey.test(text)) {
    const detail = `the public half of ${key} cannot be had (${lastWords(asked.stderr)}); put it beside it as ${key}.pub`
    throw new Problem('workspace_failed', detail)
  }
  return withoutRemark(text)
}

function withoutRemark(text: string): string {
  return text.split(' ').slice(0, 2).join(' ')
}

const publicKey = /^(?:ssh-|ecdsa-|sk-)[\w@.-]+ [A-Za-z0-9+/=]+(?: [^\n]*)?$/
