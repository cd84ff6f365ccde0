// A comment on lines: written, shown, changed, removed.

import { useEffect, useRef } from 'react'
import { Button } from '../parts/button.tsx'
import type { Comment } from './message.ts'
import type { PatchFile } from './patch.ts'
import { linesBetween } from './place.ts'
import type { ReviewStore } from './review.ts'

interface CommentProps {
  readonly comment: Comment
  readonly file: PatchFile
  readonly store: ReviewStore
}

export function CommentRow(props: CommentProps) {
  const { comment } = props
  return (
    <div className="border-y border-line bg-panel px-3 py-2 sm:pl-26">
      <div className="grid max-w-2xl gap-2">
        {comment.writing === undefined ? <Kept {...props} /> : <Box {...props} />}
      </div>
    </div>
  )
}

function Kept({ comment: { id, text, from, line }, store }: CommentProps) {
  return (
    <div className="rounded-md border border-line bg-raised px-3 py-2">
      {from !== line && (
        <p className="text-xs text-faint">
          Lines {from} to {line}
        </p>
      )}
      <p className="whitespace-pre-wrap [overflow-wrap:anywhere]">{text}</p>
      <div className="-ml-2 flex gap-1 pt-1">
        <Button small weight="quiet" onClick={() => store.change(id, { writing: text })}>
          Edit
        </Button>
        <Button small weight="quiet" onClick={() => store.remove(id)}>
          Remove
        </Button>
      </div>
    </div>
  )
}

function Box({ comment, file, store }: CommentProps) {
  const { id, writing = '' } = comment
  const field = useRef<HTMLTextAreaElement>(null)
  // One that was opened by hand takes the keyboard; those of an earlier look do not.
  const fresh = useRef(writing === comment.text)
  useEffect(() => {
    if (fresh.current) field.current?.focus({ preventScroll: true })
  }, [])
  const begun = writing !== comment.text
  // biome-ignore lint/correctness/useExhaustiveDependencies: the first letter makes room for a line under the list
  useEffect(() => {
    if (!fresh.current) return
    // Its buttons too, after the list has measured it.
    const frame = requestAnimationFrame(() => field.current?.form?.scrollIntoView({ block: 'nearest' }))
    return () => cancelAnimationFrame(frame)
  }, [begun])
  return (
    <form
      className="grid gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        store.keep(id)
      }}
    >
      <Lines comment={comment} file={file} store={store} />
      <textarea
        ref={field}
        rows={Math.min(12, Math.max(3, writing.split('\n').length))}
        aria-label="Comment"
        placeholder="What should change here?"
        value={writing}
        onChange={(event) => store.change(id, { writing: event.target.value })}
        onKeyDown={(event) => {
          if (event.key === 'Escape') store.leave(id)
          if (event.key === 'Enter' && (event.metaKey || event.ctrlKey) && writing.trim() !== '') {
            event.preventDefault()
            store.keep(id)
          }
        }}
        className="field-grow min-h-16 w-full rounded-md border border-line bg-raised px-2.5 py-1.5 max-md:text-lg"
      />
      <div className="flex gap-2">
        <Button small type="submit" weight="main" disabled={writing.trim() === ''} title="⌘ Enter">
          Keep comment
        </Button>
        <Button small weight="quiet" onClick={() => store.leave(id)} title="Esc">
          {comment.text === '' ? 'Discard' : 'As it was'}
        </Button>
      </div>
    </form>
  )
}

/** A comment about more lines than these is about the file. */
const reach = 40

/** Which lines it is about: for a pointer they are pulled over, here they are chosen without one. */
function Lines({ comment: { id, side, from, line }, file, store }: CommentProps) {
  const choices = linesBetween(file, side, line - reach, line).map((place) => place.line)
  if (choices.length < 2) return null
  return (
    <label className="flex items-center gap-1.5 text-xs text-muted">
      {from === line ? 'Line' : 'Lines'}
      <select
        aria-label="First line"
        value={from}
        onChange={(event) => {
          const first = Number(event.target.value)
          const code = linesBetween(file, side, first, line).map((place) => place.code)
          store.change(id, { from: first, code: code.join('\n') })
        }}
        className="h-6 rounded border border-line bg-raised px-1 tabular-nums max-md:h-9"
      >
        {choices.map((n) => (
          <option key={n} value={n}>
            {n}
          </option>
        ))}
      </select>
      {from !== line && `to ${line}`}
      {side === 'old' && ', as it was'}
    </label>
  )
}
