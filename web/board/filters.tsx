// Narrowing the board: words first, the rest as they are needed.

import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useId, useState } from 'react'
import type { BoardColumn } from '../../src/protocol/board.ts'
import { daemons, members, pools, repos } from '../data/queries.ts'
import { Button } from '../parts/button.tsx'
import { inputClass } from '../parts/field.tsx'
import { plural, who } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import type { Filter, FilterName } from './filter.ts'
import { isNarrowed, readFilter } from './filter.ts'

/** A pause in typing. */
const typingMs = 200

interface FiltersProps {
  readonly filter: Filter
  readonly total: number
  /** What is on show: their labels are suggested. */
  readonly columns: readonly BoardColumn[]
}

export function Filters({ filter, total, columns }: FiltersProps) {
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
      {open && <Rest filter={filter} set={set} columns={columns} />}
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

interface RestProps extends Pick<FiltersProps, 'filter' | 'columns'> {
  readonly set: (name: FilterName, value: string) => void
}

interface Choice {
  readonly value: string
  readonly shown: string
}

function plain(values: readonly string[]): Choice[] {
  return values.map((value) => ({ value, shown: value }))
}

function Rest({ filter, columns, set }: RestProps) {
  const hosts = useQuery(daemons).data ?? []
  const harnesses = [...new Set(hosts.flatMap((host) => host.harnesses.map((found) => found.name)))].sort()
  const labels = new Set(columns.flatMap((column) => column.items.flatMap((card) => card.labels)))
  const known: readonly { name: FilterName; label: string; choices: readonly Choice[] }[] = [
    { name: 'repo', label: 'Repository', choices: plain((useQuery(repos).data ?? []).map((each) => each.slug)) },
    { name: 'harness', label: 'Agent', choices: plain(harnesses) },
    { name: 'pool', label: 'Pool', choices: plain((useQuery(pools).data ?? []).map((each) => each.name)) },
    { name: 'daemon', label: 'Host', choices: hosts.map(({ id, name }) => ({ value: id, shown: name })) },
    {
      name: 'createdBy',
      label: 'Given by',
      choices: (useQuery(members).data ?? []).map(({ name }) => ({ value: `user:${name}`, shown: name })),
    },
  ]
  return (
    <div className="grid grid-cols-2 gap-2 sm:flex sm:flex-wrap">
      {known
        .filter(({ name, choices }) => choices.length > 0 || filter[name] !== undefined)
        .map(({ name, label, choices }) => (
          <Chosen
            key={name}
            label={label}
            choices={choices}
            value={filter[name] ?? ''}
            onValue={(value) => set(name, value)}
          />
        ))}
      <Label value={filter.label ?? ''} known={[...labels].sort()} onValue={(value) => set('label', value)} />
    </div>
  )
}

interface ChosenProps {
  readonly label: string
  readonly choices: readonly Choice[]
  readonly value: string
  readonly onValue: (value: string) => void
}

function Chosen({ label, choices, value, onValue }: ChosenProps) {
  // A name in a kept address, or one that is gone.
  const unknown = value !== '' && choices.every((each) => each.value !== value)
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => onValue(event.target.value)}
      className={`${inputClass} sm:w-auto sm:max-w-48 ${value === '' ? '' : 'border-accent'}`}
    >
      <option value="">{label}: any</option>
      {[...choices, ...(unknown ? [{ value, shown: who(value) }] : [])].map((each) => (
        <option key={each.value} value={each.value}>
          {each.shown}
        </option>
      ))}
    </select>
  )
}

interface LabelProps {
  readonly value: string
  readonly known: readonly string[]
  readonly onValue: (value: string) => void
}

function Label({ value, known, onValue }: LabelProps) {
  const id = useId()
  return (
    <div className="sm:w-36">
      <input
        key={value}
        aria-label="Label"
        placeholder="Label: any"
        list={id}
        defaultValue={value}
        onChange={(event) => known.includes(event.target.value) && onValue(event.target.value)}
        onBlur={(event) => event.target.value !== value && onValue(event.target.value.trim())}
        onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
        className={`${inputClass} ${value === '' ? '' : 'border-accent'}`}
      />
      <datalist id={id}>
        {known.map((label) => (
          <option key={label} value={label} />
        ))}
      </datalist>
    </div>
  )
}
