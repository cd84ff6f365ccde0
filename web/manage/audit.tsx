// Who changed what, newest first; narrowed to one person or one kind of change.

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { AuditLine } from '../../src/protocol/audit.ts'
import { daemons, members, models, pools, profiles, tokens } from '../data/queries.ts'
import { server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Failed } from '../parts/empty.tsx'
import { Field, Select } from '../parts/field.tsx'
import { exactTime, who } from '../parts/figures.ts'
import { Section } from './list.tsx'

export function Audit() {
  const [actor, setActor] = useState('')
  const [target, setTarget] = useState('')
  const only = { ...(actor === '' ? {} : { actor }), ...(target === '' ? {} : { target }) }
  const log = useInfiniteQuery({
    queryKey: ['audit', actor, target],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => {
      const from = pageParam === '' ? {} : { cursor: pageParam }
      return server.call('listAudit', { query: { limit: 50, ...only, ...from }, signal })
    },
    getNextPageParam: (page) => page.nextCursor,
    refetchOnMount: 'always',
  })
  const lines = log.data?.pages.flatMap((page) => page.items) ?? []
  const people = (useQuery(members).data ?? []).map(({ name }) => ({ value: `user:${name}`, label: name }))
  const names = useNames()
  return (
    <Section
      title="Audit log"
      about="Every call that changes something is written down here, with who made it and on what. Who gave a task stands on the task."
    >
      <div className="grid gap-3 sm:grid-cols-2">
        <Select
          label="Who"
          value={actor}
          onChange={(event) => setActor(event.target.value)}
          choices={[{ value: '', label: 'Everybody' }, ...people]}
        />
        <Field
          label="On what"
          placeholder="An id or a name, exactly"
          defaultValue={target}
          onBlur={(event) => setTarget(event.target.value.trim())}
          onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
        />
      </div>
      {log.error !== null && <Failed error={log.error} />}
      {log.data !== undefined && lines.length === 0 && <p className="text-muted">Nothing is written down.</p>}
      <ul className="-mx-2 grid">
        {lines.map((line) => (
          <Line key={line.seq} line={line} name={line.target === null ? undefined : names.get(line.target)} />
        ))}
      </ul>
      {log.hasNextPage && (
        <Button small weight="quiet" className="justify-self-start" onClick={() => void log.fetchNextPage()}>
          Older
        </Button>
      )}
    </Section>
  )
}

/** What ids are called, as far as it is still there. */
function useNames(): ReadonlyMap<string, string> {
  const lists: readonly (readonly { readonly id: string; readonly name: string }[] | undefined)[] = [
    useQuery(daemons).data,
    useQuery(members).data,
    useQuery(models).data,
    useQuery(pools).data,
    useQuery(profiles).data,
    useQuery({ ...tokens, retry: false }).data,
  ]
  return new Map(lists.flatMap((list) => list ?? []).map(({ id, name }) => [id, name]))
}

function Line({ line, name }: { readonly line: AuditLine; readonly name: string | undefined }) {
  const { actor, operation, target, at } = line
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] items-baseline gap-x-3 rounded-md px-2 py-1.5 text-xs hover:bg-panel md:grid-cols-[8rem_10rem_minmax(0,1fr)_auto]">
      <span className="truncate font-medium" title={actor}>
        {who(actor)}
      </span>
      <span className="text-muted max-md:order-3 max-md:col-span-2" title={operation}>
        {operation.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}
      </span>
      <span className="text-muted [overflow-wrap:anywhere] max-md:order-4 max-md:col-span-2">
        {name !== undefined && <span className="text-text">{name} </span>}
        <Target target={target} />
      </span>
      <time dateTime={new Date(at).toISOString()} className="text-faint tabular-nums max-md:order-2">
        {exactTime(at)}
      </time>
    </li>
  )
}

function Target({ target }: Pick<AuditLine, 'target'>) {
  if (target === null) return null
  if (!target.startsWith('task_')) return <span className="font-mono text-faint">{target}</span>
  return (
    <Link to="/tasks/$taskId" params={{ taskId: target }} className="font-mono text-accent hover:underline">
      {target}
    </Link>
  )
}
