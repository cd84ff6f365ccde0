// The tab's title and the browser's notices: somebody who looks elsewhere learns what waits for them.

import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import type { BoardColumn, Card } from '../../src/protocol/board.ts'
import { newlyIn, useAttention } from '../data/attention.ts'
import { server } from '../data/server.ts'
import { plainText } from '../parts/ansi.ts'
import { isLookedAt, useLooking } from './looking.ts'
import { setWaiting } from './title.ts'

const key = 'capstan.notices'

export function noticesWanted(): boolean {
  return localStorage.getItem(key) === 'on' && 'Notification' in window && Notification.permission === 'granted'
}

/** Asks the browser, which asks the person. Gives whether notices will come. */
export async function wantNotices(on: boolean): Promise<boolean> {
  if (!('Notification' in window)) return false
  const allowed = on && (await Notification.requestPermission()) === 'granted'
  localStorage.setItem(key, allowed ? 'on' : 'off')
  return allowed
}

/** Keeps title and badge, and tells once of each task that comes to need a person or a review, unless they look at it. */
export function useNotices(): void {
  useLooking()
  const { data: columns } = useAttention()
  const navigate = useNavigate()
  const before = useRef<readonly BoardColumn[] | null>(null)
  useEffect(() => {
    if (columns === undefined) return
    const waiting = columns.find(({ group }) => group === 'needs_you')?.count ?? 0
    setWaiting(waiting)
    if ('setAppBadge' in navigator) void navigator.setAppBadge(waiting).catch(() => {}) // not installed: no badge
    closeOld(columns)
    const come = before.current === null ? [] : newlyIn(before.current, columns)
    before.current = columns
    if (!noticesWanted()) return
    for (const card of come.filter((each) => !isLookedAt(each)))
      void notify(card, () => void navigate({ to: '/tasks/$taskId', params: { taskId: card.id } }))
  }, [columns, navigate])
}

/** What this tab has told, by tag. */
const told = new Map<string, Notification>()

/** All tabs tell; the browser shows one notice of each tag. */
function tagOf({ id, group }: Card): string {
  return `${id} ${group}`
}

/** What needs nobody any more; a notice that stayed would also keep the task's next one from being heard. */
function closeOld(columns: readonly BoardColumn[]): void {
  const tags = new Set(columns.flatMap(({ items }) => items.map(tagOf)))
  for (const [tag, notice] of told) {
    if (tags.has(tag)) continue
    notice.close()
    told.delete(tag)
  }
}

async function notify(card: Card, open: () => void): Promise<void> {
  const tag = tagOf(card)
  const notice = new Notification(plainText(card.title), { tag, body: await reasonOf(card) })
  told.set(tag, notice)
  notice.onclick = () => {
    window.focus()
    notice.close()
    open()
  }
}

async function reasonOf({ id, group, openRequests, attempt }: Card): Promise<string> {
  if (group === 'in_review') {
    const failed = attempt?.checksFailed ?? 0
    return failed === 0 ? 'Ready for your review' : `Ready for your review; checks that failed: ${failed}`
  }
  if (openRequests === 0) return 'Its agent has been silent for long'
  const asked = await server.call('listRequests', { query: { task: id, limit: 1 } }).catch(() => null)
  const [first] = asked?.items ?? []
  return first === undefined ? 'Asks you something' : `Asks: ${plainText(first.title)}`
}
