// Narrowing the board: words first, the rest as they are needed.

import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { daemons, pools, repos } from '../data/queries.ts'
import { Button } from '../parts/button.tsx'
import { inputClass } from '../parts/field.tsx'
import { plural } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import type { Filter, FilterName } from './filter.ts'
import { isNarrowed, readFilter } from './filter.ts'

/** A pause in typing. */
const typingMs = 200

interface FiltersProps {
  readonly filter: Filter
  readonly total: number
}

export function Filters({ filter, total }: FiltersProps) {
  const navigate = useNavigate({ from: '/' })
  const [open, setOpen] = useState(() => Object.keys(filter).some((name) => name !== 'text'))
  const set = (name: FilterName, value: string) =>
    void navigate({ to: '/', search: readFilter({ ...filter, [name]: value }), replace: true })
  return (
    <div className="grid gap-2 px-3 py-2">
      <div className="flex items-center gap-2">
        <Search text={filter.text ?? ''} onText={(text) => set('text', text)} />
        <Button weight={open ? 'plain' : 'quiet'} aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name="filter" />
          <span className="max-sm:sr-only">Filter</span>
        </Button>
        {isNarrowed(filter) && (
          <Button weight="quiet" onClick={() => void navigate({ to: '/', search: {} })}>
            Clear
          </Button>
        )}
        <span className="ml-auto text-xs text-faint tabular-nums max-sm:hidden">{plural(total, 'task')}</span>
      </div>
      {open && <Rest filter={filter} set={set} />}
    </div>
  )
}

function Search({ text, onText }: { readonly text: string; readonly onText: (text: string) => void }) {
  const [typed, setTyped] = useState(text)
  useEffect(() => {
    setTyped(text)
  }, [text])
  useEffect(() => {
    if (typed === text) return
    const timer = setTimeout(() => onText(typed), typingMs)
    return () => clearTimeout(timer)
  }, [typed, text, onText])
  return (
    <div className="relative min-w-0 flex-1 sm:max-w-72">
      <Icon name="search" className="absolute top-1/2 left-2.5 size-3.5 -translate-y-1/2 text-faint" />
      <input
        id="board-search"
        type="search"
        aria-label="Search tasks"
        placeholder="Search tasks"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        className={`${inputClass} pl-8`}
      />
    </div>
  )
}

interface RestProps {
  readonly filter: Filter
  readonly set: (name: FilterName, value: string) => void
}

function Rest({ filter, set }: RestProps) {
  const hosts = useQuery(daemons).data ?? []
  const harnesses = [...new Set(hosts.flatMap((host) => host.harnesses.map((found) => found.name)))].sort()
  const known: readonly { name: FilterName; label: string; values: readonly string[] }[] = [
    { name: 'repo', label: 'Repository', values: (useQuery(repos).data ?? []).map((each) => each.slug) },
    { name: 'harness', label: 'Agent', values: harnesses },
    { name: 'pool', label: 'Pool', values: (useQuery(pools).data ?? []).map((each) => each.name) },
    { name: 'daemon', label: 'Host', values: hosts.map((host) => host.name) },
  ]
  return (
    <div className="flex flex-wrap gap-2">
      {known
        .filter(({ name, values }) => values.length > 0 || filter[name] !== undefined)
        .map(({ name, label, values }) => (
          <select
            key={name}
            aria-label={label}
            value={filter[name] ?? ''}
            onChange={(event) => set(name, event.target.value)}
            className={`${inputClass} w-auto max-w-48`}
          >
            <option value="">{label}: any</option>
            {[...new Set([...values, ...(filter[name] === undefined ? [] : [filter[name]])])].map((value) => (
              <option key={value} value={value}>
                {value}
              </option>
            ))}
          </select>
        ))}
      <Typed label="Label" value={filter.label ?? ''} onValue={(value) => set('label', value)} />
      <Typed label="Created by" value={filter.createdBy ?? ''} onValue={(value) => set('createdBy', value)} />
    </div>
  )
}

function Typed({
  label,
  value,
  onValue,
}: {
  readonly label: string
  readonly value: string
  readonly onValue: (value: string) => void
}) {
  return (
    <div className="w-36">
      <input
        aria-label={label}
        placeholder={label}
        defaultValue={value}
        onBlur={(event) => event.target.value !== value && onValue(event.target.value.trim())}
        onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
        className={inputClass}
      />
    </div>
  )
}
