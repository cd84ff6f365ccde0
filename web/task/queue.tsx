// What waits to be said to the agent after what it does now: seen, changed, said at once, held, let go, removed.

import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import type { TaskView } from '../../src/protocol/task.ts'
import { messages } from '../data/queries.ts'
import { cache, saidBy, server } from '../data/server.ts'
import { plainText } from '../parts/ansi.ts'
import { Button } from '../parts/button.tsx'

interface QueueProps {
  readonly task: TaskView
  /** Its agent takes words while it works. */
  readonly hears: boolean
}

export function Queue({ task, hears }: QueueProps) {
  const waiting = (useQuery(messages(task.id)).data ?? []).filter((each) => each.id !== task.id)
  if (waiting.length === 0) return null
  return (
    <ol
      aria-label="Waiting messages"
      className="-m-1 grid max-h-40 min-w-0 grid-cols-[minmax(0,1fr)] gap-1 overflow-y-auto p-1"
    >
      {waiting.map((each, i) => (
        <Waiting key={each.id} next={each} of={task} hears={hears} place={i + 1} />
      ))}
    </ol>
  )
}

type Act = 'hold' | 'release' | 'cancel' | 'now' | { readonly text: string }

async function act(next: TaskView, what: Act): Promise<unknown> {
  const params = { id: next.id }
  if (typeof what === 'object') return server.call('editMessage', { params, body: what })
  if (what === 'now') return server.call('sayMessage', { params, body: {} })
  if (what === 'cancel') return server.call('cancelTask', { params, body: {} })
  return server.call('holdTask', { params, body: { on: what === 'hold' } })
}

interface WaitingProps {
  readonly next: TaskView
  readonly of: TaskView
  readonly hears: boolean
  readonly place: number
}

function Waiting({ next, of, hears, place }: WaitingProps) {
  const [editing, setEditing] = useState(false)
  const { mutate, error, isPending } = useMutation({
    mutationFn: (what: Act) => act(next, what),
    onSuccess: () => setEditing(false),
    onSettled: () => cache.invalidateQueries({ queryKey: ['task', of.id, 'messages'] }),
  })
  const held = next.held === true
  const button = (name: string, what: Act) => (
    <Button small weight="quiet" disabled={isPending} onClick={() => mutate(what)}>
      {name}
    </Button>
  )
  return (
    <li className="flex min-w-0 flex-wrap items-center gap-x-2 text-xs">
      <span className="w-8 shrink-0 text-faint">{held ? 'Held' : place === 1 ? 'Next' : 'Then'}</span>
      {editing ? (
        <Edit
          text={next.prompt}
          busy={isPending}
          onCancel={() => setEditing(false)}
          onSave={(text) => mutate({ text })}
        />
      ) : (
        <>
          <Link
            to="/tasks/$taskId"
            params={{ taskId: next.id }}
            title={plainText(next.prompt)}
            className="min-w-40 flex-1 truncate hover:underline"
          >
            {plainText(next.prompt)}
          </Link>
          <span className="flex max-sm:w-full max-sm:pl-8">
            {hears && button('Send now', 'now')}
            <Button small weight="quiet" disabled={isPending} onClick={() => setEditing(true)}>
              Edit
            </Button>
            {held ? button('Let go', 'release') : button('Hold', 'hold')}
            {button('Remove', 'cancel')}
          </span>
        </>
      )}
      {error !== null && (
        <p role="alert" className="w-full pl-10 text-bad">
          {saidBy(error)}
        </p>
      )}
    </li>
  )
}

interface EditProps {
  readonly text: string
  readonly busy: boolean
  readonly onSave: (text: string) => void
  readonly onCancel: () => void
}

function Edit({ text: before, busy, onSave, onCancel }: EditProps) {
  const [text, setText] = useState(before)
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => field.current?.focus(), [])
  return (
    <form
      className="flex min-w-0 flex-1 flex-wrap items-end gap-1"
      onSubmit={(event) => {
        event.preventDefault()
        onSave(text)
      }}
    >
      <textarea
        ref={field}
        aria-label="Waiting message"
        rows={Math.min(6, text.split('\n').length)}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onCancel()
          if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) {
            event.preventDefault()
            onSave(text)
          }
        }}
        className="field-grow min-w-40 flex-1 resize-none rounded-md border border-line bg-raised px-2 py-1 max-md:text-lg"
      />
      <Button small type="submit" disabled={busy || text.trim() === ''} title="⌘ Enter">
        Save
      </Button>
      <Button small weight="quiet" onClick={onCancel}>
        Cancel
      </Button>
    </form>
  )
}
