// Which server the command line speaks to: CAPSTAN_URL with its token, else what `up` or `login` wrote into client.json.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '../client/client.ts'
import { Problem } from '../core/problem.ts'
import { readFileIfThere, writeFileAtomic } from '../lib/atomic-file.ts'
import type { Env } from '../lib/env.ts'

export interface Connection {
  readonly url: string
  readonly token: string
  /** For a daemon, where it is another token. */
  readonly daemonToken?: string
  /** Set when `up` on this machine wrote it: where its data lies. */
  readonly dataDir?: string
  /** Where this came from, for people. */
  readonly source: string
}

interface Place {
  readonly env: Env
  /** `~/.capstan`, or where CAPSTAN_HOME moves it. */
  readonly home: string
}

export function connectionPath(home: string): string {
  return join(home, 'client.json')
}

/** Throws `not_connected` when no server is known, `configuration` when what is there cannot be used. */
export function readConnection({ env, home }: Place): Connection {
  const path = connectionPath(home)
  const saved = readSaved(path)
  const url = env.CAPSTAN_URL
  const token = readToken(env)
  if (url === undefined || url === '') {
    if (saved === null) throw noServer(path)
    return token === null ? saved : { ...saved, token, daemonToken: token, source: 'CAPSTAN_TOKEN' }
  }
  const checked = checkUrl(url, 'CAPSTAN_URL')
  if (token !== null) return { url: checked, token, source: 'CAPSTAN_URL' }
  // A saved token is only ever sent to the server it came from.
  if (saved !== null && saved.url === checked) return saved
  throw new Problem('unauthorized', `CAPSTAN_URL is ${checked}, and CAPSTAN_TOKEN is not set`)
}

/** `CAPSTAN_TOKEN`, else the content of the file that `CAPSTAN_TOKEN_FILE` names, else null. */
function readToken(env: Env): string | null {
  if (env.CAPSTAN_TOKEN !== undefined && env.CAPSTAN_TOKEN !== '') return env.CAPSTAN_TOKEN.trim()
  const path = env.CAPSTAN_TOKEN_FILE
  if (path === undefined || path === '') return null
  const text = readFileIfThere(path)?.trim() ?? ''
  if (text === '') throw new Problem('configuration', `CAPSTAN_TOKEN_FILE names ${path}, which holds no token`)
  return text
}

/** The URL without a slash at its end. Throws `configuration` with the value when it is none. */
export function checkUrl(url: string, label: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed !== null && (parsed.protocol === 'http:' || parsed.protocol === 'https:')) return url.replace(/\/+$/, '')
  throw new Problem('configuration', `${label} must be a URL such as http://127.0.0.1:7420, not "${url}"`)
}

/** Kept 0600. */
export function writeConnection(home: string, connection: Omit<Connection, 'source'>): void {
  writeFileAtomic(connectionPath(home), `${JSON.stringify(connection, null, 2)}\n`)
}

/** True when there was something to forget. */
export function forgetConnection(home: string): boolean {
  const there = readFileIfThere(connectionPath(home)) !== null
  rmSync(connectionPath(home), { force: true })
  return there
}

/** What `client.json` says, or null when there is none. */
export function readSaved(path: string): Connection | null {
  const text = readFileIfThere(path)
  if (text === null) return null
  const value = parse(text)
  const { url, token, daemonToken, dataDir } = value ?? {}
  if (typeof url !== 'string' || typeof token !== 'string')
    throw new Problem('configuration', `${path} is damaged; write it again with: capstan login`)
  return {
    url: checkUrl(url, path),
    token,
    source: path,
    ...(typeof daemonToken === 'string' ? { daemonToken } : {}),
    ...(typeof dataDir === 'string' ? { dataDir } : {}),
  }
}

/** A client of the chosen server. Proxies of the environment are honoured. */
export async function connect(place: Place): Promise<Client> {
  return clientOf(place.env, readConnection(place))
}

/** A client of this server; `timeoutMs` is each call's, default 30 s. */
export async function clientOf(
  env: Env,
  connection: Pick<Connection, 'url' | 'token'>,
  timeoutMs = 30_000,
): Promise<Client> {
  await useProxies(env, connection.url)
  const { makeClient } = await import('../client/client.ts')
  return makeClient({ url: connection.url, token: connection.token, timeoutMs })
}

/** Node's fetch asks the environment for a proxy only when told to. A server on this machine is never behind one. */
export async function useProxies(env: Env, url: string): Promise<void> {
  const set = env.HTTPS_PROXY ?? env.https_proxy ?? env.HTTP_PROXY ?? env.http_proxy
  if (set === undefined || set === '' || isLoopback(url)) return
  const http = await import('node:http')
  // here from Node 24.14 on; before that NODE_USE_ENV_PROXY=1 does it
  if ('setGlobalProxyFromEnv' in http) http.setGlobalProxyFromEnv()
}

/** True for addresses of this machine: what goes there is seen by nobody else. */
export function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)
}

function noServer(path: string): Problem {
  return new Problem('not_connected', `no server is known: CAPSTAN_URL is not set and ${path} does not exist`)
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null // checked: an object
  } catch {
    return null // not JSON: told as damaged
  }
}
