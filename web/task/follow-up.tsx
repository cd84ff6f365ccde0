// What is said to the agent next: a message, with the comments on lines that were collected for it.

import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { TaskView } from '../../src/protocol/task.ts'
import { messageOf, reviewOf, useReview } from '../changes/review.ts'
import { saidBy } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { plural } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { Queue } from './queue.tsx'
import { fork, sendBack } from './send-back.ts'

type How = 'now' | 'next' | 'fork'

export function FollowUp({ task }: { readonly task: TaskView }) {
  const store = reviewOf(task.id)
  const review = useReview(store)
  const navigate = useNavigate()
  const { mutate, error, isPending } = useMutation({
    mutationFn: (how: How) => {
      const text = messageOf(review)
      if (how === 'fork') return fork(task, text)
      return sendBack(task, { text, comments: review.comments.length, now: how === 'now' })
    },
    onSuccess: (next) => {
      store.sent()
      // While the agent works the message waits under the box; else its task is what goes on now.
      if (next !== task.id && task.endedAt !== null) void navigate({ to: '/tasks/$taskId', params: { taskId: next } })
    },
  })
  if (task.attempts.length === 0) return null
  const { comments, message } = review
  const empty = comments.length === 0 && message.trim() === ''
  // An agent that takes words while it works hears them at once; another hears them next.
  const hears = task.attempts.at(-1)?.takesMessages === true
  const send = (how: How) => {
    if (!empty && !isPending) mutate(how)
  }
  return (
    <form
      aria-label="Message to the agent"
      onSubmit={(event) => {
        event.preventDefault()
        send(hears ? 'now' : 'next')
      }}
      className="grid shrink-0 gap-2 border-t border-line bg-panel px-4 py-2.5"
    >
      {error !== null && (
        <p role="alert" className="text-bad">
          {saidBy(error)}
        </p>
      )}
      <div className="flex items-end gap-2">
        <textarea
          rows={Math.min(8, Math.max(1, message.split('\n').length))}
          aria-label="Message to the agent"
          placeholder={task.endedAt === null ? 'Say something to the agent' : 'What should it do next?'}
          value={message}
          onChange={(event) => store.say(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !(event.metaKey || event.ctrlKey)) return
            event.preventDefault()
            send(hears ? 'now' : 'next')
          }}
          className="min-w-0 flex-1 resize-none rounded-md border border-line bg-raised px-2.5 py-1.5 hover:border-strong max-md:py-2 max-md:text-lg"
        />
        <Ways task={task} hears={hears} comments={comments.length} disabled={empty || isPending} onSend={send} />
      </div>
      <Queue task={task} />
      {comments.length > 0 && (
        <p className="flex items-center gap-1.5 text-xs text-muted">
          <Icon name="comment" className="size-3.5" />
          {plural(comments.length, 'comment')} on lines {comments.length === 1 ? 'goes' : 'go'} with it
        </p>
      )}
    </form>
  )
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
  return (
    <>
      {hears && (
        <Button disabled={disabled} onClick={() => onSend('next')} title="When it is done with what it does">
          Send next
        </Button>
      )}
      {task.endedAt !== null && (
        <Button
          disabled={disabled}
          className="max-sm:hidden"
          onClick={() => onSend('fork')}
          title="On a new branch, with a copy of the conversation"
        >
          Fork
        </Button>
      )}
      <Button type="submit" weight={disabled ? 'plain' : 'main'} disabled={disabled} title="⌘ Enter">
        {hears ? 'Send now' : comments > 0 ? 'Send back' : 'Send'}
      </Button>
    </>
  )
}
