// Long runs of lines that nothing happened to, folded to their ends.

import type { PatchFile, PatchLine } from './patch.ts'
import type { Placed } from './place.ts'
import { isNoted } from './place.ts'

/** Lines around a change that say where it is; the patches of drawings have all of them. */
const nearLines = 3
/** Folding fewer spares nobody anything. */
const worthFolding = 12

interface Folding {
  readonly file: PatchFile
  /** Whether something changed before this run, and after it. */
  readonly ends: readonly [boolean, boolean]
  readonly comments: readonly Placed[]
  readonly unfolded: ReadonlySet<string>
}

/** Lines that nothing happened to, far from those that changed. */
export interface Fold {
  readonly kind: 'fold'
  readonly key: string
  readonly lines: number
}

/** A long run of context: its ends, and what lies between them as one row. */
export function folded(
  run: readonly PatchLine[],
  { file, ends, comments, unfolded }: Folding,
): (readonly PatchLine[] | Fold)[] {
  if (run[0]?.kind !== ' ') return [run]
  const [first, last] = [ends[0] ? nearLines : 0, ends[1] ? nearLines : 0]
  const inner = run.slice(first, run.length - last)
  const key = `f ${file.path} ${inner[0]?.new ?? 0}`
  const noted = inner.some((line) => isNoted(file, line, comments))
  if (inner.length < worthFolding || unfolded.has(key) || noted) return [run]
  return [run.slice(0, first), { kind: 'fold', key, lines: inner.length }, run.slice(run.length - last)]
}
