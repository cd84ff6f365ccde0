// What waits to be said to the agent after what it does now: seen, held, let go, taken back.

import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { TaskView } from '../../src/protocol/task.ts'
import { messages } from '../data/queries.ts'
import { cache, saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'

export function Queue({ task }: { readonly task: TaskView }) {
  const waiting = (useQuery(messages(task.id)).data ?? []).filter((each) => each.id !== task.id)
  if (waiting.length === 0) return null
  return (
    <ol aria-label="Waiting messages" className="grid gap-1">
      {waiting.map((each) => (
        <Waiting key={each.id} next={each} of={task.id} />
      ))}
    </ol>
  )
}

function Waiting({ next, of }: { readonly next: TaskView; readonly of: string }) {
  const { mutate, error, isPending } = useMutation({
    mutationFn: (act: 'hold' | 'release' | 'cancel') => {
      const params = { id: next.id }
      if (act === 'cancel') return server.call('cancelTask', { params, body: {} })
      return server.call('holdTask', { params, body: { on: act === 'hold' } })
    },
    onSuccess: () => cache.invalidateQueries({ queryKey: ['task', of, 'messages'] }),
  })
  const held = next.held === true
  return (
    <li className="flex items-center gap-2 text-xs">
      <span className="shrink-0 text-faint">{held ? 'Held' : 'Next'}</span>
      <Link to="/tasks/$taskId" params={{ taskId: next.id }} className="min-w-0 flex-1 truncate hover:underline">
        {next.prompt}
      </Link>
      {error !== null && <span className="text-bad">{saidBy(error)}</span>}
      <Button small weight="quiet" disabled={isPending} onClick={() => mutate(held ? 'release' : 'hold')}>
        {held ? 'Let go' : 'Hold'}
      </Button>
      <Button small weight="quiet" disabled={isPending} onClick={() => mutate('cancel')}>
        Take back
      </Button>
    </li>
  )
}
