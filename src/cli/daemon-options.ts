// A daemon's settings: which there are, where they come from (flag > CAPSTAN_* > .env > daemon.toml), and what the daemon is given.

import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { parse } from 'smol-toml'
import { Problem } from '../core/problem.ts'
import type { Layer, Resolved, Values } from '../lib/config.ts'
import { flagLayer, kebab, resolveSettings, variableLayer } from '../lib/config.ts'
import { nearest } from '../lib/suggest.ts'
import type { Context } from './context.ts'
import type { daemonOptions } from './host/options.ts'
import { settingsOfDaemon } from './host/options.ts'

export type DaemonFlags = Values<typeof daemonOptions>

/** The effective settings and where each came from. Throws `configuration` naming every value that cannot be read. */
export function resolveDaemonOptions(flags: DaemonFlags, context: Pick<Context, 'env' | 'cwd' | 'home'>): Resolved {
  const resolved = resolveSettings(settingsOfDaemon, [
    flagLayer(settingsOfDaemon, flags),
    variableLayer(settingsOfDaemon, 'environment', context.env),
    variableLayer(settingsOfDaemon, '.env', dotEnv(join(context.cwd, '.env'))),
    fileLayer(join(context.home, 'daemon.toml')),
  ])
  if (resolved.wrong.length > 0) throw new Problem('configuration', resolved.wrong.join('; '))
  return resolved
}

/** Only settings come from a folder's .env: a server's address, a token or a data folder there could hand this host to a stranger. */
function dotEnv(path: string): Readonly<Record<string, string | undefined>> {
  const text = readText(path)
  return text === null ? {} : parseEnv(text)
}

function fileLayer(path: string): Layer {
  const raw: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(readToml(path))) {
    if (['harness', 'retention', 'quota', 'prices'].includes(key)) continue // tables with readers of their own
    const name = kebab(key)
    if (!settingsOfDaemon.some((setting) => setting.name === name)) throw unknownKey(path, key)
    raw[name] = value
  }
  return { source: path, raw, label: (name) => `${name} in ${path}` }
}

function unknownKey(path: string, key: string): Problem {
  const near = nearest(
    kebab(key),
    settingsOfDaemon.map(({ name }) => name),
  )
  const meant = near === null ? 'capstan daemon config lists the settings' : `did you mean ${near}?`
  return new Problem('configuration', `${path} has the unknown setting "${key}"; ${meant}`)
}

function readToml(path: string): Record<string, unknown> {
  const text = readText(path)
  if (text === null) return {}
  try {
    return parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)
    throw new Problem('configuration', `${path} is not TOML: ${why}`, { cause })
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return null
    throw new Problem('configuration', `${path} cannot be read: ${String(cause)}`, { cause })
  }
}

/** What a setting is when no place has it, in words, for `daemon config`. */
export function defaultInWords(name: string): string {
  const words: Readonly<Record<string, string>> = {
    identity: 'default',
    name: `${hostname()}:WORKSPACE`,
    'max-agents': 'one per 2 GiB of free memory',
    workspace: 'the current folder',
    'host-id': 'made once',
    'stop-agents': 'true',
    'min-free-disk': '10 GB and 10 %',
    'checkpoint-interval': '5m',
    'heartbeat-interval': 'as the server says',
    'lease-ttl': 'as the server says',
    'max-batch-size': '50',
    'poll-interval': '2s',
    'max-poll-interval': '30s',
    'warm-session-ttl': 'as retention says',
    transport: 'auto',
    'socket-retry': '60s',
  }
  return words[name] ?? ''
}
