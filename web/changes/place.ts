// Places in a change: lines of one side of one file, and which of them a comment is about.

import type { Comment } from './message.ts'
import type { PatchFile, PatchLine } from './patch.ts'

export interface Place {
  readonly file: PatchFile
  readonly side: 'old' | 'new'
  readonly line: number
  readonly code: string
}

/** Where a comment stands; its words are looked up when it is shown, so that writing does not make all rows anew. */
export interface Placed extends Pick<Comment, 'id' | 'path' | 'side' | 'from' | 'line'> {
  readonly writing: boolean
}

export function placeOf(file: PatchFile, line: PatchLine): Place {
  const side = line.kind === '-' ? 'old' : 'new'
  return { file, side, line: (side === 'old' ? line.old : line.new) ?? 0, code: line.text }
}

/** Lines of one side of a file, as they stand in its patch. */
export function linesBetween(file: PatchFile, side: Place['side'], from: number, to: number): Place[] {
  return file.hunks
    .flatMap((hunk) => hunk.lines)
    .filter((line) => (side === 'old' ? line.kind !== '+' : line.kind !== '-'))
    .map((line) => ({ file, side, line: (side === 'old' ? line.old : line.new) ?? 0, code: line.text }))
    .filter(({ line }) => line >= from && line <= to)
}

export function placeKey({ file, side, line }: Place): string {
  return `${file.path} ${side} ${line}`
}

export function isNoted(file: PatchFile, line: PatchLine, comments: readonly Placed[]): boolean {
  const { side, line: at } = placeOf(file, line)
  return comments.some((comment) => comment.side === side && comment.from <= at && at <= comment.line)
}
