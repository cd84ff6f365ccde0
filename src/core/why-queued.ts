// Says in words why a task is still in the queue.

import type { Need, Offer, Requirements } from './routing.ts'
import { meets, needsInOrder } from './routing.ts'

export interface Candidate {
  readonly offer: Offer
  readonly name: string
  readonly draining: boolean
  readonly running: number
  readonly maxAgents: number
  /** Why it takes no work for lack of disk. */
  readonly shortOf?: string | null | undefined
  /** Why a harness is not ready there, with the remedy, by its name. */
  readonly harnessProblems: ReadonlyMap<string, string>
  /** Harnesses that are ready there but for a spent quota: until when, in words, by their name. */
  readonly spent: ReadonlyMap<string, string>
}

/** One sentence about the connected daemons of the task's team; `candidates` holds no other team's. */
export function whyQueued(needs: Requirements, candidates: readonly Candidate[]): string {
  if (candidates.length === 0) return 'no daemon is connected; start one with: capstan daemon'
  let left = candidates
  const met: Need[] = []
  for (const need of needsInOrder) {
    const next = left.filter(({ offer }) => meets(need, needs, offer))
    if (next.length === 0) return quotaSpent(needs, need, left) ?? lacking(needs, need, met, left)
    if (asked(needs, need)) met.push(need)
    left = next
  }
  return busy(left)
}

/** Daemons that only a spent quota keeps from this need; null: something else lacks. */
function quotaSpent(needs: Requirements, need: Need, left: readonly Candidate[]): string | null {
  if (need !== 'harness' && need !== 'profiles') return null
  const waiting = left.filter(({ offer, spent }) => meets(need, needs, unspent(offer, spent)))
  const said = waiting.flatMap(({ name, spent }) =>
    [...spent]
      .filter(([harness]) => needs.harness === null || needs.harness === harness)
      .map(([harness, until]) => `quota of ${harness} on ${name} ${until}`),
  )
  const more = said.length > 3 ? ` and ${said.length - 3} more` : ''
  return said.length === 0 ? null : `waits for a spent quota: ${said.slice(0, 3).join(', ')}${more}`
}

function unspent(offer: Offer, spent: Candidate['spent']): Offer {
  const names = [...spent.keys()]
  return { ...offer, harnesses: [...offer.harnesses, ...names], unnamed: [...offer.unnamed, ...names] }
}

function busy(fitting: readonly Candidate[]): string {
  const ready = fitting.filter((daemon) => !daemon.draining)
  if (ready.length === 0) {
    return fitting.length === 1
      ? '1 daemon would fit, but it is draining'
      : `${fitting.length} daemons would fit, but all are draining`
  }
  const roomy = ready.filter((daemon) => (daemon.shortOf ?? null) === null)
  if (roomy.length === 0) {
    const [count, who] = ready.length === 1 ? ['1 daemon', 'it has'] : [`${ready.length} daemons`, 'all have']
    return `${count} would fit, but ${who} too little disk (${ready[0]?.name}: ${ready[0]?.shortOf})`
  }
  const free = roomy.filter((daemon) => daemon.running < daemon.maxAgents)
  if (free.length > 0) return `${fits(free.length)} with room; the task is about to be claimed`
  const running = roomy.reduce((sum, daemon) => sum + daemon.running, 0)
  const room = roomy.reduce((sum, daemon) => sum + daemon.maxAgents, 0)
  return `${fits(roomy.length)}, full (${running} of ${room} agents at work)`
}

function fits(count: number): string {
  return count === 1 ? '1 daemon fits' : `${count} daemons fit`
}

function lacking(needs: Requirements, need: Need, met: readonly Need[], left: readonly Candidate[]): string {
  const none = `no connected daemon ${joined([...met, need], needs, 1)}`
  const others = met.length === 0 ? '' : `; ${left.length} ${joined(met, needs, left.length)}`
  return `${none}${others}${remedy(needs, need, left)}`
}

/** `serves repo a with role qa and takes tasks of type plan`: roles and labels belong to what stands before them. */
function joined(list: readonly Need[], needs: Requirements, count: number): string {
  return list.reduce((text, need) => {
    const { verb, rest, attach } = phrase(needs, need)
    const words = `${count === 1 ? verb.one : verb.many} ${rest}`.trim()
    if (text === '') return words
    return attach === null ? `${text} and ${words}` : `${text} ${attach}`
  }, '')
}

/** What the daemons that come closest say of the harness they lack. */
function remedy(needs: Requirements, need: Need, left: readonly Candidate[]): string {
  if (need === 'harness') {
    const named = left.flatMap(({ harnessProblems }) =>
      needs.harness === null ? [...harnessProblems.values()] : [harnessProblems.get(needs.harness) ?? []].flat(),
    )
    const said = [...new Set(named)].slice(0, 3)
    return said.length === 0 ? '' : `; ${said.join(', or ')}`
  }
  if (need !== 'profiles') return ''
  return needs.profiles.length > 0 ? '; start a daemon with: capstan daemon --profile NAME' : served(needs, left)
}

/** Of a task that names no profile: what the hosts serve instead, and the way out. */
function served(needs: Requirements, left: readonly Candidate[]): string {
  const hosts = left.slice(0, 3).map(({ name, offer }) => {
    const profiles = offer.profiles.map(({ id, harness }) => (harness === null ? id : `${id} (${harness})`))
    return `${name} serves ${profiles.slice(0, 5).join(', ')}`
  })
  const unready = left.flatMap(({ offer, harnessProblems }) =>
    offer.profiles.flatMap(({ harness }) => harnessProblems.get(harness ?? '') ?? []),
  )
  const way =
    needs.harness === null
      ? [...new Set(unready)].slice(0, 3)
      : ['drop --harness, or have a host serve a profile for it']
  return `; ${[...hosts, ...way].join('; ')}`
}

/** True for a need that the task stated; the others are only spoken of when nobody meets them. */
function asked(needs: Requirements, need: Need): boolean {
  switch (need) {
    case 'type':
      return needs.type !== 'freeform'
    case 'profiles':
    case 'labels':
      return needs[need].length > 0
    case 'pool':
    case 'daemon':
    case 'repo':
    case 'role':
    case 'harness':
      return needs[need] !== null
    case 'team':
    case 'only':
      return false
  }
}

interface Phrase {
  readonly verb: { readonly one: string; readonly many: string }
  readonly rest: string
  /** How it reads behind another phrase, where that is not `and …`. */
  readonly attach: string | null
}

const is = { one: 'is', many: 'are' }
const has = { one: 'has', many: 'have' }
const serves = { one: 'serves', many: 'serve' }
const takes = { one: 'takes', many: 'take' }

function phrase(needs: Requirements, need: Need): Phrase {
  switch (need) {
    case 'team':
      return { verb: is, rest: 'in this team', attach: null }
    case 'pool':
      return { verb: is, rest: `in pool ${needs.pool}`, attach: null }
    case 'daemon':
      return { verb: is, rest: `${needs.daemon}`, attach: null }
    case 'repo':
      return { verb: serves, rest: `repo ${needs.repo}`, attach: null }
    case 'role':
      return { verb: has, rest: `role ${needs.role}`, attach: `with role ${needs.role}` }
    case 'type':
      return { verb: takes, rest: `tasks of type ${needs.type}`, attach: null }
    case 'labels': {
      const labels = `${needs.labels.length === 1 ? 'label' : 'labels'} ${needs.labels.join(', ')}`
      return { verb: has, rest: labels, attach: `with ${labels}` }
    }
    case 'harness':
      return {
        verb: has,
        rest: needs.harness === null ? 'an agent that is installed and signed in' : `harness ${needs.harness} ready`,
        attach: null,
      }
    case 'profiles':
      if (needs.profiles.length === 0) {
        const wanted = needs.harness === null ? 'whose harness is ready' : `for harness ${needs.harness}`
        return { verb: serves, rest: `a profile ${wanted}`, attach: null }
      }
      return {
        verb: serves,
        rest: `${needs.profiles.length === 1 ? 'profile' : 'any of the profiles'} ${needs.profiles.join(', ')}`,
        attach: null,
      }
    case 'only':
      return { verb: takes, rest: 'such tasks (--only)', attach: null }
  }
}
