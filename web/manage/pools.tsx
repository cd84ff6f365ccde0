// Pools: hosts that stand for each other.

import { useMutation, useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { pools } from '../data/queries.ts'
import { cache, saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Field } from '../parts/field.tsx'
import { plural } from '../parts/figures.ts'
import { Card } from '../shell/view.tsx'
import { Removable } from './list.tsx'

export function Pools({ admin }: { readonly admin: boolean }) {
  const all = useQuery(pools).data ?? []
  return (
    <Card title="Pools">
      {all.length === 0 && (
        <p className="text-muted">
          A pool is a name for hosts that stand for each other: a task that names the pool runs on any of them.
        </p>
      )}
      <ul>
        {all.map((pool) => (
          <Removable
            key={pool.id}
            name={pool.name}
            queryKey={['pools']}
            remove={admin ? () => server.call('removePool', { params: { id: pool.id } }) : null}
          >
            <span className="font-medium">{pool.name}</span>
            <span className="text-xs text-muted">
              {plural(pool.daemons, 'host')}
              {pool.connector !== null && `, joined with token ${pool.connector}`}
            </span>
          </Removable>
        ))}
      </ul>
      {admin && <NewPool />}
    </Card>
  )
}

function NewPool() {
  const { mutate, error, isPending } = useMutation({
    mutationFn: (name: string) => server.call('createPool', { body: { name } }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['pools'] }),
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    mutate(String(new FormData(form).get('name')), { onSuccess: () => form.reset() })
  }
  return (
    <form onSubmit={submit} className="grid gap-2">
      <div className="flex items-end gap-2">
        <div className="flex-1">
          <Field label="New pool" name="name" required placeholder="gpu" />
        </div>
        <Button type="submit" disabled={isPending}>
          Add
        </Button>
      </div>
      {error !== null && (
        <p role="alert" className="text-xs text-bad">
          {saidBy(error)}
        </p>
      )}
    </form>
  )
}
