// A tool in a transcript: one line that opens to what it was given and what came of it.

import { useEffect, useState } from 'react'
import { exactText, plainText } from '../parts/ansi.ts'
import { span } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { TerminalText } from '../parts/terminal-text.tsx'
import type { Row } from './rows.ts'
import { inputText } from './tool-input.ts'

type ToolRow = Extract<Row, { kind: 'tool' }>

interface ToolProps {
  readonly row: ToolRow
  /** The attempt goes on: a tool without an end is at work. */
  readonly live: boolean
  /** Words in it were looked for and found: it opens. */
  readonly found: boolean
}

/** Shorter is not worth a figure. */
const toldMs = 1_000

export function Tool({ row, live, found }: ToolProps) {
  const [open, setOpen] = useState(false)
  useEffect(() => {
    if (found) setOpen(true)
  }, [found])
  const { start, end, endedAt } = row
  const name = exactText(start?.name ?? 'tool')
  const title = start === null ? '' : exactText(start.title)
  const inside = (start?.parent ?? end?.parent) !== undefined
  return (
    <div className={inside ? 'border-l-2 border-line pl-3' : ''}>
      <div className="rounded-md border border-line">
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="flex w-full items-center gap-2 rounded-md px-2 py-1 text-left hover:bg-panel max-md:min-h-9"
        >
          <ToolState end={end} live={live} />
          <span className="shrink-0 text-xs font-medium">{name}</span>
          <code className="min-w-0 flex-1 truncate font-mono text-xs text-muted">{title === name ? '' : title}</code>
          {endedAt !== null && endedAt - row.at > toldMs && (
            <span className="shrink-0 text-xs text-faint tabular-nums">{span(endedAt - row.at)}</span>
          )}
          <Icon name={open ? 'down' : 'right'} className="size-3 text-faint" />
        </button>
        {open && <ToolBody row={row} live={live} />}
        {!open && end !== null && !end.ok && (
          <pre className="border-t border-line px-2 py-1 font-mono text-xs whitespace-pre-wrap text-bad line-clamp-3 [overflow-wrap:anywhere]">
            {plainText(end.output).trim().split('\n').slice(-3).join('\n') || 'failed'}
          </pre>
        )}
      </div>
    </div>
  )
}

function ToolState({ end, live }: { readonly end: ToolRow['end']; readonly live: boolean }) {
  if (end === null)
    return live ? (
      <span role="img" aria-label="At work" className="pulse m-1 size-2 shrink-0 rounded-full bg-busy" />
    ) : (
      <span role="img" aria-label="No end was seen" className="m-1 size-2 shrink-0 rounded-full bg-strong" />
    )
  return (
    <span role="img" aria-label={end.ok ? 'Done' : 'Failed'} className={end.ok ? 'text-good' : 'text-bad'}>
      <Icon name={end.ok ? 'check' : 'cross'} className="size-4" />
    </span>
  )
}

function ToolBody({ row: { start, end }, live }: { readonly row: ToolRow; readonly live: boolean }) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-px border-t border-line bg-line">
      {start !== null && (
        <pre
          tabIndex={0}
          className="max-h-72 overflow-auto bg-panel px-3 py-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]"
        >
          {inputText(start.input)}
        </pre>
      )}
      {end !== null && end.output !== '' && (
        <pre
          tabIndex={0}
          className="max-h-96 overflow-auto bg-bg px-3 py-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]"
        >
          <TerminalText text={end.output} />
        </pre>
      )}
      {(end === null || end.output === '') && (
        <p className="bg-bg px-3 py-1 text-xs text-faint">
          {end !== null ? 'It gave nothing back.' : live ? 'Still at work.' : 'What came of it was never seen.'}
        </p>
      )}
      {end?.exitCode != null && end.exitCode !== 0 && (
        <p className="bg-bg px-3 py-1 text-xs text-bad">exit code {end.exitCode}</p>
      )}
    </div>
  )
}
