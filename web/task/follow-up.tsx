// What is said to the agent next: a message, with the comments on lines that were collected for it.

import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useRef } from 'react'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Review } from '../changes/message.ts'
import { keptComments, messageOf } from '../changes/message.ts'
import type { ReviewStore } from '../changes/review.ts'
import { reviewOf, useReview } from '../changes/review.ts'
import { saidBy } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { useKeys } from '../shell/keys.tsx'
import { CommentList } from './comment-list.tsx'
import { Queue } from './queue.tsx'
import { fork, sendBack } from './send-back.ts'

type How = 'now' | 'next' | 'fork'

export function FollowUp({ task }: { readonly task: TaskView }) {
  const store = reviewOf(task.id)
  const review = useReview(store)
  const { send, sendLikeliest, hears, empty, busy, error } = useSending(task, review, store)
  const field = useRef<HTMLTextAreaElement>(null)
  useKeys({ m: () => field.current?.focus() })
  if (task.attempts.length === 0) return null
  const { message } = review
  return (
    <div className="grid shrink-0 grid-cols-[minmax(0,1fr)] gap-2 border-t border-line bg-panel px-4 py-2.5">
      {error !== null && (
        <p role="alert" className="text-bad">
          {saidBy(error)}
        </p>
      )}
      <form
        aria-label="Message to the agent"
        onSubmit={(event) => {
          event.preventDefault()
          sendLikeliest()
        }}
        className="flex flex-wrap items-end justify-end gap-2"
      >
        <textarea
          ref={field}
          title="Key m"
          rows={Math.min(8, Math.max(1, message.split('\n').length))}
          aria-label="Message to the agent"
          placeholder={placeholderOf(task, hears)}
          value={message}
          onChange={(event) => store.say(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !(event.metaKey || event.ctrlKey)) return
            event.preventDefault()
            sendLikeliest()
          }}
          className="field-grow min-w-0 flex-1 basis-40 resize-none rounded-md border border-line bg-raised px-2.5 py-1.5 hover:border-strong max-md:py-2 max-md:text-lg"
        />
        <Ways task={task} hears={hears} comments={keptComments(review).length} disabled={empty || busy} onSend={send} />
      </form>
      <CommentList store={store} review={review} />
      <Queue task={task} hears={hears} />
    </div>
  )
}

function useSending(task: TaskView, review: Review, store: ReviewStore) {
  const navigate = useNavigate()
  const empty = keptComments(review).length === 0 && review.message.trim() === ''
  const { mutate, error, isPending } = useMutation({
    mutationFn: ({ how, said }: { readonly how: How; readonly said: Review }) => {
      const text = messageOf(said)
      const comments = keptComments(said).length
      return how === 'fork' ? fork(task, text) : sendBack(task, { text, comments, now: how === 'now' })
    },
    onSuccess: (next, { said }) => {
      store.sent(said)
      // While the agent works the message waits under the box; else its task is what goes on now.
      if (next !== task.id && task.endedAt !== null) void navigate({ to: '/tasks/$taskId', params: { taskId: next } })
    },
  })
  // An agent that takes words while it works hears them at once; another hears them next.
  const hears = task.attempts.at(-1)?.takesMessages === true
  const send = (how: How) => {
    if (!empty && !isPending) mutate({ how, said: review })
  }
  return { send, sendLikeliest: () => send(hears ? 'now' : 'next'), hears, empty, busy: isPending, error }
}

function placeholderOf({ endedAt }: TaskView, hears: boolean): string {
  if (endedAt !== null) return 'What next?'
  return hears ? 'Say something' : 'What next, when it is done?'
}

interface WaysProps {
  readonly task: TaskView
  readonly hears: boolean
  readonly comments: number
  readonly disabled: boolean
  readonly onSend: (how: How) => void
}

/** How the words may go: now, next, or in a copy. The likeliest is the form's own button. */
function Ways({ task, hears, comments, disabled, onSend }: WaysProps) {
  const ended = task.endedAt !== null
  return (
    <div className="flex gap-2">
      {hears && (
        <Button disabled={disabled} onClick={() => onSend('next')} title="When it is done with what it does">
          Send next
        </Button>
      )}
      {ended && (
        <Button
          disabled={disabled}
          onClick={() => onSend('fork')}
          title="Goes on in a copy: a new branch, a copy of the conversation; this task stays as it is"
        >
          Fork
        </Button>
      )}
      <Button
        type="submit"
        weight={disabled ? 'plain' : 'main'}
        disabled={disabled}
        title={`${ended ? 'Goes on with this conversation and branch; ' : ''}⌘ Enter`}
      >
        {hears ? 'Send now' : comments > 0 ? 'Send back' : ended ? 'Continue' : 'Send'}
      </Button>
    </div>
  )
}
