// The tab's title and the browser's notices: somebody who looks elsewhere learns that an agent waits for them.

import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { useOpenRequests } from '../data/requests.ts'
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

/** Keeps title and badge, and tells of each new request once, in one of the tabs. */
export function useNotices(): void {
  const { data: requests } = useOpenRequests()
  const navigate = useNavigate()
  const seen = useRef<Set<string> | null>(null)
  useEffect(() => {
    if (requests === undefined) return
    setWaiting(requests.length)
    if ('setAppBadge' in navigator) void navigator.setAppBadge(requests.length).catch(() => {}) // not installed: no badge
    const before = seen.current
    seen.current = new Set(requests.map((each) => each.id))
    if (before === null || !document.hidden || !noticesWanted()) return
    for (const request of requests.filter((each) => !before.has(each.id))) {
      const notice = new Notification(request.title, { tag: request.id, body: 'An agent waits for your answer' })
      notice.onclick = () => {
        window.focus()
        notice.close()
        void navigate({ to: '/inbox' })
      }
    }
  }, [requests, navigate])
}
