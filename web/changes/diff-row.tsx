// One row of the list of changes.

import { exactText } from '../parts/ansi.ts'
import { Button } from '../parts/button.tsx'
import { plural } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { CommentRow } from './comment.tsx'
import type { DiffListProps } from './diff-list.tsx'
import { FileMark } from './file-tree.tsx'
import { LineView, PairView } from './line.tsx'
import { Picture } from './picture.tsx'
import type { DiffRow } from './rows.ts'

interface RowProps extends Pick<DiffListProps, 'review' | 'store' | 'range' | 'onUnfold' | 'onOpen'> {
  readonly row: DiffRow
}

export function DiffRowView(props: RowProps) {
  const { row, review, store, range, onUnfold, onOpen } = props
  switch (row.kind) {
    case 'head':
      return <Head {...props} row={row} />
    case 'note':
      return (
        <p className="flex items-center gap-3 px-4 py-2 text-muted">
          {row.text}
          {row.canOpen && (
            <Button small onClick={() => onOpen(row.file, true)}>
              Show them
            </Button>
          )}
        </p>
      )
    case 'picture':
      return <Picture file={row.file} />
    case 'hunk':
      return <p className="truncate bg-panel px-4 py-1 font-mono text-xs text-faint">{exactText(row.text)}</p>
    case 'fold':
      return (
        <button
          type="button"
          onClick={() => onUnfold(row.key)}
          className="flex w-full items-center gap-2 bg-panel px-4 py-1 text-left text-xs text-muted hover:bg-calm-soft max-md:min-h-9"
        >
          <Icon name="more" className="size-3.5" />
          {plural(row.lines, 'line')} as before
        </button>
      )
    case 'line':
      return <LineView row={row} range={range} />
    case 'pair':
      return <PairView row={row} range={range} />
    case 'comment': {
      const comment = review.comments.find((each) => each.id === row.id)
      return comment === undefined ? null : <CommentRow comment={comment} file={row.file} store={store} />
    }
  }
}

interface HeadProps extends Pick<DiffListProps, 'review' | 'store' | 'onOpen'> {
  readonly row: Extract<DiffRow, { kind: 'head' }>
}

export function Head({ row, review, store, onOpen }: HeadProps) {
  const { file, folded } = row
  const viewed = review.viewed.includes(file.mark)
  const moved = file.what === 'renamed' || file.what === 'copied'
  return (
    <div className="border-y border-line bg-panel">
      <div className="flex min-h-10 items-center gap-2 px-3 py-1">
        <button
          type="button"
          aria-expanded={!folded}
          aria-label={`${folded ? 'Show' : 'Hide'} ${exactText(file.path)}`}
          onClick={() => onOpen(file, folded)}
          className="grid size-6 place-items-center rounded text-muted hover:bg-calm-soft"
        >
          <Icon name={folded ? 'right' : 'down'} className="size-3.5" />
        </button>
        <FileMark file={file} viewed={false} />
        <h3 className="min-w-0 flex-1 font-mono text-xs font-semibold [overflow-wrap:anywhere]">
          {moved && <span className="font-normal text-muted">{exactText(file.oldPath)} → </span>}
          {exactText(file.path)}
          {file.mode !== null && <span className="font-normal text-muted"> ({file.mode})</span>}
        </h3>
        {!file.binary && (
          <span className="text-xs whitespace-nowrap tabular-nums">
            {file.insertions > 0 && <span className="text-good">+{file.insertions}</span>}{' '}
            {file.deletions > 0 && <span className="text-bad">−{file.deletions}</span>}
          </span>
        )}
        <label className="flex items-center gap-1.5 text-xs text-muted max-md:min-h-9">
          <input
            type="checkbox"
            checked={viewed}
            onChange={() => store.toggleViewed(file.mark)}
            className="size-3.5 accent-accent"
          />
          <span>Viewed</span>
        </label>
      </div>
    </div>
  )
}
