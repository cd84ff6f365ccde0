// The page's clock: one tick for everything that shows how long ago something was.

import { useSyncExternalStore } from 'react'

const watchers = new Set<() => void>()
const tickMs = 1_000
let now = Date.now()
let timer: ReturnType<typeof setInterval> | null = null

/** ms since the epoch, anew each second while something shows it. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => now)
}

/** The time of an event that a person causes. */
export function timeNow(): number {
  return Date.now()
}

function watch(changed: () => void): () => void {
  watchers.add(changed)
  timer ??= setInterval(tick, tickMs)
  return () => {
    watchers.delete(changed)
    if (watchers.size > 0 || timer === null) return
    clearInterval(timer)
    timer = null
  }
}

function tick(): void {
  if (document.hidden) return
  now = Date.now()
  for (const changed of watchers) changed()
}
