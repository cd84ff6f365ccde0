// The fleet: hosts and their load, what they do and did, and how the queue fares.

import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useState } from 'react'
import { daemons } from '../data/queries.ts'
import { useRights } from '../data/rights.ts'
import { Button } from '../parts/button.tsx'
import { Empty, Failed, Loading } from '../parts/empty.tsx'
import { plural } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { Card, View } from '../shell/view.tsx'
import { AddHost } from './add-host.tsx'
import { fewHosts, Hosts } from './hosts.tsx'
import { AtWork, Results } from './jobs.tsx'

const Figures = lazy(async () => ({ default: (await import('./figures-view.tsx')).FiguresView }))

export function Fleet() {
  const [adding, setAdding] = useState(false)
  const { data: hosts, error } = useQuery(daemons)
  const { owns } = useRights()
  if (hosts === undefined) return error === null ? <Loading what="the fleet" /> : <Failed error={error} />
  const here = hosts.filter((host) => host.connected)
  const room = here.reduce((sum, host) => sum + host.maxAgents, 0)
  const running = here.reduce((sum, host) => sum + host.running, 0)
  return (
    <View
      title="Fleet"
      wide
      beside={
        <>
          {hosts.length > 0 && (
            <span className="text-muted tabular-nums">
              {here.length === hosts.length ? '' : `${here.length} of `}
              {plural(hosts.length, 'host')} connected, {running} of {plural(room, 'place')} taken
            </span>
          )}
          {owns && (
            <Button weight={hosts.length === 0 ? 'main' : 'plain'} onClick={() => setAdding(true)}>
              <Icon name="plus" />
              Add a host
            </Button>
          )}
        </>
      }
    >
      {hosts.length === 0 ? (
        <Empty title="No host yet">
          <p>
            A host is a machine of yours with a repository and an agent’s command line. It connects outward, so it needs
            no open port, and agents use the sign-ins it has.
          </p>
          {!owns && <p>An owner of the team adds hosts.</p>}
        </Empty>
      ) : (
        <Hosts hosts={hosts} />
      )}
      {/* Of few hosts each shows by itself what it does. */}
      {hosts.length > fewHosts && <AtWork />}
      <Results />
      <Suspense fallback={<Card title="Figures">{null}</Card>}>
        <Figures />
      </Suspense>
      {adding && <AddHost known={hosts} onClose={() => setAdding(false)} />}
    </View>
  )
}
