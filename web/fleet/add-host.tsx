// Adding a host: a token shown once inside ready commands, and a light that turns green when the host has come.

import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { DaemonView } from '../../src/protocol/fleet.ts'
import { daemons, pools } from '../data/queries.ts'
import { saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Copy } from '../parts/copy.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Field, Select } from '../parts/field.tsx'

interface AddHostProps {
  readonly known: readonly DaemonView[]
  readonly onClose: () => void
}

export function AddHost({ known, onClose }: AddHostProps) {
  const [name, setName] = useState('')
  const [pool, setPool] = useState('')
  const poolsThere = useQuery(pools).data ?? []
  const {
    mutate,
    data: token,
    error,
    isPending,
  } = useMutation({
    mutationFn: () => server.call('createToken', { body: { name: name.trim() || 'host', scopes: ['daemon'] } }),
  })
  return (
    <Dialog title="Add a host" onClose={onClose} wide>
      {token === undefined ? (
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            mutate()
          }}
        >
          <p className="text-muted">
            The host gets a token of its own, which can only take and report work. You can revoke it at any time under
            Manage.
          </p>
          <Field
            label="Name of the token"
            placeholder="build-box"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          {poolsThere.length > 0 && (
            <Select
              label="Pool"
              value={pool}
              onChange={(event) => setPool(event.target.value)}
              choices={[
                { value: '', label: 'None: for any task that fits' },
                ...poolsThere.map((each) => ({ value: each.name, label: each.name })),
              ]}
            />
          )}
          {error !== null && (
            <p role="alert" className="text-bad">
              {saidBy(error)}
            </p>
          )}
          <div className="flex justify-end">
            <Button type="submit" weight="main" disabled={isPending}>
              Make the token
            </Button>
          </div>
        </form>
      ) : (
        <Commands secret={token.secret} pool={pool} known={known} onClose={onClose} />
      )}
    </Dialog>
  )
}

interface CommandsProps extends AddHostProps {
  readonly secret: string
  /** Its name; '': none. */
  readonly pool: string
}

function Commands({ secret, pool, known, onClose }: CommandsProps) {
  const [before] = useState(() => new Set(known.filter((host) => host.connected).map((host) => host.id)))
  const here = useQuery({ ...daemons, refetchInterval: 2_000 }).data ?? []
  const come = here.filter((host) => host.connected && !before.has(host.id))
  return (
    <div className="grid gap-4">
      <p className="text-muted">Run these on the host, in a repository it shall serve. The token is shown this once.</p>
      <ol className="grid gap-3">
        <li className="grid gap-1">
          <span className="text-xs text-faint">1. Sign in</span>
          <Copy
            label="the sign-in command"
            text={`echo ${secret} | capstan login --url ${location.origin} --token-stdin`}
          />
        </li>
        <li className="grid gap-1">
          <span className="text-xs text-faint">2. Say which repository it serves</span>
          <Copy label="the repository command" text="capstan repo add ." />
        </li>
        <li className="grid gap-1">
          <span className="text-xs text-faint">3. Start</span>
          <Copy label="the start command" text={pool === '' ? 'capstan daemon' : `capstan daemon --pool ${pool}`} />
        </li>
      </ol>
      <p
        role="status"
        className={`flex items-center gap-2 rounded-md px-3 py-2 ${come.length > 0 ? 'bg-good-soft text-good' : 'bg-calm-soft text-calm'}`}
      >
        <span className={`size-2 rounded-full ${come.length > 0 ? 'bg-good' : 'pulse bg-faint'}`} />
        {come.length > 0
          ? `${come.map((host) => host.name).join(', ')} is connected`
          : 'Waiting for the host to connect'}
      </p>
      <div className="flex justify-end">
        <Button weight={come.length > 0 ? 'main' : 'plain'} onClick={onClose}>
          {come.length > 0 ? 'Done' : 'Close'}
        </Button>
      </div>
    </div>
  )
}
