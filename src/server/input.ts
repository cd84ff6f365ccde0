// What came in, made safe: bodies with a size, JSON with a depth, fields by name.

import type { z } from 'zod'
import { Problem } from '../core/problem.ts'
import { formatDuration } from '../lib/duration.ts'

/** Deeper JSON is an attack on parsers, not a task. */
const maxDepth = 64

/** Reads a request's bytes up to a limit; throws `too_large` naming both sizes before it holds more than the limit. */
export async function readBytes(request: Request, limit: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(request.headers.get('content-length') ?? Number.NaN)
  if (announced > limit) {
    await discard(request.body)
    throw tooLarge(what, `${announced} bytes`, limit)
  }
  if (Number.isFinite(announced)) return new Uint8Array(await request.arrayBuffer())
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.length
    if (size <= limit) chunks.push(chunk)
    else if (size > limit + discardedBytes) break
  }
  if (size > limit) throw tooLarge(what, 'more bytes', limit)
  return new Uint8Array(Buffer.concat(chunks))
}

/** A client that is still sending would meet a broken pipe instead of our answer: so much more is taken in and dropped. */
const discardedBytes = 67_108_864

async function discard(body: ReadableStream<Uint8Array> | null): Promise<void> {
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > discardedBytes) return
  }
}

/** Bytes → JSON. Throws `malformed_json` for invalid UTF-8 or JSON, `invalid_request` for depth or NUL. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Problem('malformed_json', `${what} is not UTF-8`, { cause })
  }
  return parseJsonText(text, what)
}

export interface JsonRules {
  /** A daemon passes on what an agent printed, whatever it was; people's input has no use for NUL. */
  readonly nul: 'allowed' | 'refused'
  readonly depth: number
}

const strict: JsonRules = { nul: 'refused', depth: maxDepth }

export function parseJsonText(text: string, what: string, rules: JsonRules = strict): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const said = cause instanceof Error ? cause.message.slice(0, 200) : 'it cannot be parsed'
    throw new Problem('malformed_json', `${what}: ${said}`, { cause })
  }
  refuseHostile(value, what, { ...rules, nul: text.includes('\\u0000') ? rules.nul : 'allowed' })
  return value
}

/**
 * Checks against a schema. An unknown field is refused by name (`unknown_field`), anything else with the field's path (`invalid_request`).
 */
export function check<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(value, { error: inWords })
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.flatMap(leaves)
  const unknown = issues.find((issue) => issue.code === 'unrecognized_keys')
  if (unknown !== undefined && unknown.code === 'unrecognized_keys') {
    const names = unknown.keys.map((key) => JSON.stringify([...unknown.path, key].join('.'))).join(', ')
    throw new Problem('unknown_field', `${what} has no field ${names}`)
  }
  const [first] = issues
  const path = first === undefined || first.path.length === 0 ? what : `${what}: ${first.path.join('.')}`
  const said = first === undefined ? '' : saidOf(value, first)
  throw new Problem('invalid_request', `${path}: ${first?.message ?? 'is not valid'}${said}`)
}

/** Longer ones are not repeated: whoever sent them knows them by their beginning no better. */
const longestRepeated = 80

/** In any part of a path: what is inside may be a secret, as each of `env`, whatever it is called. */
const secretive = /key|token|secret|pass|auth|credential|env/i

/** The value itself, where the sentence does not have it. */
function saidOf(body: unknown, issue: Issue): string {
  const { path, message } = issue
  const value = valueAt(body, path)
  if (secretive.test(path.join('.'))) return ''
  if (typeof value === 'number')
    return `, not ${/[a-z]Ms$/.test(String(path.at(-1))) && value >= 0 ? formatDuration(value) : value}`
  if (typeof value !== 'boolean' && (typeof value !== 'string' || !isOfFew(issue))) return ''
  const text = JSON.stringify(value)
  return value === '' || text.length > longestRepeated || message.includes(String(value)) ? '' : `, not ${text}`
}

/** A text is repeated where a word of a table, a number or a length was asked for. Any other field may be given what is nobody's to log. */
function isOfFew(issue: Issue): boolean {
  switch (issue.code) {
    case 'invalid_value':
    case 'too_small':
    case 'too_big':
      return true
    case 'invalid_type':
      return ['number', 'int', 'boolean'].includes(issue.expected)
    default:
      return issue.code === 'invalid_union' && issue.discriminator !== undefined
  }
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => {
    if (typeof at !== 'object' || at === null) return undefined
    return (at as Readonly<Record<PropertyKey, unknown>>)[key] // an object of JSON
  }, value)
}

type Issue = z.core.$ZodIssue

/** The library's own sentences, in words of ours; those that a schema gives come first. */
function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'too_small' || issue.code === 'too_big') return boundInWords(issue)
  if (issue.code === 'invalid_value' && issue.values.length > 1)
    return `must be one of ${issue.values.map(String).join(', ')}`
  if (issue.code !== 'invalid_type') return undefined
  if (issue.input === undefined) return 'is missing'
  const expected =
    issue.expected === 'int' ? 'a whole number' : `${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`
  return `must be ${expected}`
}

function boundInWords(
  issue: z.core.$ZodRawIssue<z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig>,
): string | undefined {
  const bound = issue.code === 'too_small' ? issue.minimum : issue.maximum
  const side = issue.code === 'too_small' ? 'at least' : 'at most'
  if (issue.origin === 'string')
    return bound === 1 && side === 'at least' ? 'is empty' : `must have ${side} ${bound} characters`
  if (issue.origin === 'array' || issue.origin === 'set')
    return `must have ${side} ${bound} ${bound === 1 ? 'item' : 'items'}`
  if (issue.inclusive !== false) return `must be ${side} ${bound}`
  return `must be ${issue.code === 'too_small' ? 'more' : 'less'} than ${bound}`
}

/** A union's own issues say more than "invalid input"; the arm that came furthest is the one that was meant. */
function leaves(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue]
  const arms = issue.errors.map((arm) =>
    arm.flatMap((each) => leaves({ ...each, path: [...issue.path, ...each.path] })),
  )
  const furthest = arms.reduce((best, arm) => (depthOf(arm) > depthOf(best) ? arm : best))
  return furthest.length === 0 ? [issue] : furthest
}

function depthOf(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length))
}

/** Depth is walked with a list, not by recursion. NUL is refused because neither PostgreSQL nor a command line can hold it. */
function refuseHostile(value: unknown, what: string, rules: JsonRules): void {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > rules.depth) throw new Problem('invalid_request', `${what} is nested deeper than ${rules.depth} levels`)
    if (rules.nul === 'refused' && level.some(holdsNul))
      throw new Problem('invalid_request', `${what} contains a NUL character`)
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []))
  }
}

/** In a string, or in a field's name. */
function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0')
  return typeof value === 'object' && value !== null && Object.keys(value).some((key) => key.includes('\0'))
}

function tooLarge(what: string, size: string, limit: number): Problem {
  return new Problem('too_large', `${what} has ${size}; the limit is ${limit} bytes`)
}
