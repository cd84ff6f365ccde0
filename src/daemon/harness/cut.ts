// Long text made short, with a mark where it was cut. The raw log on the host keeps all of it.

import { spellControls } from '../../lib/control.ts'
import { maxToolOutput } from '../../protocol/events.ts'
import type { Json } from './json.ts'
import { objectOf } from './json.ts'

/** How far a cut may move to find white space: a secret that is cut in half would no longer be recognised and blackened. */
const slack = 1_024

/** Keeps the beginning and, because errors stand there, a quarter at the end. At most `max` characters and the mark. */
export function cut(text: string, max: number = maxToolOutput): string {
  if (text.length <= max) return text
  const head = headOf(text, max - Math.floor(max / 4))
  const tail = tailOf(text, Math.floor(max / 4))
  return `${head}\n[… ${text.length - head.length - tail.length} characters cut …]\n${tail}`
}

/** One line for a person: white space folded, at most `max` characters. */
export function oneLine(text: string, max = 200): string {
  const folded = text
    .slice(0, max * 4)
    .replace(/\s+/g, ' ')
    .trim()
  return folded.length <= max ? folded : `${whole(folded.slice(0, max - 1))}…`
}

/** What a person is to decide upon, on one line: nothing is folded or dropped, line ends and control characters are spelled out. */
export function exactLine(text: string, max = 200): string {
  const spelled = spellControls(
    text
      .slice(0, max * 4)
      .trim()
      .replaceAll(/\r?\n/g, ' ⏎ ')
      .replaceAll('\t', ' '),
  )
  return spelled.length <= max ? spelled : `${whole(spelled.slice(0, max - 1))}…`
}

/** The last `max` characters of a growing text: what a state may remember of a stream. */
export function keepTail(text: string, line: string, max = 2_000): string {
  return `${text}${line.slice(-max)}\n`.slice(-max)
}

/** Nobody nests a tool's input deeper; what is deeper would overflow the stack of whoever writes the event as JSON. */
const maxDepth = 64

/** A tool's input with its long strings cut, so that one event stays far below a link message. */
export function boundedInput(input: unknown): unknown {
  if (deeperThan(input, maxDepth)) return { cut: `nested deeper than ${maxDepth} levels` }
  const size = JSON.stringify(input)?.length ?? 0
  if (size <= maxToolOutput) return input ?? null
  const shorter = shortened(input)
  return JSON.stringify(shorter).length <= maxToolOutput ? shorter : { cut: cut(JSON.stringify(input), 16_384) }
}

function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((item) => deeperThan(item, levels - 1))
}

function shortened(value: unknown): unknown {
  if (typeof value === 'string') return cut(value, 16_384)
  if (Array.isArray(value)) return value.map(shortened)
  const object: Json | null = objectOf(value)
  if (object === null) return value
  return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, shortened(item)]))
}

function headOf(text: string, length: number): string {
  const head = text.slice(0, length)
  const space = lastSpace(head.slice(-slack))
  return whole(space === -1 ? head : head.slice(0, head.length - Math.min(slack, head.length) + space))
}

function tailOf(text: string, length: number): string {
  const tail = text.slice(text.length - length)
  const space = tail.slice(0, slack).search(/\s/)
  return tail.slice(space === -1 ? firstWhole(tail) : space + 1)
}

function lastSpace(text: string): number {
  return Math.max(text.lastIndexOf(' '), text.lastIndexOf('\n'), text.lastIndexOf('\t'))
}

/** Without a lone first half of a surrogate pair at the end. */
function whole(text: string): string {
  return /[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text
}

function firstWhole(text: string): number {
  return /^[\uDC00-\uDFFF]/.test(text) ? 1 : 0
}
