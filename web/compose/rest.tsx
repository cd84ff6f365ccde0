// The rest of a task's fields, folded until one is needed.

import { useQuery } from '@tanstack/react-query'
import { daemons } from '../data/queries.ts'
import { Field, Select } from '../parts/field.tsx'
import { Icon } from '../parts/icon.tsx'
import type { Bind } from './choices.ts'
import { named } from './choices.ts'
import type { Draft } from './draft.ts'
import { blank } from './draft.ts'

const inSight: readonly (keyof Draft)[] = [
  ...(['prompt', 'repo', 'harness', 'model', 'profile', 'pool', 'base'] as const),
  ...(['expect', 'review', 'checks'] as const),
]

export function Rest({ draft, set }: { readonly draft: Draft; readonly set: Bind }) {
  const used = Object.keys(blank).some((name) => {
    const key = name as keyof Draft // the keys of a Draft
    return !inSight.includes(key) && draft[key] !== blank[key]
  })
  return (
    <details open={used} className="group rounded-lg border border-line">
      <summary className="flex h-10 list-none items-center gap-2 px-3 font-medium text-muted hover:text-text">
        <Icon name="right" className="size-3.5 transition-transform group-open:rotate-90" />
        Autonomy, limits, time, and the rest
      </summary>
      <div className="grid gap-3 border-t border-line p-3 sm:grid-cols-2 md:grid-cols-3">
        <Select
          label="Autonomy"
          choices={[
            { value: '', label: 'Full' },
            { value: 'edit', label: 'Edit files, ask for the rest' },
            { value: 'ask', label: 'Ask for everything' },
          ]}
          {...set('autonomy')}
        />
        <Select
          label="Terminal"
          choices={[
            { value: '', label: 'None: the agent works by itself' },
            { value: 'yes', label: 'I join it and work along' },
          ]}
          {...set('interactive')}
        />
        <Select
          label="Host"
          choices={named(
            'Any that fits',
            (useQuery(daemons).data ?? []).map((host) => host.name),
            draft.daemon,
          )}
          {...set('daemon')}
        />
        <Select
          label="Workspace"
          choices={[
            { value: '', label: 'A worktree of its own' },
            { value: 'shared', label: 'Shared: the checkout itself' },
            { value: 'scratch', label: 'Scratch: an empty folder' },
          ]}
          {...set('mode')}
        />
        <Field label="Title" placeholder="The prompt’s first line" {...set('title')} />
        <Field label="Labels" placeholder="infra, flaky" {...set('labels')} />
        <Field label="Priority" placeholder="0" inputMode="numeric" hint="Higher first" {...set('priority')} />
        <Field label="Attempts" placeholder="3" inputMode="numeric" {...set('attempts')} />
        <Field label="Agent time, minutes" placeholder="120" inputMode="numeric" {...set('timeoutMinutes')} />
        <Field label="Cost limit, $" placeholder="None" inputMode="decimal" {...set('maxCost')} />
        <Field label="Not before" type="datetime-local" {...set('runAt')} />
      </div>
    </details>
  )
}
