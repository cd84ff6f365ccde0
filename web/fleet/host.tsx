// One host: whether it is heard, how full it is, what it can run, what it lacks.

import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { DaemonView } from '../../src/protocol/fleet.ts'
import { cache, saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { bytes, exactTime, plural } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { Ago } from '../parts/time.tsx'

export function Host({ host, pool }: { readonly host: DaemonView; readonly pool: string | null }) {
  const { name, connected, draining } = host
  const drain = useMutation({
    mutationFn: () => server.call('drainDaemon', { params: { id: host.id }, body: { on: !draining } }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['daemons'] }),
  })
  const dot = !connected ? 'bg-bad' : draining ? 'bg-needs' : 'bg-good'
  return (
    <li className="grid content-start gap-3 rounded-lg border border-line bg-raised p-4">
      <div className="flex items-center gap-2">
        <span className={`size-2 shrink-0 rounded-full ${dot}`} />
        <h2 className="min-w-0 truncate text-base font-semibold" title={host.id}>
          {name}
        </h2>
        <span className="text-xs whitespace-nowrap text-muted">
          {connected ? (
            draining ? (
              'draining'
            ) : (
              'connected'
            )
          ) : (
            <>
              away, heard <Ago at={host.lastSeenAt} />
            </>
          )}
        </span>
        <span className="flex-1" />
        {connected && (
          <Button
            small
            disabled={drain.isPending}
            onClick={() => drain.mutate()}
            title={draining ? 'Take work again' : 'Finish what runs, take nothing new'}
          >
            {draining ? 'Undrain' : 'Drain'}
          </Button>
        )}
        {!connected && <Forget host={host} />}
      </div>
      <Load host={host} />
      <Harnesses host={host} />
      <div className="flex flex-wrap gap-x-3 gap-y-1 text-xs text-muted">
        {pool !== null && <span>pool {pool}</span>}
        {host.freeMemoryBytes !== null && <span>{bytes(host.freeMemoryBytes)} memory free</span>}
        {host.freeDiskBytes !== null && <span>{bytes(host.freeDiskBytes)} disk free</span>}
        <span>{host.platform}</span>
        <span>{host.version}</span>
        {host.labels.length > 0 && <span>{host.labels.join(', ')}</span>}
      </div>
      {host.shortOf != null && <Trouble text={`Takes no work: ${host.shortOf}`} />}
      <Repos host={host} />
      {drain.error !== null && <Trouble text={saidBy(drain.error)} />}
    </li>
  )
}

function Load({ host: { running, maxAgents, name } }: { readonly host: DaemonView }) {
  const shown = Math.min(maxAgents, 24)
  return (
    <div className="flex items-center gap-2">
      <div
        role="img"
        aria-label={`${running} of ${maxAgents} agents at work on ${name}`}
        className="flex flex-1 gap-0.5"
      >
        {Array.from({ length: shown }, (_, i) => i).map((place) => (
          <span
            key={place}
            className={`h-1.5 flex-1 rounded-full ${place < (running / maxAgents) * shown ? 'bg-busy' : 'bg-calm-soft'}`}
          />
        ))}
      </div>
      <span className="text-xs text-muted tabular-nums">
        {running} / {maxAgents}
      </span>
    </div>
  )
}

function Harnesses({ host }: { readonly host: DaemonView }) {
  return (
    <ul className="grid gap-1">
      {host.harnesses.map((found) => (
        <li key={found.name} className="flex items-start gap-2 text-xs">
          <span className={`mt-0.5 ${found.ready ? 'text-good' : 'text-faint'}`}>
            <Icon name={found.ready ? 'check' : 'cross'} className="size-3" />
            <span className="sr-only">{found.ready ? 'ready' : 'not ready'}</span>
          </span>
          <span className={found.ready ? '' : 'text-muted'}>{found.name}</span>
          <span className="text-faint">{found.version}</span>
          {found.exhaustedUntil !== undefined && (
            <span className="text-needs">quota spent until {exactTime(found.exhaustedUntil)}</span>
          )}
          {found.problem !== null && (
            <span className="min-w-0 text-muted [overflow-wrap:anywhere]">{found.problem}</span>
          )}
        </li>
      ))}
    </ul>
  )
}

function Repos({ host: { repos } }: { readonly host: DaemonView }) {
  if (repos.length === 0) return null
  return (
    <div className="grid gap-1 text-xs">
      <p className="text-muted [overflow-wrap:anywhere]">
        {repos.length > 4
          ? plural(repos.length, 'repository').replace('repositorys', 'repositories')
          : repos.map((repo) => repo.slug).join(', ')}
      </p>
      {repos
        .filter((repo) => repo.problem !== null)
        .map((repo) => (
          <Trouble key={repo.slug} text={`${repo.slug}: ${repo.problem}`} />
        ))}
    </div>
  )
}

function Trouble({ text }: { readonly text: string }) {
  return (
    <p className="flex items-start gap-1.5 text-xs text-needs">
      <Icon name="alert" className="mt-0.5 size-3" />
      <span className="min-w-0 [overflow-wrap:anywhere]">{text}</span>
    </p>
  )
}

function Forget({ host }: { readonly host: DaemonView }) {
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => server.call('removeDaemon', { params: { id: host.id } }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['daemons'] }),
  })
  if (error !== null) return <span className="text-xs text-bad">{saidBy(error)}</span>
  return (
    <>
      <Link to="/" search={{ daemon: host.id }} className="text-xs text-accent underline">
        Its tasks
      </Link>
      <Button small weight="danger" disabled={isPending} onClick={() => mutate()}>
        Forget
      </Button>
    </>
  )
}
