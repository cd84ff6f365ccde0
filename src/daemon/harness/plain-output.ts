// The reader of programs that only print: every line of standard output is text, and the exit code is all that tells how it went.

import { cut, keepTail, oneLine } from './cut.ts'
import { exitWords, failureOf } from './failure.ts'
import type { ExitFacts, Line, Reduced, Verdict } from './port.ts'

export interface PlainState {
  readonly lastText: string | null
  readonly stderr: string
}

export function initialPlainState(): PlainState {
  return { lastText: null, stderr: '' }
}

/**
 * Standard error becomes raw lines, not warnings: progress and traces go there as well. Blank lines of standard output are kept,
 * since they part paragraphs.
 */
export function reducePlain(state: PlainState, line: Line): Reduced<PlainState> {
  const text = cut(line.text)
  if (line.stream === 'stderr') {
    const next = { ...state, stderr: keepTail(state.stderr, line.text) }
    return { state: next, events: [{ type: 'raw', stream: 'stderr', line: text }] }
  }
  const lastText = line.text.trim() === '' ? state.lastText : oneLine(line.text, 1_000)
  return { state: { ...state, lastText }, events: [{ type: 'text', text }] }
}

/** Pure. `title` is what failed, in words. */
export function finishPlain(title: string, state: PlainState, exit: ExitFacts): Verdict {
  const summary = { usage: null, costUsd: null, model: null, sessionRef: null, lastText: state.lastText }
  if (exit.code === 0) return { ...summary, ok: true }
  const last = state.stderr.trim().split('\n').at(-1) ?? ''
  const detail = `${title} ended with ${exitWords(exit)}${last === '' ? '' : `: ${oneLine(last, 300)}`}`
  return { ...summary, ...failureOf(exit.code === null ? 'crashed' : null, detail) }
}
