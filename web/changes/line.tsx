// A changed line: numbers, sign, code with its colours, and a way to comment on it.

import { memo } from 'react'
import { exactText } from '../parts/ansi.ts'
import { Icon } from '../parts/icon.tsx'
import type { Colour, Token } from './colour.ts'
import type { PatchFile, PatchLine } from './patch.ts'
import { placeOf } from './place.ts'
import type { Range } from './range.ts'
import type { DiffRow, ShownLine } from './rows.ts'

interface LineProps {
  readonly row: Extract<DiffRow, { kind: 'line' }>
  readonly range: Range
}

const backs = { '+': 'bg-add', '-': 'bg-del', ' ': '' } as const
const signs = { '+': '+', '-': '−', ' ': ' ' } as const

/** A line that is chosen, or that a comment is about, has a bar at its left. */
function backOf(file: PatchFile, { line, noted }: ShownLine, range: Range): string {
  const chosen = range.holds(placeOf(file, line))
  return `${backs[line.kind]} ${chosen ? 'bg-accent-soft' : ''} ${chosen || noted ? 'shadow-[inset_3px_0_0_var(--accent)]' : ''}`
}

export function LineView({ row: { file, colour, shown }, range }: LineProps) {
  const { line } = shown
  return (
    <div
      onPointerEnter={() => range.over(placeOf(file, line))}
      className={`group grid grid-cols-[2.75rem_1fr] font-mono text-xs leading-5 sm:grid-cols-[3rem_3rem_1fr] ${backOf(file, shown, range)}`}
    >
      <LineNumber n={line.old} className="max-sm:hidden" />
      <LineNumber n={line.new ?? line.old} hidden={line.new === null} />
      <Code file={file} colour={colour} shown={shown} range={range} />
    </div>
  )
}

interface PairProps {
  readonly row: Extract<DiffRow, { kind: 'pair' }>
  readonly range: Range
}

export function PairView({ row: { file, colour, old, new: fresh }, range }: PairProps) {
  return (
    <div className="grid grid-cols-2 font-mono text-xs leading-5">
      {[old, fresh].map((shown, side) => (
        <div
          key={side === 0 ? 'old' : 'new'}
          onPointerEnter={() => shown !== null && range.over(placeOf(file, shown.line))}
          className={`group grid grid-cols-[3rem_minmax(0,1fr)] ${side === 0 ? 'border-r border-line' : ''} ${shown === null ? 'bg-panel' : backOf(file, shown, range)}`}
        >
          <LineNumber n={(side === 0 ? shown?.line.old : shown?.line.new) ?? null} />
          {shown === null ? <span /> : <Code file={file} colour={colour} shown={shown} range={range} />}
        </div>
      ))}
    </div>
  )
}

function LineNumber({
  n,
  className = '',
  hidden = false,
}: {
  readonly n: number | null
  readonly className?: string
  readonly hidden?: boolean
}) {
  return (
    <span
      className={`pr-2 text-right text-faint select-none tabular-nums ${hidden ? 'sm:invisible' : ''} ${className}`}
    >
      {n}
    </span>
  )
}

interface CodeProps {
  readonly file: PatchFile
  readonly colour: Colour
  readonly shown: ShownLine
  readonly range: Range
}

function Code({ file, colour, shown, range }: CodeProps) {
  const { line } = shown
  const place = placeOf(file, line)
  return (
    <div className="relative flex min-w-0">
      <button
        type="button"
        aria-label={`Comment on line ${place.line}`}
        title="Pull over lines, or press another with ⇧, for all of them"
        onPointerDown={(event) => {
          if (event.pointerType !== 'mouse' || event.button !== 0 || event.shiftKey) return
          event.preventDefault() // no text is selected meanwhile
          range.begin(place)
        }}
        onClick={(event) => range.choose(place, event.shiftKey)}
        className="absolute top-0 -left-1 grid size-5 place-items-center rounded bg-accent text-on-accent opacity-0 group-hover:opacity-100 focus-visible:opacity-100 max-md:-left-11 max-md:w-14 max-md:active:opacity-80"
      >
        <Icon name="plus" className="size-3" />
      </button>
      <span
        aria-hidden="true"
        className={`w-5 shrink-0 pl-1.5 select-none ${line.kind === '+' ? 'text-good' : line.kind === '-' ? 'text-bad' : ''}`}
      >
        {signs[line.kind]}
      </span>
      <code className="min-w-0 flex-1 pr-3 whitespace-pre-wrap [overflow-wrap:anywhere] [tab-size:4]">
        <Text line={line} colour={colour} marked={shown.marked} />
        {line.bare && (
          <span className="text-faint" title="No newline at the end of the file">
            {' '}
            ⊘
          </span>
        )}
      </code>
    </div>
  )
}

const looks: Readonly<Record<Token['look'], string>> = {
  '': '',
  word: 'text-[var(--code-word)]',
  text: 'text-[var(--code-text)]',
  note: 'text-[var(--code-note)] italic',
  number: 'text-[var(--code-number)]',
}

const Text = memo(function Text({
  line,
  colour,
  marked,
}: {
  readonly line: PatchLine
  readonly colour: Colour
  readonly marked: readonly [number, number] | null
}) {
  const mark = line.kind === '+' ? 'bg-add-mark rounded-xs' : 'bg-del-mark rounded-xs'
  // The end of a line as Windows writes it is told where it may be what changed.
  const source = line.kind === ' ' ? line.text.replace(/\r$/, '') : line.text
  const exact = exactText(source)
  // Marks count characters: a line where some are shown by their numbers has others, and is shown without.
  const tokens = split(colour(exact), exact.length === source.length ? marked : null)
  return tokens.map(({ text, look, inside, at }) => {
    const name = [looks[look], inside ? mark : ''].filter((each) => each !== '').join(' ')
    return name === '' ? (
      text
    ) : (
      <span key={at} className={name}>
        {text}
      </span>
    )
  })
})

interface PlacedToken extends Token {
  readonly inside: boolean
  /** Where it begins in its line. */
  readonly at: number
}

/** Cuts tokens where the mark begins and ends. */
function split(tokens: readonly Token[], marked: readonly [number, number] | null): PlacedToken[] {
  const [from, to] = marked ?? [0, 0]
  let end = 0
  return tokens.flatMap(({ text, look }) => {
    const start = end
    end += text.length
    const cuts = [start, ...[from, to].filter((cut) => cut > start && cut < end), end]
    return cuts.slice(1).map((cut, i) => {
      const at = cuts[i] ?? start
      return { look, at, text: text.slice(at - start, cut - start), inside: from < to && at >= from && cut <= to }
    })
  })
}
