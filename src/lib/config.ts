// Settings from several places: what a value looks like, and which place wins. Flags, environment and files use the same readings.

import { parseDuration } from './duration.ts'

/** How a setting is read. `list`: repeatable, or with commas in the environment. `duration`: Go's form, ms in code. `map`: key=value. */
type Kind = 'text' | 'list' | 'flag' | 'count' | 'amount' | 'duration' | 'map'

interface ValueOfKind {
  text: string
  list: readonly string[]
  flag: boolean
  count: number
  amount: number
  duration: number
  map: Readonly<Record<string, string>>
}
export type Value = ValueOfKind[Kind]

export interface Setting {
  /** In kebab case, as in the flag: `max-agents`. */
  readonly name: string
  readonly kind: Kind
  readonly choices?: readonly string[]
  readonly min?: number
  readonly max?: number
  /** A list whose items may also be written with commas: `qa,dev`. Not for paths or commands. */
  readonly commas?: true
}

type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S

/** The values of a list of settings, by their names in camel case. */
export type Values<S extends readonly Setting[]> = {
  readonly [One in S[number] as Camel<One['name']>]?: ValueOfKind[One['kind']]
}

export function camel(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** Either the value, or half a sentence: what it must be. */
export type Reading = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly expected: string }

/** Reads a raw value (text of a flag or variable, or what a TOML file holds) as its setting's kind. */
export function readValue(setting: Setting, raw: unknown): Reading {
  const reading = readKind(setting, raw)
  if (!reading.ok || setting.choices === undefined) return reading
  const wrong = [reading.value].flat().find((each) => !setting.choices?.includes(String(each)))
  return wrong === undefined ? reading : no(`one of ${setting.choices.join(', ')}`)
}

function readKind(setting: Setting, raw: unknown): Reading {
  switch (setting.kind) {
    case 'text':
      return typeof raw === 'string' && raw !== '' ? yes(raw) : no('a text that is not empty')
    case 'list':
      return readList(setting.commas === true && Array.isArray(raw) ? raw.flatMap(splitText) : raw)
    case 'flag':
      return readFlag(raw)
    case 'count':
      return readNumber(setting, raw, 'a whole number')
    case 'amount':
      return readNumber(setting, raw, 'a number')
    case 'duration':
      return readDuration(raw)
    case 'map':
      return readMap(raw)
  }
}

function splitText(item: unknown): unknown {
  return typeof item === 'string' ? item.split(',') : item
}

function readList(raw: unknown): Reading {
  const items = Array.isArray(raw) ? raw : typeof raw === 'string' ? raw.split(',') : null
  if (items === null || items.some((item) => typeof item !== 'string')) return no('a list of texts')
  return yes(items.map((item: string) => item.trim()).filter((item) => item !== ''))
}

const words: Record<string, boolean> = { true: true, '1': true, yes: true, on: true, false: false, '0': false }

function readFlag(raw: unknown): Reading {
  if (typeof raw === 'boolean') return yes(raw)
  const value = { ...words, no: false, off: false }[String(raw).toLowerCase()]
  return value === undefined ? no('true or false') : yes(value)
}

function readNumber(setting: Setting, raw: unknown, what: string): Reading {
  const value = typeof raw === 'number' ? raw : typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : Number.NaN
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = setting
  const whole = setting.kind === 'amount' || Number.isSafeInteger(value)
  if (Number.isFinite(value) && whole && value >= min && value <= max) return yes(value)
  const from = setting.min === undefined ? '' : setting.max === undefined ? ` of ${min} or more` : ` from ${min}`
  return no(`${what}${from}${setting.max === undefined ? '' : ` to ${max}`}`)
}

function readDuration(raw: unknown): Reading {
  const ms = typeof raw === 'string' ? parseDuration(raw) : raw === 0 ? 0 : null
  return ms === null ? no('a duration such as 90s, 15m or 2h') : yes(ms)
}

function readMap(raw: unknown): Reading {
  const map: Record<string, string> = {}
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) {
    for (const [key, value] of Object.entries(raw)) map[key] = String(value)
    return yes(map)
  }
  const list = readList(raw)
  if (!list.ok) return no('key=value')
  for (const pair of list.value as readonly string[]) {
    // readList gives texts
    const at = pair.indexOf('=')
    if (at < 1) return no('key=value')
    map[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return yes(map)
}

function yes(value: Value): Reading {
  return { ok: true, value }
}

function no(expected: string): Reading {
  return { ok: false, expected }
}

/** One place that settings come from, such as the flags or a file; keys are the settings' names in kebab case. */
export interface Layer {
  /** Shown to people: `flag`, `CAPSTAN_*`, `.env`, a path. */
  readonly source: string
  readonly raw: Readonly<Record<string, unknown>>
  /** What the value was called there: `--max-agents`, `CAPSTAN_MAX_AGENTS`. */
  label(name: string): string
}

export interface Resolved {
  /** By name in kebab case; settings that no layer has are absent. */
  readonly values: Readonly<Record<string, Value>>
  readonly from: Readonly<Record<string, string>>
  /** A sentence for each value that could not be read. */
  readonly wrong: readonly string[]
}

/** The first layer that has a setting wins. Nothing is merged across layers, not even lists. */
export function resolveSettings(settings: readonly Setting[], layers: readonly Layer[]): Resolved {
  const values: Record<string, Value> = {}
  const from: Record<string, string> = {}
  const wrong: string[] = []
  for (const setting of settings) {
    const layer = layers.find(({ raw }) => raw[setting.name] !== undefined)
    if (layer === undefined) continue
    const raw = layer.raw[setting.name]
    const reading = readValue(setting, raw)
    from[setting.name] = layer.source
    if (reading.ok) values[setting.name] = reading.value
    else wrong.push(`${layer.label(setting.name)} must be ${reading.expected}, not ${JSON.stringify(raw)}`)
  }
  return { values, from, wrong }
}

/** What flags gave: `given` by camel-case names, as read by the same settings. */
export function flagLayer(settings: readonly Setting[], given: Readonly<Record<string, Value | undefined>>): Layer {
  const raw: Record<string, unknown> = {}
  for (const { name, kind } of settings) {
    const value = given[camel(name)]
    // layers hold raw values: a span that was read already is written out again
    if (value !== undefined) raw[name] = kind === 'duration' ? `${value}ms` : value
  }
  return { source: 'flag', raw, label: (name) => `--${name}` }
}

/** `CAPSTAN_*` variables of an environment, or of a file in its form; empty ones count as absent. */
export function variableLayer(
  settings: readonly Setting[],
  source: string,
  env: Readonly<Record<string, string | undefined>>,
): Layer {
  const raw: Record<string, unknown> = {}
  for (const { name } of settings) {
    const value = env[variableOf(name)]
    if (value !== undefined && value !== '') raw[name] = value
  }
  return { source, raw, label: (name) => `${variableOf(name)}${source === 'environment' ? '' : ` in ${source}`}` }
}

/** Resolved values by their names in camel case. */
export function camelValues<S extends readonly Setting[]>(resolved: Resolved): Values<S> {
  // each was read by its setting
  return Object.fromEntries(Object.entries(resolved.values).map(([name, value]) => [camel(name), value])) as Values<S>
}

/** `max-agents` → `CAPSTAN_MAX_AGENTS`. */
export function variableOf(name: string): string {
  return `CAPSTAN_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Keys of a settings file may be written `max-agents`, `max_agents` or `maxAgents`; this is the kebab form. */
export function kebab(key: string): string {
  return key.replaceAll('_', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
