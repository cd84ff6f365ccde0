// A comment on a line: written, shown, changed, taken back.

import { useEffect, useRef, useState } from 'react'
import { Button } from '../parts/button.tsx'
import type { Comment } from './review.ts'

interface BoxProps {
  readonly text: string
  readonly onSave: (text: string) => void
  readonly onCancel: () => void
}

export function CommentBox({ text: before, onSave, onCancel }: BoxProps) {
  const [text, setText] = useState(before)
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => field.current?.focus(), [])
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        onSave(text)
      }}
      className="grid gap-2 border-y border-line bg-panel px-4 py-3 sm:pl-28"
    >
      <textarea
        ref={field}
        rows={3}
        aria-label="Comment"
        placeholder="What should change here?"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onCancel()
          if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) {
            event.preventDefault()
            onSave(text)
          }
        }}
        className="w-full max-w-2xl rounded-md border border-line bg-raised px-2.5 py-1.5 max-md:text-lg"
      />
      <div className="flex gap-2">
        <Button small type="submit" weight="main" disabled={text.trim() === ''} title="⌘ Enter">
          Keep comment
        </Button>
        <Button small weight="quiet" onClick={onCancel}>
          Cancel
        </Button>
      </div>
    </form>
  )
}

interface ViewProps {
  readonly comment: Comment
  readonly onEdit: () => void
  readonly onRemove: () => void
}

export function CommentView({ comment, onEdit, onRemove }: ViewProps) {
  return (
    <div className="border-y border-line bg-panel px-4 py-2 sm:pl-28">
      <div className="max-w-2xl rounded-md border border-line bg-raised px-3 py-2">
        <p className="whitespace-pre-wrap [overflow-wrap:anywhere]">{comment.text}</p>
        <div className="-ml-2 flex gap-1 pt-1">
          <Button small weight="quiet" onClick={onEdit}>
            Edit
          </Button>
          <Button small weight="quiet" onClick={onRemove}>
            Remove
          </Button>
        </div>
      </div>
    </div>
  )
}
