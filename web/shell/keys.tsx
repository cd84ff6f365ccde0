// Keys that work everywhere: ⌘K, ?, c, and g followed by a place. Views add their own.

import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'

const places: Readonly<Record<string, '/' | '/inbox' | '/fleet' | '/manage' | '/settings'>> = {
  b: '/',
  i: '/inbox',
  f: '/fleet',
  m: '/manage',
  s: '/settings',
}
/** Between `g` and the place. */
const chordMs = 1_200

export function Keys({ open }: { readonly open: (overlay: 'palette' | 'help') => void }) {
  const navigate = useNavigate()
  const lastG = useRef(Number.NEGATIVE_INFINITY)
  useEffect(() => {
    const hear = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        return open('palette')
      }
      if (isTyping(event)) return
      const place = event.timeStamp - lastG.current < chordMs ? places[event.key] : undefined
      lastG.current = event.key === 'g' ? event.timeStamp : Number.NEGATIVE_INFINITY
      if (place !== undefined) {
        event.preventDefault()
        return void navigate({ to: place })
      }
      if (event.key === '?') open('help')
      if (event.key === 'c') {
        event.preventDefault()
        void navigate({ to: '/new' })
      }
    }
    addEventListener('keydown', hear)
    return () => removeEventListener('keydown', hear)
  }, [navigate, open])
  return null
}

/** True when a letter is text, or belongs to the browser. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return true
  const { target } = event
  if (!(target instanceof HTMLElement)) return false
  return (
    target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest('dialog') !== null
  )
}

/** Keys of one view, by name; they stop working when it is left. */
export function useKeys(keys: Readonly<Record<string, (() => void) | undefined>>): void {
  const latest = useRef(keys)
  latest.current = keys
  useEffect(() => {
    const hear = (event: KeyboardEvent) => {
      const act = isTyping(event) ? undefined : latest.current[event.key]
      if (act === undefined || (event.key === 'Enter' && isPressed(event.target))) return
      // A key held down walks; it does not answer one request after another.
      if (event.repeat && !/^[hjkl]$/.test(event.key)) return
      event.preventDefault()
      act()
    }
    addEventListener('keydown', hear)
    return () => removeEventListener('keydown', hear)
  }, [])
}

/** Enter is its own there. */
function isPressed(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('a, button, summary')
}
