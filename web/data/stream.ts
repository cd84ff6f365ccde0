// What the server tells: one stream for all tabs where the browser can share a worker, else one for this tab.

import { useSyncExternalStore } from 'react'
import type { TeamNews } from '../../src/client/team.ts'
import { cache } from './server.ts'
import type { Stream } from './stream-loop.ts'
import { listen, signedOut } from './stream-loop.ts'

export type Link = 'connecting' | 'up' | 'down'

const watchers = new Set<(news: TeamNews) => void>()
const linkWatchers = new Set<() => void>()
let link: Link = 'connecting'
let stream: Stream | null = null

/** Starts listening; once per page. */
export function startStream(): void {
  stream ??= 'SharedWorker' in window ? shared() : alone()
  document.addEventListener('visibilitychange', look)
}

/** After signing in. */
export function listenAgain(): void {
  stream?.again()
}

/** Hears what changes, in this page's life. Returns how to stop. */
export function onNews(watch: (news: TeamNews) => void): () => void {
  watchers.add(watch)
  return () => watchers.delete(watch)
}

export function useLink(): Link {
  return useSyncExternalStore(
    (changed) => {
      linkWatchers.add(changed)
      return () => linkWatchers.delete(changed)
    },
    () => link,
  )
}

/** A browser holds six connections to a server: tabs that nobody looks at give theirs back. */
function alone(): Stream {
  const own = listen(hear)
  document.addEventListener('visibilitychange', () => (document.hidden ? own.rest() : own.again()))
  return own
}

function shared(): Stream {
  const worker = new SharedWorker(new URL('./stream-worker.ts', import.meta.url), { type: 'module', name: 'capstan' })
  worker.port.onmessage = ({ data }: MessageEvent<TeamNews>) => hear(data)
  addEventListener('pagehide', () => worker.port.postMessage('bye'))
  // A page that comes back from the browser's cache heard nothing meanwhile.
  addEventListener('pageshow', ({ persisted }) => persisted && location.reload())
  return { again: () => worker.port.postMessage('again'), rest: () => worker.port.postMessage('bye') }
}

function hear(news: TeamNews): void {
  if (news.type === 'down') {
    setLink('down')
    // A session that is over is not an outage: asking who one is brings the sign-in.
    if (news.because === signedOut) refresh(['whoami'])
  }
  if (news.type === 'ready') {
    setLink('up')
    refresh([]) // everything on show: what changed while nobody listened is in it
  }
  if (news.type === 'changed') hearChanges(news)
  for (const watch of watchers) watch(news)
}

function hearChanges({ tasks, fleet, all }: Extract<TeamNews, { type: 'changed' }>): void {
  if (all) {
    refresh([])
    return
  }
  for (const id of tasks) refresh(['task', id])
  if (tasks.length > 0) for (const key of ['board', 'attention', 'requests', 'jobs']) refresh([key])
  if (fleet) for (const key of ['daemons', 'pools', 'repos']) refresh([key])
}

/** One read at a time of each thing; what comes meanwhile is read once more after it. */
const reading = new Map<string, { again: boolean }>()
/** Between two reads of one thing; longer where the read itself was long, so that a busy team costs the server a share of its time at most. */
const restMs = 150
const restShare = 3
/** Something changed while nobody looked at this tab. */
let missed = false

function refresh(queryKey: readonly string[]): void {
  if (document.hidden && queryKey[0] !== 'attention') {
    missed = true
    // What waits for a person is told also while they look elsewhere.
    if (queryKey.length === 0) refresh(['attention'])
    return
  }
  const name = queryKey.join(' ')
  const known = reading.get(name)
  if (known !== undefined) {
    known.again = true
    return
  }
  const read = { again: false }
  reading.set(name, read)
  const began = performance.now()
  // A read under way may have begun before the change: it is not the one to wait for.
  void cache.invalidateQueries({ queryKey }, { cancelRefetch: true }).finally(() =>
    setTimeout(
      () => {
        reading.delete(name)
        if (read.again) refresh(queryKey)
      },
      Math.max(restMs, restShare * (performance.now() - began)),
    ),
  )
}

function look(): void {
  if (document.hidden || !missed) return
  missed = false
  refresh([])
}

function setLink(next: Link): void {
  if (next === link) return
  link = next
  for (const changed of linkWatchers) changed()
}
