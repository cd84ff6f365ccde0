// The words in which a CLI repeats what the model's server answered, made one sentence and a class.

import type { ErrorClass } from '../../protocol/events.ts'
import { oneLine } from './cut.ts'
import { classOfError, classOfStatus } from './error-names.ts'
import { classify } from './failure.ts'
import type { Json } from './json.ts'
import { numberOf, objectOf, parseObject, textOf } from './json.ts'

export interface ApiError {
  readonly message: string
  readonly class: ErrorClass | null
}

/** How deep a server's error may be wrapped in others' errors. */
const maxNesting = 3

/**
 * Understands `429: {"message":…}` (pi), `[API Error: {"error":{…}}]` (gemini) and prose. The status, where one is told, stands behind the
 * sentence, because a sentence alone often does not say what kind of error it is.
 */
export function apiError(words: string, status: number | null = null): ApiError {
  const bare = unwrapped(words.trim())
  const [, prefix, rest] = /^(\d{3}):? ([\s\S]*)$/.exec(bare) ?? []
  const seen = found(parseObject(rest ?? bare), maxNesting)
  const code = status ?? (prefix === undefined ? null : Number(prefix)) ?? seen?.status ?? null
  const told = seen?.message ?? rest ?? bare
  const sentence = oneLine(told === '' ? 'the model did not answer' : told, 450)
  const message = code === null || sentence.includes(String(code)) ? sentence : `${sentence} (${code})`
  return { message, class: classOf(message, code, seen?.names ?? []) }
}

/** Without gemini's bracket; advice behind it stays only where the bracket holds prose. */
function unwrapped(words: string): string {
  const [, inner, advice] = /^\[API Error: ([\s\S]*?)\](?:\s+([\s\S]*))?$/.exec(words) ?? []
  if (inner === undefined) return words
  return advice === undefined || parseObject(inner) !== null ? inner : `${inner} ${advice}`
}

interface Found {
  readonly message: string
  readonly status: number | null
  /** The server's own names of the error: `insufficient_quota`. */
  readonly names: readonly string[]
}

function found(value: Json | null, nesting: number): Found | null {
  if (value === null) return null
  const inner = objectOf(value.error)
  if (inner !== null && nesting > 0) return found(inner, nesting - 1)
  const message = textOf(value.message)
  if (message === null) return null
  const wrapped = nesting > 0 ? found(parseObject(message), nesting - 1) : null
  if (wrapped !== null) return wrapped
  const names = [value.type, value.code, value.status].map(textOf).filter((name) => name !== null)
  return { message, status: numberOf(value.code) ?? numberOf(value.status), names }
}

function classOf(words: string, status: number | null, names: readonly string[]): ErrorClass | null {
  const named = names.map((name) => classOfError(name, words)).find((kind) => kind !== null)
  const told = named ?? classify(words)
  if (told !== null) return told
  if (status !== null) return classOfStatus(status)
  // Node's fetch says only `terminated` when a stream is cut; Bun's that the connection was closed.
  return /^terminated\b|socket hang up|premature close|cannot connect|connection was closed/i.test(words)
    ? 'network'
    : null
}
