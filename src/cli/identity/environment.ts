// capstan config export-env, init-from-env: this machine's server, token and identity as lines of a dotenv file, and back, for a machine that
// starts empty such as a runner of CI.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { identityPath, noIdentity, readIdentityFile, writeIdentityFile } from '../../daemon/identity.ts'
import { writeFileAtomic } from '../../lib/atomic-file.ts'
import type { Env } from '../../lib/env.ts'
import { checkUrl, connectionPath, readConnection, writeConnection } from '../connection.ts'
import type { Context } from '../context.ts'
import type { Given } from '../spec.ts'
import type { exportEnvOptions, initFromEnvOptions } from './options.ts'

interface Line {
  readonly name: string
  readonly value: string
  /** Where a CI system keeps it. */
  readonly kind: 'secret' | 'variable'
}

/** Prints secrets: that is what it is for. */
export async function exportEnv({ options }: Given<typeof exportEnvOptions>, context: Context): Promise<number> {
  const name = options.identity ?? 'default'
  const { url, token, daemonToken } = readConnection(context)
  const lines: Line[] = [
    { name: 'CAPSTAN_URL', value: url, kind: 'variable' },
    { name: 'CAPSTAN_TOKEN', value: options.daemon === true ? (daemonToken ?? token) : token, kind: 'secret' },
    ...identityLines(name, context),
  ]
  if (context.json) context.terminal.json(lines)
  else context.terminal.out(...lines.flatMap((line) => [`# ${line.kind}`, `${line.name}=${quoted(line.value)}`]))
  return 0
}

function identityLines(name: string, { home, env }: Pick<Context, 'home' | 'env'>): Line[] {
  const path = identityPath({ home, name })
  const file = readIdentityFile(path)
  if (file === null && name !== 'default') throw noIdentity(path, name)
  const { author, signing, forgeToken, forgeHost } = file ?? {}
  const lines: (Line | null)[] = [
    name === 'default' ? null : { name: 'CAPSTAN_IDENTITY', value: name, kind: 'variable' },
    author === undefined ? null : { name: 'CAPSTAN_AUTHOR_NAME', value: author.name, kind: 'variable' },
    author === undefined ? null : { name: 'CAPSTAN_AUTHOR_EMAIL', value: author.email, kind: 'variable' },
    signing === undefined ? null : keyLine(path, signing, env),
    forgeToken === undefined ? null : { name: 'CAPSTAN_FORGE_TOKEN', value: forgeToken, kind: 'secret' },
    forgeHost === undefined ? null : { name: 'CAPSTAN_FORGE_HOST', value: forgeHost, kind: 'variable' },
  ]
  return lines.filter((line) => line !== null)
}

/** An ssh key travels with its text. */
function keyLine(path: string, { format, key }: { format: string; key: string }, env: Env): Line {
  if (format !== 'ssh')
    throw new Problem('configuration', `${path}: a gpg key does not travel in a variable; use an ssh key to sign there`)
  const file = key.startsWith('~/') ? join(env.HOME ?? '/', key.slice(2)) : key
  if (!existsSync(file)) throw new Problem('configuration', `${path}: signing.key ${file} is not there`)
  return { name: 'CAPSTAN_SIGNING_KEY', value: readFileSync(file, 'utf8'), kind: 'secret' }
}

/** As dotenv files and shells read it: in double quotes, with line ends spelt out. */
function quoted(value: string): string {
  if (/^[\w./:@+-]+$/.test(value)) return value
  const inner = value.replace(/[\\"$`]/g, (each) => `\\${each}`).replaceAll('\n', '\\n')
  return `"${inner}"`
}

/** Writes what a person would have set up by hand; what is there already stays, unless --force. */
export async function initFromEnv({ options }: Given<typeof initFromEnvOptions>, context: Context): Promise<number> {
  const { env, home, terminal } = context
  const name = options.identity ?? given(env, 'CAPSTAN_IDENTITY') ?? 'default'
  const url = given(env, 'CAPSTAN_URL')
  const token = given(env, 'CAPSTAN_TOKEN')
  if (url === null || token === null)
    throw new Problem(
      'configuration',
      `${url === null ? 'CAPSTAN_URL' : 'CAPSTAN_TOKEN'} is not set; see: capstan config export-env`,
    )
  const identity = identityFrom(env, { home, name })
  const path = identityPath({ home, name })
  const there = [connectionPath(home), ...(identity === null ? [] : [path])].find((each) => existsSync(each))
  if (there !== undefined && options.force !== true)
    throw new Problem('already_exists', `${there} exists; write over it with --force`)
  const key = given(env, 'CAPSTAN_SIGNING_KEY')
  if (key !== null) writeFileAtomic(keyPath({ home, name }), `${unquoted(key).trimEnd()}\n`)
  if (identity !== null) writeIdentityFile(path, identity)
  writeConnection(home, { url: checkUrl(url, 'CAPSTAN_URL'), token })
  const written = [connectionPath(home), ...(identity === null ? [] : [path])]
  if (context.json) terminal.json({ written })
  else terminal.out(...written.map((each) => `wrote ${each}`))
  return 0
}

function identityFrom(env: Env, place: { readonly home: string; readonly name: string }): object | null {
  const [name, email] = [given(env, 'CAPSTAN_AUTHOR_NAME'), given(env, 'CAPSTAN_AUTHOR_EMAIL')]
  if ((name === null) !== (email === null))
    throw new Problem('configuration', `CAPSTAN_AUTHOR_${name === null ? 'NAME' : 'EMAIL'} is not set, the other is`)
  const key = given(env, 'CAPSTAN_SIGNING_KEY')
  const forgeToken = given(env, 'CAPSTAN_FORGE_TOKEN')
  const forgeHost = given(env, 'CAPSTAN_FORGE_HOST')
  const file = {
    ...(name === null ? {} : { author: { name, email } }),
    ...(key === null ? {} : { signing: { format: 'ssh', key: keyPath(place) } }),
    ...(forgeToken === null ? {} : { forgeToken }),
    ...(forgeHost === null ? {} : { forgeHost }),
  }
  return Object.keys(file).length === 0 ? null : file
}

function keyPath({ home, name }: { readonly home: string; readonly name: string }): string {
  return join(home, 'identities', `${name}.key`)
}

function given(env: Env, name: string): string | null {
  const value = env[name]
  return value === undefined || value.trim() === '' ? null : value
}

/** Systems that keep a dotenv line as it stands leave `\n` in it. */
function unquoted(key: string): string {
  return key.includes('\n') ? key : key.replaceAll('\\n', '\n')
}
