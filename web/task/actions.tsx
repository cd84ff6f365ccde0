// What a person can do with a task now. What ends something for good asks first.

import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { TaskView } from '../../src/protocol/task.ts'
import { cache, saidBy, server } from '../data/server.ts'
import type { Weight } from '../parts/button.tsx'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { useKeys } from '../shell/keys.tsx'
import { handOver } from './send-back.ts'

type Act = 'finishTask' | 'cancelTask' | 'retryTask' | 'acceptTask' | 'rejectTask' | 'hold' | 'release' | 'handOver'

interface Offer {
  readonly act: Act
  readonly name: string
  readonly weight: Weight
  readonly key?: string
  /** Asks for a message before it does it. */
  readonly ask?: string
  /** What it does, where its name does not say it. */
  readonly why?: string
}

/** The likeliest first. */
function offers(task: TaskView): readonly Offer[] {
  const { state, verdict, reason } = task
  if (state === 'completed' && verdict === 'pending')
    return [
      { act: 'acceptTask', name: 'Accept', weight: 'main', key: 'a' },
      { act: 'rejectTask', name: 'Reject', weight: 'plain', key: 'r', ask: 'What is wrong with it?' },
    ]
  if (reason === 'not_resumable' && task.continueFrom !== null)
    return [
      {
        act: 'handOver',
        name: 'Go on with a summary',
        weight: 'main',
        why: 'Its conversation cannot be resumed: a new one begins with what was asked and said in it',
      },
    ]
  if (verdict === 'rejected' || (state === 'failed' && reason !== 'condition_unsatisfiable'))
    return [{ act: 'retryTask', name: 'Retry', weight: 'main', why: 'Runs it again from its base, as a new attempt' }]
  if (task.endedAt !== null) return []
  return [...meanwhile(task), { act: 'cancelTask', name: 'Cancel', weight: 'danger', ask: cancelled(task) }]
}

/** While it has not ended. */
function meanwhile({ state, reason, held, interactive }: TaskView): readonly Offer[] {
  if (state === 'running' && interactive === true)
    return [{ act: 'finishTask', name: 'Finish', weight: 'main', why: 'Ends its agent; what it made is the result' }]
  if (state === 'parked' && reason === 'quota')
    return [{ act: 'retryTask', name: 'Try now', weight: 'plain', why: 'When you know that there is quota again' }]
  if (state !== 'waiting') return []
  return held === true
    ? [{ act: 'release', name: 'Let go', weight: 'main', why: 'It may start as soon as a host takes it' }]
    : [{ act: 'hold', name: 'Hold', weight: 'plain', why: 'It does not start until you let it go' }]
}

function cancelled({ attempts }: TaskView): string {
  return attempts.length === 0 ? 'It does not start.' : 'The agent is stopped; what it changed so far is kept.'
}

interface ActionsProps {
  readonly task: TaskView
  /** What stands before them. */
  readonly children?: ReactNode
}

export function Actions({ task, children }: ActionsProps) {
  const navigate = useNavigate()
  const [asking, setAsking] = useState<Offer | null>(null)
  const { mutate, error, isPending } = useMutation({
    mutationFn: ({ act, message }: { act: Act; message: string }) => call(act, task, message),
    onSuccess: (next) => {
      cache.setQueryData(['task', next.id], next)
      setAsking(null)
      if (next.id !== task.id) void navigate({ to: '/tasks/$taskId', params: { taskId: next.id } })
    },
  })
  const start = (offer: Offer) => {
    // Its key may be pressed while the button is not to be.
    if (isPending) return
    if (offer.ask === undefined) mutate({ act: offer.act, message: '' })
    else setAsking(offer)
  }
  const all = offers(task)
  useKeys(
    Object.fromEntries(all.flatMap((offer) => (offer.key === undefined ? [] : [[offer.key, () => start(offer)]]))),
  )
  return (
    <div className="flex min-h-8 flex-wrap items-center gap-2 max-md:min-h-0">
      {error !== null && asking === null && (
        <span role="alert" className="text-bad">
          {saidBy(error)}
        </span>
      )}
      {children}
      {[...all].reverse().map((offer) => (
        <Button
          key={offer.act}
          weight={offer.weight}
          disabled={isPending}
          onClick={() => start(offer)}
          title={offer.why ?? (offer.key && `Key ${offer.key}`)}
        >
          {offer.name}
        </Button>
      ))}
      {asking !== null && (
        <Ask
          offer={asking}
          error={error}
          onClose={() => setAsking(null)}
          onSay={(message) => mutate({ act: asking.act, message })}
        />
      )}
    </div>
  )
}

function call(act: Act, task: TaskView, message: string): Promise<TaskView> {
  const params = { id: task.id }
  if (act === 'handOver') return handOver(task)
  if (act === 'hold' || act === 'release') return server.call('holdTask', { params, body: { on: act === 'hold' } })
  if (act === 'retryTask' || act === 'finishTask') return server.call(act, { params, body: {} })
  return server.call(act, { params, body: message === '' ? {} : { message } })
}

interface AskProps {
  readonly offer: Offer
  readonly error: unknown
  readonly onClose: () => void
  readonly onSay: (message: string) => void
}

function Ask({ offer, error, onClose, onSay }: AskProps) {
  const [message, setMessage] = useState('')
  return (
    <Dialog title={`${offer.name} this task?`} onClose={onClose}>
      <label htmlFor="ask" className="text-muted">
        {offer.ask}
      </label>
      <textarea
        id="ask"
        rows={3}
        value={message}
        onChange={(event) => setMessage(event.target.value)}
        placeholder="Message (optional)"
        className="w-full rounded-md border border-line bg-bg px-2.5 py-1.5 max-md:text-lg"
      />
      {error !== null && (
        <p role="alert" className="text-bad">
          {saidBy(error)}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Back</Button>
        <Button weight={offer.weight === 'main' ? 'main' : 'danger'} onClick={() => onSay(message.trim())}>
          {offer.name} task
        </Button>
      </div>
    </Dialog>
  )
}
