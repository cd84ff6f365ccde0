// Says in words why a task is still in the queue.

import type { Need, Offer, Requirements } from './routing.ts'
import { meets, needsInOrder } from './routing.ts'

export interface Candidate {
  readonly offer: Offer
  readonly name: string
  readonly draining: boolean
  readonly running: number
  readonly maxAgents: number
}

/**
 * One sentence about the connected daemons of all teams. It never tells of another team's daemons: `candidates` holds the task's team only.
 */
export function whyQueued(needs: Requirements, candidates: readonly Candidate[]): string {
  if (candidates.length === 0) return 'no daemon is connected; start one with: capstan daemon'
  let left = candidates
  const met: Need[] = []
  for (const need of needsInOrder) {
    const next = left.filter(({ offer }) => meets(need, needs, offer))
    if (next.length === 0) return lacking(needs, need, met, left.length)
    if (asked(needs, need)) met.push(need)
    left = next
  }
  const ready = left.filter((daemon) => !daemon.draining)
  if (ready.length === 0)
    return `${count(left.length, 'daemon')} would fit, but ${left.length === 1 ? 'it is' : 'all are'} draining`
  const free = ready.filter((daemon) => daemon.running < daemon.maxAgents)
  if (free.length === 0) {
    const running = ready.reduce((sum, daemon) => sum + daemon.running, 0)
    const room = ready.reduce((sum, daemon) => sum + daemon.maxAgents, 0)
    return `${fitting(ready.length)}, full (${running} of ${room} agents at work)`
  }
  return `${fitting(free.length)} with room; the task is about to be claimed`
}

function lacking(needs: Requirements, need: Need, met: readonly Need[], left: number): string {
  const wanted = [...met, need].map((each) => phrase(needs, each)).join(' ')
  const before = met.at(-1)
  const rest =
    before === undefined ? '' : `; ${left} ${left === 1 ? phrase(needs, before) : plural(phrase(needs, before))}`
  return `no connected daemon ${wanted}${rest}`
}

function plural(text: string): string {
  return text
    .replace(/^serves/, 'serve')
    .replace(/^is in/, 'are in')
    .replace(/^has/, 'have')
    .replace(/^takes/, 'take')
    .replace(/^with/, 'are there with')
}

function fitting(n: number): string {
  return n === 1 ? '1 daemon fits' : `${n} daemons fit`
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

/** True for a need that the task stated; the others are only spoken of when nobody meets them. */
function asked(needs: Requirements, need: Need): boolean {
  if (need === 'type') return needs.type !== 'freeform'
  if (need === 'harness') return needs.harness !== null
  return need !== 'only' && phrase(needs, need) !== ''
}

function phrase(needs: Requirements, need: Need): string {
  switch (need) {
    case 'team':
      return ''
    case 'pool':
      return needs.pool === null ? '' : `is in pool ${needs.pool}`
    case 'daemon':
      return needs.daemon === null ? '' : `is ${needs.daemon}`
    case 'repo':
      return needs.repo === null ? '' : `serves repo ${needs.repo}`
    case 'role':
      return needs.role === null ? '' : `with role ${needs.role}`
    case 'type':
      return `takes tasks of type ${needs.type}`
    case 'labels':
      return needs.labels.length === 0
        ? ''
        : `with ${needs.labels.length === 1 ? 'label' : 'labels'} ${needs.labels.join(', ')}`
    case 'harness':
      return needs.harness === null
        ? 'has a harness that is installed and signed in'
        : `has harness ${needs.harness} ready`
    case 'profiles':
      return needs.profiles.length === 0
        ? ''
        : `serves ${needs.profiles.length === 1 ? 'profile' : 'one of the profiles'} ${needs.profiles.join(', ')}`
    case 'only':
      return 'takes tasks like this (--only)'
  }
}
