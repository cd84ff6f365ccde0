// Where the person looks, known to all tabs of this browser: what they have before them needs no notice.

import { useLocation } from '@tanstack/react-router'
import { useEffect } from 'react'
import type { Card } from '../../src/protocol/board.ts'
import { randomId } from '../parts/random-id.ts'

const key = 'capstan.looking'
const tab = randomId()

/** Keeps telling the other tabs what this one shows while the person is at it. */
export function useLooking(): void {
  const path = useLocation({ select: ({ pathname }) => pathname })
  useEffect(() => {
    const leave = () => {
      if (localStorage.getItem(key)?.startsWith(tab)) localStorage.removeItem(key)
    }
    const tell = () => {
      if (document.hidden || !document.hasFocus()) leave()
      else localStorage.setItem(key, `${tab} ${path}`)
    }
    tell()
    const over = new AbortController()
    const { signal } = over
    document.addEventListener('visibilitychange', tell, { signal })
    addEventListener('focus', tell, { signal })
    addEventListener('blur', tell, { signal })
    addEventListener('pagehide', leave, { signal })
    return () => over.abort()
  }, [path])
}

/** Whether the task, as the card has it, is before the person: its own page, the board, the inbox if it asks. */
export function isLookedAt({ id, openRequests }: Card): boolean {
  const path = localStorage.getItem(key)?.split(' ')[1]
  return path === '/' || path === `/tasks/${id}` || (path === '/inbox' && openRequests > 0)
}
