// Pools: hosts that stand for each other.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { daemons, members, pools } from '../data/queries.ts'
import { server } from '../data/server.ts'
import { Field, Select } from '../parts/field.tsx'
import { plural } from '../parts/figures.ts'
import { Entry, Section } from './list.tsx'
import { MakeForm } from './make-form.tsx'

export function Pools({ admin }: { readonly admin: boolean }) {
  const all = useQuery(pools).data ?? []
  const hosts = useQuery(daemons).data ?? []
  return (
    <Section
      title="Pools"
      about={
        <>
          A pool is a name for hosts that stand for each other: a task that names the pool runs on any of them. A host
          joins with <code className="font-mono text-xs">capstan daemon --pool NAME</code>.
        </>
      }
    >
      <ul>
        {all.map((pool) => (
          <Entry
            key={pool.id}
            name={pool.name}
            queryKey={['pools']}
            remove={admin ? () => server.call('removePool', { params: { id: pool.id } }) : null}
          >
            <Link to="/" search={{ pool: pool.name }} className="justify-self-start font-medium hover:underline">
              {pool.name}
            </Link>
            <span className="text-xs text-muted [overflow-wrap:anywhere]">
              {pool.daemons === 0 ? 'no host yet' : `${plural(pool.daemons, 'host')}: `}
              {hosts
                .filter((host) => host.pool === pool.id)
                .map((host) => host.name)
                .join(', ')}
              {pool.connector !== null && `; only those of ${pool.connector} may join`}
            </span>
          </Entry>
        ))}
      </ul>
      {admin && <NewPool />}
    </Section>
  )
}

function NewPool() {
  const accounts = (useQuery(members).data ?? []).map(({ name }) => ({ value: name, label: name }))
  return (
    <MakeForm
      label="Add a pool"
      verb="Add"
      queryKey={['pools']}
      make={(given) => {
        const connector = given('connector')
        return server.call('createPool', { body: { name: given('name'), ...(connector === '' ? {} : { connector }) } })
      }}
    >
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label="New pool" name="name" required placeholder="gpu" />
        <Select
          label="Whose hosts may join"
          name="connector"
          choices={[{ value: '', label: 'Anybody’s' }, ...accounts]}
        />
      </div>
    </MakeForm>
  )
}
