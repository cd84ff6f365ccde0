// Changed files → the rows of one long list: heads, hunks, lines, comments. Pure: what is folded and how it is shown comes in.

import { bytes as bytesText } from '../parts/figures.ts'
import type { Side } from './binary.ts'
import { pictureType } from './binary.ts'
import type { Colour } from './colour.ts'
import { colourFor } from './colour.ts'
import type { PatchFile, PatchLine } from './patch.ts'
import { differing, runsOf, withoutWhitespace } from './patch.ts'
import type { Comment } from './review.ts'

export interface DiffLook {
  readonly split: boolean
  /** Changes of whitespace alone are shown. */
  readonly whitespace: boolean
}

/** A line with the part of it that differs from its partner. */
export interface ShownLine {
  readonly line: PatchLine
  readonly marked: readonly [number, number] | null
}

export interface Place {
  readonly file: PatchFile
  readonly side: 'old' | 'new'
  readonly line: number
  readonly code: string
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
  | { readonly kind: 'comment'; readonly key: string; readonly comment: Comment; readonly editing: boolean }
  | { readonly kind: 'write'; readonly key: string; readonly place: Place }

export interface DiffState {
  readonly look: DiffLook
  readonly comments: readonly Comment[]
  readonly viewed: ReadonlySet<string>
  /** Paths that a person unfolded, or folded, by hand. */
  readonly open: ReadonlySet<string>
  readonly closed: ReadonlySet<string>
  /** The place where a comment is being written, as `placeKey`. */
  readonly editing: string | null
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
  const folded = closed.has(file.path) || (viewed.has(file.mark) && !open.has(file.path))
  const head: DiffRow = { kind: 'head', key: `h ${file.path}`, file, folded }
  if (folded) return [head]
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
    for (const run of runsOf(hunk.lines)) addRun(rows, { file, colour, run, comments, state })
  }
  return rows
}

/** All of one side at least is in the patch. An SVG is text: whole only where the file is new or gone. */
function hasPicture({ path, what, binary, bytes, insertions, deletions }: PatchFile): boolean {
  if (pictureType(path) === null) return false
  if (!binary) return (what === 'added' || what === 'deleted') && insertions + deletions <= guardLines
  return [bytes?.new, bytes?.old].some((side) => side?.how === 'literal' && side.bytes > 0)
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
  readonly comments: readonly Comment[]
  readonly state: DiffState
}

function addRun(rows: DiffRow[], { file, colour, run, comments, state }: Run): void {
  const shown = marked(run)
  if (state.look.split) {
    const gone = shown.filter(({ line }) => line.kind === '-')
    const come = shown.filter(({ line }) => line.kind === '+')
    const context = shown.filter(({ line }) => line.kind === ' ')
    for (const each of context) pushPair(each, each)
    for (let i = 0; i < Math.max(gone.length, come.length); i += 1) pushPair(gone[i] ?? null, come[i] ?? null)
    return
  }
  for (const each of shown) {
    rows.push({
      kind: 'line',
      key: `${placeKey(placeOf(file, each.line))} ${each.line.kind}`,
      file,
      colour,
      shown: each,
    })
    addComments(rows, placeOf(file, each.line), comments, state.editing)
  }
  function pushPair(old: ShownLine | null, fresh: ShownLine | null): void {
    const key = `p ${file.path} ${old?.line.old ?? ''} ${fresh?.line.new ?? ''}`
    rows.push({ kind: 'pair', key, file, colour, old, new: fresh })
    if (old !== null && old !== fresh) addComments(rows, placeOf(file, old.line), comments, state.editing)
    if (fresh !== null) addComments(rows, placeOf(file, fresh.line), comments, state.editing)
  }
}

function addComments(rows: DiffRow[], place: Place, comments: readonly Comment[], editing: string | null): void {
  const key = placeKey(place)
  for (const comment of comments)
    if (comment.line === place.line && comment.side === place.side)
      rows.push({ kind: 'comment', key: `c ${comment.id}`, comment, editing: editing === comment.id })
  if (editing === key) rows.push({ kind: 'write', key: `w ${key}`, place })
}

/** Lines of a block whose removals and additions stand against each other one to one are marked where they differ. */
function marked(run: readonly PatchLine[]): ShownLine[] {
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

export function placeOf(file: PatchFile, line: PatchLine): Place {
  const side = line.kind === '-' ? 'old' : 'new'
  return { file, side, line: (side === 'old' ? line.old : line.new) ?? 0, code: line.text }
}

export function placeKey({ file, side, line }: Place): string {
  return `${file.path} ${side} ${line}`
}
