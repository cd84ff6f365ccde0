// The hosts: those in trouble first, those that are away last; a few at once where there are many.

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { DaemonView } from '../../src/protocol/fleet.ts'
import { pools } from '../data/queries.ts'
import { inputClass } from '../parts/field.tsx'
import { plural } from '../parts/figures.ts'
import { Host } from './host.tsx'

/** So few that each may show everything of itself. */
export const fewHosts = 3
/** So many are shown before one asks for the rest. */
const atOnce = 10

export function Hosts({ hosts }: { readonly hosts: readonly DaemonView[] }) {
  const poolNames = new Map((useQuery(pools).data ?? []).map((pool) => [pool.id, pool.name]))
  const [text, setText] = useState('')
  const [all, setAll] = useState(false)
  const poolOf = (host: DaemonView) => (host.pool === null ? null : (poolNames.get(host.pool) ?? host.pool))
  const found = inOrder(hosts).filter((host) => says(host, poolOf(host), text))
  const shown = all || text !== '' ? found : found.slice(0, atOnce)
  return (
    <section aria-label="Hosts" className="overflow-hidden rounded-lg border border-line bg-raised">
      {hosts.length > atOnce && (
        <div className="border-b border-line p-2">
          <input
            type="search"
            aria-label="Find a host"
            placeholder="Find a host by name, pool, label, agent or repository"
            value={text}
            onChange={(event) => setText(event.target.value)}
            className={`${inputClass} sm:max-w-96`}
          />
        </div>
      )}
      <ul>
        {shown.map((host) => (
          <Host key={host.id} host={host} pool={poolOf(host)} unfolded={hosts.length <= fewHosts} />
        ))}
      </ul>
      {found.length === 0 && <p className="p-4 text-muted">No host says “{text}”.</p>}
      {shown.length < found.length && (
        <button
          type="button"
          onClick={() => setAll(true)}
          className="h-10 w-full border-t border-line text-accent hover:bg-panel"
        >
          Show all {plural(found.length, 'host')}
        </button>
      )}
    </section>
  )
}

function inOrder(hosts: readonly DaemonView[]): readonly DaemonView[] {
  return hosts.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, undefined, { numeric: true }))
}

function rank(host: DaemonView): number {
  if (!host.connected) return 2
  const troubled =
    host.shortOf != null || host.harnesses.length === 0 || host.repos.some((repo) => repo.problem !== null)
  return troubled || host.harnesses.some((found) => found.exhaustedUntil !== undefined) ? 0 : 1
}

function says(host: DaemonView, pool: string | null, text: string): boolean {
  const { name, labels, harnesses, repos, platform } = host
  const own = [name, pool ?? '', platform, ...labels, ...harnesses.map((each) => each.name)]
  return [...own, ...repos.map((repo) => repo.slug)].some((each) =>
    each.toLowerCase().includes(text.trim().toLowerCase()),
  )
}
