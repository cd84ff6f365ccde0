// capstan profile add, ls, show, set, rm

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'smol-toml'
import { Problem } from '../../core/problem.ts'
import { formatDuration } from '../../lib/duration.ts'
import { fileTrouble } from '../../lib/error-text.ts'
import type { ContextEntry } from '../../protocol/context.ts'
import type { ProfileSettings, ProfileView } from '../../protocol/fleet.ts'
import type { SandboxSettings } from '../../protocol/sandbox.ts'
import { sandboxSettings } from '../../protocol/sandbox.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { relative } from '../render/figures.ts'
import { pairLines, tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
import { wrap } from '../render/wrap.ts'
import type { Given, none } from '../spec.ts'
import { readContextFiles } from './context-files.ts'
import type { profileOptions } from './options.ts'

type Settings = Given<typeof profileOptions>

export async function addProfile(given: Settings, context: Context): Promise<number> {
  const client = await connect(context)
  const body = { name: given.args[0] ?? '', ...settingsOf(given, context, {}) }
  return say(await client.call('createProfile', { body, signal: context.signal }), context)
}

export async function setProfile(given: Settings, context: Context): Promise<number> {
  const client = await connect(context)
  const params = { id: given.args[0] ?? '' }
  const before = await client.call('getProfile', { params, signal: context.signal })
  const body = { name: before.name, ...before.settings, ...settingsOf(given, context, before.settings) }
  return say(await client.call('replaceProfile', { params, body, signal: context.signal }), context)
}

export async function showProfile({ args }: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  return say(await client.call('getProfile', { params: { id: args[0] ?? '' }, signal: context.signal }), context)
}

export async function listProfiles(_: Given<typeof none>, { terminal, json, ...context }: Context): Promise<number> {
  const { items } = await (await connect(context)).call('listProfiles', { signal: context.signal })
  if (json) terminal.json(items)
  else if (items.length === 0) terminal.out('no profiles; make one with: capstan profile add NAME --harness codex')
  else {
    const rows = items.map(({ name, version, settings }) => [
      oneLine(name),
      String(version),
      oneLine([settings.harness, settings.model].filter((each) => each !== undefined).join(', ')),
      oneLine(settings.description ?? ''),
    ])
    const table = { head: ['NAME', 'VERSION', 'HARNESS', 'DESCRIPTION'], rows, flexible: 3, right: [1] }
    terminal.out(...tableLines(table, terminal.width, terminal.style))
  }
  return 0
}

export async function removeProfile({ args }: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  const id = args[0] ?? ''
  await client.call('removeProfile', { params: { id }, signal: context.signal })
  if (context.json) context.terminal.json({ removed: id })
  else context.terminal.out(`${id} is removed`)
  return 0
}

function say(profile: ProfileView, { json, terminal, clock }: Context): number {
  if (json) {
    terminal.json(profile)
    return 0
  }
  const { name, id, version, settings, updatedAt } = profile
  const known = Object.entries(settings).flatMap(([key, value]) => pairsOf(key, value))
  const pairs = [
    ['name', name],
    ['id', id],
    ['version', `${version}, ${relative(updatedAt, clock.now())}`],
    ...known,
  ] as const
  const lines = pairs.map(([key, value]) => [key, oneLine(value ?? '')] as const)
  terminal.out(...pairLines(lines, terminal.style).flatMap((line) => wrap(line, terminal.width)))
  for (const warning of profile.warnings ?? []) terminal.note(`warning: ${warning}`)
  return 0
}

function text(key: string, value: unknown): string {
  if (key === 'context') return (value as ContextEntry[]).map(({ slug, binding }) => `${slug} (${binding})`).join(', ') // by its schema
  if (key.endsWith('Ms')) return formatDuration(Number(value))
  if (Array.isArray(value))
    return value.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join(', ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** A setting that has parts of its own stands as a heading, its parts indented below it. */
function pairsOf(key: string, value: unknown): readonly (readonly [string, string])[] {
  const list = Array.isArray(value) && key !== 'context' && value.some((each) => typeof each === 'object')
  if (list) return value.flatMap((each, at) => pairsOf(`${key} ${at + 1}`, each))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[key, text(key, value)]]
  const parts = Object.entries(value).flatMap(([name, part]) => pairsOf(name, part))
  return [[key, ''], ...parts.map(([name, part]) => [`  ${name}`, part] as const)]
}

/** `before`: what a changed profile has so far. */
function settingsOf({ options }: Settings, context: Context, before: ProfileSettings): ProfileSettings {
  const { timeout, thinking, sessionTtl, workspaceTtl, leaseTtl, heartbeatInterval, ...more } = options
  const { context: files, sandbox: file, setup, cacheKey, ...rest } = more
  const renamed = {
    runningTimeoutMs: timeout,
    thinkingLevel: thinking,
    sessionTtlMs: sessionTtl,
    workspaceTtlMs: workspaceTtl,
    context: files && readContextFiles(files, context),
    leaseTtlMs: leaseTtl,
    heartbeatIntervalMs: heartbeatInterval,
    sandbox: withSetup(file === undefined ? before.sandbox : readSandbox(resolve(context.cwd, file)), {
      setup,
      cacheKey,
    }),
  }
  const given = Object.entries({ ...rest, ...renamed }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as ProfileSettings // the parser has checked the choices against the same words
}

/** The flags stand over what the file, or the profile so far, says. */
function withSetup(
  sandbox: SandboxSettings | undefined,
  {
    setup,
    cacheKey,
  }: { readonly setup: readonly string[] | undefined; readonly cacheKey: readonly string[] | undefined },
): SandboxSettings | undefined {
  if (setup === undefined && cacheKey === undefined) return sandbox
  return {
    ...(sandbox ?? { runtime: 'none' }),
    ...(setup === undefined ? {} : { setupCommands: [...setup] }),
    ...(cacheKey === undefined ? {} : { cacheKey: [...cacheKey] }),
  }
}

/** Checked here, so that a mistake names the file; `runtime` is os unless it says otherwise. */
function readSandbox(path: string): SandboxSettings {
  const settings = parsed(path)
  const read = sandboxSettings.safeParse({ runtime: 'os', ...settings })
  if (read.success) return read.data
  const [issue] = read.error.issues
  const where = issue?.path ?? []
  const value = where.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null ? (at as Readonly<Record<PropertyKey, unknown>>)[key] : undefined, // of TOML
    settings,
  )
  const said = typeof value === 'number' ? `, not ${value}` : ''
  throw new Problem('usage', `${path}: ${[...where, ''].join(' ')}${issue?.message ?? 'not valid'}${said}`)
}

function parsed(path: string): Record<string, unknown> {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new Problem('usage', `the sandbox settings ${path} cannot be read: ${fileTrouble(cause)}`, { cause })
  }
}
