// What a host is and does, unfolded: its agents with what they lack, its repositories, what is at work on it.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { DaemonView, HarnessFound } from '../../src/protocol/fleet.ts'
import { jobs, profiles } from '../data/queries.ts'
import { plainText } from '../parts/ansi.ts'
import { exactTime } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { Ago, Lasted } from '../parts/time.tsx'

export function HostDetails({ id, host }: { readonly id: string; readonly host: DaemonView }) {
  const names = new Map((useQuery(profiles).data ?? []).map((profile) => [profile.id, profile.name]))
  const facts: readonly (readonly [string, ReactNode])[] = [
    ['Last heartbeat', <Ago key="at" at={host.lastSeenAt} />],
    ['Version', `${host.version}, ${host.platform}`],
    ['Labels', host.labels.join(', ')],
    ['Profiles', host.profiles.map((each) => names.get(each) ?? each).join(', ')],
    ['Task types', host.types.join(', ')],
    ['Identity', host.identity === 'default' ? '' : host.identity],
    ['Repositories', host.repos.map((repo) => repo.slug).join(', ') || 'none; on the host: capstan repo add PATH'],
  ]
  return (
    <div id={id} className="grid gap-x-8 gap-y-4 py-1 pl-5.5 text-xs md:grid-cols-2">
      <div className="grid grid-cols-[minmax(0,1fr)] content-start gap-4">
        <Agents harnesses={host.harnesses} />
        <dl className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-x-3 gap-y-1">
          {facts
            .filter(([, value]) => value !== '')
            .map(([name, value]) => (
              <div key={name} className="col-span-2 grid grid-cols-subgrid">
                <dt className="text-faint">{name}</dt>
                <dd className="max-h-32 overflow-y-auto [overflow-wrap:anywhere]">{value}</dd>
              </div>
            ))}
        </dl>
      </div>
      <AtWork host={host} />
    </div>
  )
}

function Agents({ harnesses }: Pick<DaemonView, 'harnesses'>) {
  if (harnesses.length === 0) return <p className="text-needs">No agent’s command line was found on it.</p>
  return (
    <ul className="grid gap-1">
      {harnesses.map((found) => (
        <Agent key={found.name} found={found} />
      ))}
    </ul>
  )
}

function Agent({
  found: { name, version, ready, problem, account, exhaustedUntil },
}: {
  readonly found: HarnessFound
}) {
  return (
    <li className="flex items-start gap-2">
      <span className={`mt-0.5 ${ready ? 'text-good' : 'text-faint'}`}>
        <Icon name={ready ? 'check' : 'cross'} className="size-3" />
        <span className="sr-only">{ready ? 'ready' : 'not ready'}</span>
      </span>
      <span className="min-w-0 [overflow-wrap:anywhere]">
        <span className={ready ? 'font-medium' : 'text-muted'}>{name}</span>
        {version !== null && <span className="text-faint"> {version}</span>}
        {account !== undefined && <span className="text-faint"> account {account}</span>}
        {exhaustedUntil !== undefined && (
          <span className="text-needs"> quota spent until {exactTime(exhaustedUntil)}</span>
        )}
        {problem !== null && <span className="text-muted">: {problem}</span>}
      </span>
    </li>
  )
}

function AtWork({ host }: { readonly host: DaemonView }) {
  const active = useQuery(jobs('active', host.id)).data ?? []
  return (
    <section aria-label={`At work on ${host.name}`} className="grid grid-cols-[minmax(0,1fr)] content-start gap-1">
      {active.length === 0 && <p className="text-faint">{host.connected ? 'Nothing is at work on it.' : ''}</p>}
      <ul className="grid max-h-64 grid-cols-[minmax(0,1fr)] gap-1 overflow-y-auto">
        {active.map((job) => (
          <li key={job.id} className="flex items-baseline gap-3">
            <Link
              to="/tasks/$taskId"
              params={{ taskId: job.taskId }}
              className="min-w-0 flex-1 truncate hover:underline"
            >
              <bdi>{plainText(job.title)}</bdi>
            </Link>
            <span className="text-muted">{job.harness}</span>
            <span className="text-faint">
              <Lasted from={job.startedAt} to={null} />
            </span>
          </li>
        ))}
      </ul>
      <Link to="/" search={{ daemon: host.id }} className="justify-self-start text-accent hover:underline">
        All its tasks
      </Link>
    </section>
  )
}
