// The inbox: every permission and question that waits for a person, the oldest first.

import { useQueries } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import type { RequestView } from '../../src/protocol/request-operations.ts'
import { task } from '../data/queries.ts'
import { useOpenRequests } from '../data/requests.ts'
import { plainText } from '../parts/ansi.ts'
import { Empty, Failed, Loading } from '../parts/empty.tsx'
import { Ago } from '../parts/time.tsx'
import { useKeys } from '../shell/keys.tsx'
import { View } from '../shell/view.tsx'
import { keyOf } from './answers.tsx'
import { RequestCard } from './request-card.tsx'

export function Inbox() {
  const { data: requests, error } = useOpenRequests()
  const [chosen, choose] = useChosen(requests)
  const ids = [...new Set(requests?.map((each) => each.taskId) ?? [])]
  const tasks = useQueries({ queries: ids.map((id) => task(id)) })
  const titles = new Map(tasks.map((each, i) => [ids[i], each.data?.title]))
  const go = (step: number) => {
    const at = requests?.findIndex((each) => each.id === chosen) ?? -1
    const next = requests?.[Math.max(0, Math.min(requests.length - 1, at + step))]?.id
    if (next === undefined) return
    choose(next)
    document.getElementById(`request-${next}`)?.scrollIntoView({ block: 'nearest' })
  }
  // The button itself is pressed, so that what a key does is what is seen.
  const press = (grants: string) => () =>
    document.querySelector<HTMLButtonElement>(`#request-${chosen} button[data-grants="${grants}"]`)?.click()
  useKeys({
    j: () => go(1),
    k: () => go(-1),
    ...Object.fromEntries(Object.entries(keyOf).map(([grants, key]) => [key, press(grants)])),
  })
  if (requests === undefined) return error === null ? <Loading what="the inbox" /> : <Failed error={error} />
  return (
    <View title="Inbox">
      {requests.length === 0 ? (
        <Empty title="Nobody waits for you">
          When an agent may not do something by itself, or has a question, it asks here and its clock stands still. Give
          a task autonomy “ask” to be asked.
        </Empty>
      ) : (
        <ul className="grid grid-cols-[minmax(0,1fr)] gap-3">
          {requests.map((request) => (
            <li
              key={request.id}
              id={`request-${request.id}`}
              className={`grid grid-cols-[minmax(0,1fr)] gap-2 rounded-lg border bg-raised p-4 ${request.id === chosen && requests.length > 1 ? 'border-strong' : 'border-line'}`}
            >
              <p className="flex items-baseline gap-2 text-xs text-muted">
                <Link
                  to="/tasks/$taskId"
                  params={{ taskId: request.taskId }}
                  className="min-w-0 truncate hover:underline"
                >
                  <bdi>{plainText(titles.get(request.taskId) ?? request.taskId)}</bdi>
                </Link>
                <span className="text-faint">
                  <Ago at={request.createdAt} />
                </span>
              </p>
              <RequestCard request={request} current={request.id === chosen} />
            </li>
          ))}
        </ul>
      )}
    </View>
  )
}

/** So long no request takes the place of one that went: a key that was meant for that one must not answer the next. */
const settleMs = 500

/** The request that keys answer; null: none for the moment. It stays the same one wherever it moves in the list. */
function useChosen(requests: readonly RequestView[] | undefined) {
  const [chosen, choose] = useState<string | null>(null)
  const place = useRef(0)
  const at = requests?.findIndex((each) => each.id === chosen) ?? -1
  useEffect(() => {
    if (at !== -1) place.current = at
    const next = requests?.[Math.min(place.current, requests.length - 1)]?.id
    if (at !== -1 || next === undefined) return
    const timer = setTimeout(() => choose(next), chosen === null ? 0 : settleMs)
    return () => clearTimeout(timer)
  }, [requests, at, chosen])
  return [at === -1 ? null : chosen, choose] as const
}
