// The comments that go with the next message: all of them, wherever they stand, so that nothing is sent unseen.

import { Link } from '@tanstack/react-router'
import type { Comment, Review } from '../changes/message.ts'
import { keptComments, placeText } from '../changes/message.ts'
import type { ReviewStore } from '../changes/review.ts'
import { exactText } from '../parts/ansi.ts'
import { Button } from '../parts/button.tsx'
import { plural } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'

export function CommentList({ store, review }: { readonly store: ReviewStore; readonly review: Review }) {
  const kept = keptComments(review)
  const unfinished = review.comments.filter((comment) => (comment.writing ?? '').trim() !== '')
  if (kept.length + unfinished.length === 0) return null
  return (
    <details className="text-xs text-muted">
      <summary className="flex list-none items-center gap-1.5 hover:text-text max-md:min-h-9">
        <Icon name="comment" className="size-3.5" />
        {kept.length > 0 && (
          <span>
            {plural(kept.length, 'comment')} on lines {kept.length === 1 ? 'goes' : 'go'} with it
          </span>
        )}
        {unfinished.length > 0 && (
          <span className="text-needs">
            {unfinished.length} {unfinished.length === 1 ? 'is' : 'are'} not kept yet and{' '}
            {unfinished.length === 1 ? 'stays' : 'stay'} here
          </span>
        )}
        <Icon name="down" className="size-3 text-faint" />
      </summary>
      <ul className="grid max-h-40 grid-cols-[minmax(0,1fr)] gap-1 overflow-y-auto pt-1.5">
        {[...kept, ...unfinished.filter((comment) => comment.text === '')].map((comment) => (
          <Item key={comment.id} comment={comment} store={store} />
        ))}
      </ul>
    </details>
  )
}

function Item({ comment, store }: { readonly comment: Comment; readonly store: ReviewStore }) {
  return (
    <li className="flex items-center gap-2">
      <Link
        from="/tasks/$taskId"
        to="/tasks/$taskId"
        search={{ tab: 'changes', attempt: comment.attempt }}
        title={exactText(placeText(comment))}
        className="max-w-64 shrink truncate font-mono hover:underline max-sm:max-w-32"
        dir="rtl"
      >
        <bdi>{exactText(placeText(comment))}</bdi>
      </Link>
      <span className="min-w-0 flex-1 truncate text-text">{comment.text || comment.writing}</span>
      <Button small weight="quiet" onClick={() => store.remove(comment.id)}>
        Remove
      </Button>
    </li>
  )
}
