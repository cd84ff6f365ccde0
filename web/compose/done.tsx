// What counts as done: what must have come of it, who looks at it, the commands that must succeed.

import { useId } from 'react'
import { Select } from '../parts/field.tsx'
import type { Bind } from './choices.ts'

export function Done({ set }: { readonly set: Bind }) {
  return (
    <div className="grid grid-cols-2 gap-3 md:grid-cols-3">
      <Select
        label="Completion needs"
        choices={[
          { value: '', label: 'Nothing in particular' },
          { value: 'changes', label: 'Changed files' },
          { value: 'output', label: 'Output' },
        ]}
        {...set('expect')}
      />
      <Select
        label="Review"
        choices={[
          { value: 'required', label: 'I review it' },
          { value: 'none', label: 'None: done when it is done' },
        ]}
        {...set('review')}
      />
      <Checks {...set('checks')} />
    </div>
  )
}

function Checks(props: ReturnType<Bind>) {
  const id = useId()
  return (
    <div className="grid gap-1 max-md:col-span-2">
      <label htmlFor={id} className="text-xs font-medium text-muted">
        Checks, one command per line
      </label>
      <textarea
        id={id}
        rows={2}
        placeholder="tests: npm test"
        {...props}
        className="w-full rounded-md border border-line bg-raised px-2.5 py-1.5 font-mono text-xs hover:border-strong max-md:text-lg"
      />
    </div>
  )
}
