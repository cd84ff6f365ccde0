// Changed files → the rows of one long list: heads, hunks, lines, comments. Pure: what is folded and how it is shown comes in.

import { bytes as bytesText } from '../parts/figures.ts'
import type { Side } from './binary.ts'
import { pictureType } from './binary.ts'
import type { Colour } from './colour.ts'
import { colourFor } from './colour.ts'
import type { Fold } from './fold.ts'
import { folded } from './fold.ts'
import type { PatchFile, PatchLine } from './patch.ts'
import { differing, runsOf, withoutWhitespace } from './patch.ts'
import type { Placed } from './place.ts'
import { isNoted, placeKey, placeOf } from './place.ts'

export interface DiffLook {
  readonly split: boolean
  /** Changes of whitespace alone are shown. */
  readonly whitespace: boolean
}

/** A line with the part of it that differs from its partner. */
export interface ShownLine {
  readonly line: PatchLine
  readonly marked: readonly [number, number] | null
  /** A comment is about it. */
  readonly noted: boolean
}

export type DiffRow =
  | { readonly kind: 'head'; readonly key: string; readonly file: PatchFile; readonly folded: boolean }
  | {
      readonly kind: 'note'
      readonly key: string
      readonly file: PatchFile
      readonly text: string
      readonly canOpen: boolean
    }
  | { readonly kind: 'picture'; readonly key: string; readonly file: PatchFile }
  | { readonly kind: 'hunk'; readonly key: string; readonly text: string }
  | Fold
  | {
      readonly kind: 'line'
      readonly key: string
      readonly file: PatchFile
      readonly colour: Colour
      readonly shown: ShownLine
    }
  | {
      readonly kind: 'pair'
      readonly key: string
      readonly file: PatchFile
      readonly colour: Colour
      readonly old: ShownLine | null
      readonly new: ShownLine | null
    }
  | {
      readonly kind: 'comment'
      readonly key: string
      readonly file: PatchFile
      readonly id: string
      readonly writing: boolean
    }

export interface DiffState {
  readonly look: DiffLook
  readonly comments: readonly Placed[]
  readonly viewed: ReadonlySet<string>
  /** Paths that a person unfolded, or folded, by hand. */
  readonly open: ReadonlySet<string>
  readonly closed: ReadonlySet<string>
  /** Keys of folds that a person opened. */
  readonly unfolded: ReadonlySet<string>
}

/** A file with more changed lines opens on demand: it would bury the others. */
const guardLines = 1_500
/** A longer line is data: its middle is not looked at for what differs. */
const guardColumns = 1_000

export function diffRows(files: readonly PatchFile[], state: DiffState): DiffRow[] {
  return files.flatMap((file) => fileRows(file, state))
}

function fileRows(file: PatchFile, state: DiffState): DiffRow[] {
  const { open, closed, viewed } = state
  const shut = closed.has(file.path) || (viewed.has(file.mark) && !open.has(file.path))
  const head: DiffRow = { kind: 'head', key: `h ${file.path}`, file, folded: shut }
  if (shut) return [head]
  const note = (text: string, canOpen = false): DiffRow => ({
    kind: 'note',
    key: `n ${file.path}`,
    file,
    text,
    canOpen,
  })
  const picture: DiffRow[] = hasPicture(file) ? [{ kind: 'picture', key: `i ${file.path}`, file }] : []
  if (file.binary) return [head, ...(picture.length > 0 ? picture : [note(binaryText(file))])]
  const changed = file.insertions + file.deletions
  if (changed > guardLines && !open.has(file.path))
    return [head, note(`${changed.toLocaleString('en')} changed lines`, true)]
  const hunks = state.look.whitespace ? file.hunks : withoutWhitespace(file.hunks)
  if (hunks.length === 0) return [head, note(emptyText(file))]
  const colour = colourFor(file.path)
  const comments = state.comments.filter((comment) => comment.path === file.path)
  const rows: DiffRow[] = [head, ...picture]
  for (const [i, hunk] of hunks.entries()) {
    const first = hunk.lines.find((line) => line.new !== null)?.new ?? hunk.lines[0]?.old ?? 0
    rows.push({ kind: 'hunk', key: `@ ${file.path} ${i}`, text: hunk.header === '' ? `line ${first}` : hunk.header })
    const runs = runsOf(hunk.lines)
    for (const [at, run] of runs.entries()) {
      const ends = [at > 0, at < runs.length - 1] as const
      for (const part of folded(run, { file, ends, comments, unfolded: state.unfolded }))
        if ('kind' in part) rows.push(part)
        else addRun(rows, { file, colour, run: part, comments, split: state.look.split })
    }
  }
  return rows
}

/** All of one side at least is in the patch. */
function hasPicture(file: PatchFile): boolean {
  const { path, binary, bytes, insertions, deletions } = file
  if (pictureType(path) === null) return false
  if (!binary) return insertions + deletions <= guardLines && isWhole(file)
  return [bytes?.new, bytes?.old].some((side) => side?.how === 'literal' && side.bytes > 0)
}

/** A drawing is text: all of it is in the patch from its first line to where it closes. */
function isWhole({ what, hunks }: PatchFile): boolean {
  if (what === 'added' || what === 'deleted') return true
  const [hunk, ...others] = hunks
  if (hunk === undefined || others.length > 0) return false
  const begins = (side: 'old' | 'new') => hunk.lines.find((line) => line[side] !== null)?.[side] === 1
  const closes = (sign: '-' | '+') =>
    /<\/svg>\s*$/i.test(hunk.lines.findLast((line) => line.kind !== sign && line.text.trim() !== '')?.text ?? '')
  return begins('old') && begins('new') && closes('-') && closes('+')
}

function binaryText({ what, bytes }: PatchFile): string {
  const size = (side: Side | null) => (side === null || side.how === 'delta' ? null : bytesText(side.bytes))
  const [old, fresh] = [size(bytes?.old ?? null), size(bytes?.new ?? null)]
  const sizes = what === 'added' ? fresh : what === 'deleted' ? old : [old, fresh].filter((each) => each).join(' → ')
  const said = ['A binary file', sizes].filter((each) => each).join(', ')
  return `${said}. Its bytes are in the patch: take it over to look at them in your checkout.`
}

function emptyText(file: PatchFile): string {
  if (file.mode !== null) return `Mode ${file.mode}`
  if (file.hunks.length > 0) return 'Only whitespace changed.'
  return file.what === 'renamed' || file.what === 'copied' ? 'The content is the same.' : 'An empty file.'
}

interface Run {
  readonly file: PatchFile
  readonly colour: Colour
  readonly run: readonly PatchLine[]
  readonly comments: readonly Placed[]
  readonly split: boolean
}

function addRun(rows: DiffRow[], { file, colour, run, comments, split }: Run): void {
  const shown = marked(run).map((each) => ({ ...each, noted: isNoted(file, each.line, comments) }))
  const addComments = (line: PatchLine) => {
    const place = placeOf(file, line)
    for (const { id, side, line: at, writing } of comments)
      if (at === place.line && side === place.side) rows.push({ kind: 'comment', key: `c ${id}`, file, id, writing })
  }
  const pushPair = (old: ShownLine | null, fresh: ShownLine | null) => {
    const key = `p ${file.path} ${old?.line.old ?? ''} ${fresh?.line.new ?? ''}`
    rows.push({ kind: 'pair', key, file, colour, old, new: fresh })
    if (old !== null && old !== fresh) addComments(old.line)
    if (fresh !== null) addComments(fresh.line)
  }
  if (split) {
    const of = (kind: PatchLine['kind']) => shown.filter(({ line }) => line.kind === kind)
    const [gone, come] = [of('-'), of('+')]
    for (const each of of(' ')) pushPair(each, each)
    for (let i = 0; i < Math.max(gone.length, come.length); i += 1) pushPair(gone[i] ?? null, come[i] ?? null)
    return
  }
  for (const each of shown) {
    const key = `${placeKey(placeOf(file, each.line))} ${each.line.kind}`
    rows.push({ kind: 'line', key, file, colour, shown: each })
    addComments(each.line)
  }
}

/** Lines of a block whose removals and additions stand against each other one to one are marked where they differ. */
function marked(run: readonly PatchLine[]): Omit<ShownLine, 'noted'>[] {
  const gone = run.filter((line) => line.kind === '-')
  const come = run.filter((line) => line.kind === '+')
  if (gone.length !== come.length) return run.map((line) => ({ line, marked: null }))
  return run.map((line) => {
    const at = line.kind === '-' ? gone.indexOf(line) : come.indexOf(line)
    const [a, b] = [gone[at], come[at]]
    if (at === -1 || a === undefined || b === undefined || a.text.length + b.text.length > guardColumns)
      return { line, marked: null }
    const spans = differing(a.text, b.text)
    const own = line.kind === '-' ? spans.a : spans.b
    // Nearly everything differs: a mark would say nothing.
    return { line, marked: own[1] - own[0] > 0.7 * line.text.length ? null : own }
  })
}
