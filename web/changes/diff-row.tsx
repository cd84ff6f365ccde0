// One row of the list of changes.

import { Button } from '../parts/button.tsx'
import { Icon } from '../parts/icon.tsx'
import { CommentBox, CommentView } from './comment.tsx'
import type { DiffListProps } from './diff-list.tsx'
import { FileMark } from './file-tree.tsx'
import { LineView, PairView } from './line.tsx'
import { Picture } from './picture.tsx'
import type { DiffRow } from './rows.ts'
import { placeKey } from './rows.ts'

interface RowProps extends Pick<DiffListProps, 'review' | 'store' | 'onEdit' | 'onOpen'> {
  readonly row: DiffRow
}

export function DiffRowView(props: RowProps) {
  const { row, store, onEdit, onOpen } = props
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
      return <p className="truncate bg-panel px-4 py-1 font-mono text-xs text-faint">{row.text}</p>
    case 'line':
      return <LineView row={row} onComment={(place) => onEdit(placeKey(place))} />
    case 'pair':
      return <PairView row={row} onComment={(place) => onEdit(placeKey(place))} />
    case 'comment':
      return row.editing ? (
        <CommentBox
          text={row.comment.text}
          onCancel={() => onEdit(null)}
          onSave={(text) => {
            store.comment({ ...row.comment, text })
            onEdit(null)
          }}
        />
      ) : (
        <CommentView
          comment={row.comment}
          onEdit={() => onEdit(row.comment.id)}
          onRemove={() => store.comment({ ...row.comment, text: '' })}
        />
      )
    case 'write':
      return (
        <CommentBox
          text=""
          onCancel={() => onEdit(null)}
          onSave={(text) => {
            const { file, ...place } = row.place
            store.comment({ id: crypto.randomUUID(), path: file.path, ...place, text })
            onEdit(null)
          }}
        />
      )
  }
}

function Head({
  row,
  review,
  store,
  onOpen,
}: Omit<RowProps, 'row'> & { readonly row: Extract<DiffRow, { kind: 'head' }> }) {
  const { file, folded } = row
  const viewed = review.viewed.includes(file.mark)
  const moved = file.what === 'renamed' || file.what === 'copied'
  return (
    <div className="border-y border-line bg-panel">
      <div className="flex min-h-10 items-center gap-2 px-3 py-1">
        <button
          type="button"
          aria-expanded={!folded}
          aria-label={`${folded ? 'Show' : 'Hide'} ${file.path}`}
          onClick={() => onOpen(file, folded)}
          className="grid size-6 place-items-center rounded text-muted hover:bg-calm-soft"
        >
          <Icon name={folded ? 'right' : 'down'} className="size-3.5" />
        </button>
        <FileMark file={file} viewed={false} />
        <h3 className="min-w-0 flex-1 font-mono text-xs font-semibold [overflow-wrap:anywhere]">
          {moved && <span className="font-normal text-muted">{file.oldPath} → </span>}
          {file.path}
          {file.mode !== null && <span className="font-normal text-muted"> ({file.mode})</span>}
        </h3>
        {!file.binary && (
          <span className="text-xs whitespace-nowrap tabular-nums">
            <span className="text-good">+{file.insertions}</span> <span className="text-bad">−{file.deletions}</span>
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
