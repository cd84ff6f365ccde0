// One host in a row: whether it is heard, how full it is, what it can run and what it lacks; the rest of it unfolds.

import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { DaemonView, HarnessFound } from '../../src/protocol/fleet.ts'
import { useRights } from '../data/rights.ts'
import { cache, saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { bytes, plural, shortTime } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { useNow } from '../parts/now.ts'
import { Ago } from '../parts/time.tsx'
import { HostDetails } from './host-details.tsx'

interface HostProps {
  readonly host: DaemonView
  /** Its pool's name. */
  readonly pool: string | null
  readonly unfolded: boolean
}

export function Host({ host, pool, unfolded }: HostProps) {
  const [open, setOpen] = useState(unfolded)
  const { drains, manages } = useRights()
  const details = `host-${host.id}`
  return (
    <li className="grid grid-cols-[minmax(0,1fr)] gap-2 border-t border-line px-4 py-3 first:border-t-0">
      <div className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1.5 lg:grid-cols-[minmax(0,1.3fr)_8rem_minmax(0,1.4fr)_8.5rem_5.5rem]">
        <button
          type="button"
          aria-expanded={open}
          aria-controls={details}
          onClick={() => setOpen(!open)}
          className="flex min-h-8 min-w-0 items-center gap-2 text-left max-lg:min-h-10"
        >
          <Icon name="right" className={`size-3.5 text-faint transition-transform ${open ? 'rotate-90' : ''}`} />
          <Light host={host} />
          <span className="min-w-0 truncate font-semibold" title={host.name}>
            {host.name}
          </span>
          {pool !== null && <span className="max-w-32 shrink-0 truncate text-xs text-muted">{pool}</span>}
          {host.connected && host.draining && <span className="shrink-0 text-xs text-needs">draining</span>}
        </button>
        <div className="justify-self-end lg:order-last">
          {host.connected && drains && <Drain host={host} />}
          {!host.connected && manages && <Forget host={host} />}
        </div>
        <Load host={host} />
        {open ? <span className="max-lg:hidden" /> : <Agents host={host} />}
        <Room host={host} />
      </div>
      <Troubles host={host} />
      {open && <HostDetails id={details} host={host} />}
    </li>
  )
}

function Light({ host: { connected, draining } }: Pick<HostProps, 'host'>) {
  const [dot, said] = !connected ? ['bg-bad', 'away'] : draining ? ['bg-needs', 'draining'] : ['bg-good', 'connected']
  return (
    <span className={`size-2 shrink-0 rounded-full ${dot}`} title={said}>
      <span className="sr-only">{said}</span>
    </span>
  )
}

/** More places than this are drawn as shares. */
const mostPlaces = 16

function Load({ host: { connected, running, maxAgents, name } }: Pick<HostProps, 'host'>) {
  if (!connected) return <span className="text-xs text-faint max-lg:hidden" />
  const places = Math.min(maxAgents, mostPlaces)
  return (
    <div className="flex items-center gap-2 max-lg:col-span-2">
      <div
        role="img"
        aria-label={`${running} of ${maxAgents} agents at work on ${name}`}
        className="flex min-w-0 flex-1 gap-0.5"
      >
        {Array.from({ length: places }, (_, i) => i).map((place) => (
          <span
            key={place}
            className={`h-1.5 min-w-0 flex-1 rounded-full ${place < Math.ceil((running / maxAgents) * places) ? 'bg-busy' : 'bg-calm-soft'}`}
          />
        ))}
      </div>
      <span className="text-right text-xs whitespace-nowrap text-muted tabular-nums" title="Agents at work, of places">
        {running} / {maxAgents}
      </span>
    </div>
  )
}

/** What it can run; what cannot is counted. */
function Agents({ host: { harnesses } }: Pick<HostProps, 'host'>) {
  const now = useNow()
  const lacking = harnesses.filter((each) => !each.ready).length
  return (
    <ul className="flex min-w-0 flex-wrap gap-x-2.5 text-xs max-lg:col-span-2">
      {harnesses
        .filter((each) => each.ready)
        .map((each) => (
          <li key={each.name} className={isSpent(each, now) ? 'text-needs' : ''}>
            {each.name} <span className={isSpent(each, now) ? '' : 'text-faint'}>{shortened(each, now)}</span>
          </li>
        ))}
      {lacking > 0 && <li className="text-faint">{lacking} not ready</li>}
    </ul>
  )
}

function isSpent({ exhaustedUntil }: HarnessFound, now: number): boolean {
  return exhaustedUntil !== undefined && exhaustedUntil > now
}

function shortened(found: HarnessFound, now: number): string {
  if (isSpent(found, now)) return `quota spent until ${shortTime(found.exhaustedUntil ?? now, now)}`
  return found.version ?? ''
}

function Room({ host }: Pick<HostProps, 'host'>) {
  const { connected, lastSeenAt, freeMemoryBytes, freeDiskBytes, loadAverage, processors } = host
  const told = [
    loadAverage == null
      ? ''
      : `load ${loadAverage.toFixed(1)}${processors === undefined ? '' : ` on ${plural(processors, 'CPU')}`}`,
    freeMemoryBytes === null ? '' : `${bytes(freeMemoryBytes)} memory free`,
    freeDiskBytes === null ? '' : `${bytes(freeDiskBytes)} disk free`,
  ].filter((each) => each !== '')
  return (
    <div className="flex flex-wrap gap-x-2.5 text-xs text-muted tabular-nums max-lg:col-span-2 lg:grid lg:text-right">
      {connected ? (
        told.map((each) => <span key={each}>{each}</span>)
      ) : (
        <span className="text-bad">
          heard <Ago at={lastSeenAt} />
        </span>
      )}
    </div>
  )
}

/** What a person must know of it without unfolding anything. */
function Troubles({ host: { shortOf, repos } }: Pick<HostProps, 'host'>) {
  const said = [
    ...(shortOf == null ? [] : [`Takes no work: ${shortOf}`]),
    ...repos.flatMap((repo) => (repo.problem === null ? [] : [`${repo.slug}: ${repo.problem}`])),
  ]
  return said.map((text) => (
    <p key={text} className="flex items-start gap-1.5 pl-5.5 text-xs text-needs">
      <Icon name="alert" className="mt-0.5 size-3" />
      <span className="min-w-0 [overflow-wrap:anywhere]">{text}</span>
    </p>
  ))
}

function Drain({ host }: Pick<HostProps, 'host'>) {
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => server.call('drainDaemon', { params: { id: host.id }, body: { on: !host.draining } }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['daemons'] }),
  })
  return (
    <>
      <Button
        small
        disabled={isPending}
        onClick={() => mutate()}
        aria-label={`${host.draining ? 'Undrain' : 'Drain'} ${host.name}`}
        title={host.draining ? 'Take work again' : 'Finish what runs, take nothing new'}
      >
        {host.draining ? 'Undrain' : 'Drain'}
      </Button>
      {error !== null && <Refused error={error} />}
    </>
  )
}

/** Forgetting takes two presses. */
function Forget({ host }: Pick<HostProps, 'host'>) {
  const [sure, setSure] = useState(false)
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => server.call('removeDaemon', { params: { id: host.id } }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['daemons'] }),
  })
  return (
    <>
      <Button
        small
        weight={sure ? 'danger' : 'plain'}
        disabled={isPending}
        onClick={() => (sure ? mutate() : setSure(true))}
        onBlur={() => setSure(false)}
        aria-label={`${sure ? 'Forget for good:' : 'Forget'} ${host.name}`}
      >
        {sure ? 'For good' : 'Forget'}
      </Button>
      {error !== null && <Refused error={error} />}
    </>
  )
}

function Refused({ error }: { readonly error: unknown }) {
  return (
    <p role="alert" className="text-xs text-bad">
      {saidBy(error)}
    </p>
  )
}
