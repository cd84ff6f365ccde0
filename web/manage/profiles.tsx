// Profiles: runtime settings with a name, so that tasks need not repeat them.

import { useMutation, useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { useState } from 'react'
import type { ProfileView } from '../../src/protocol/fleet.ts'
import type { BodyIn } from '../../src/protocol/operations.ts'
import { profiles } from '../data/queries.ts'
import { cache, saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Field } from '../parts/field.tsx'
import { Card } from '../shell/view.tsx'
import { Removable } from './list.tsx'

export function Profiles({ admin }: { readonly admin: boolean }) {
  const all = useQuery(profiles).data ?? []
  const [editing, setEditing] = useState<ProfileView | 'new' | null>(null)
  return (
    <Card
      title="Profiles"
      beside={
        admin && editing === null ? (
          <Button small onClick={() => setEditing('new')}>
            New profile
          </Button>
        ) : null
      }
    >
      {all.length === 0 && editing === null && (
        <p className="text-muted">
          A profile names an agent, a model and limits once; hosts serve the profiles they are given, tasks name the
          ones they want.
        </p>
      )}
      <ul>
        {all.map((profile) => (
          <Removable
            key={profile.id}
            name={profile.name}
            queryKey={['profiles']}
            remove={admin ? () => server.call('removeProfile', { params: { id: profile.id } }) : null}
          >
            <span className="flex items-baseline gap-2">
              <button
                type="button"
                disabled={!admin}
                className="font-medium enabled:hover:underline"
                onClick={() => setEditing(profile)}
              >
                {profile.name}
              </button>
              <span className="text-xs text-faint">version {profile.version}</span>
            </span>
            <span className="text-xs text-muted [overflow-wrap:anywhere]">{summary(profile)}</span>
          </Removable>
        ))}
      </ul>
      {editing !== null && (
        <Editor
          key={editing === 'new' ? 'new' : editing.id}
          profile={editing === 'new' ? null : editing}
          onDone={() => setEditing(null)}
        />
      )}
    </Card>
  )
}

function summary({ settings }: ProfileView): string {
  const { harness, model, autonomy, description, requiredTools } = settings
  return [harness, model, autonomy, requiredTools?.join(' '), description]
    .filter((each) => each !== undefined && each !== '')
    .join(' · ')
}

interface EditorProps {
  readonly profile: ProfileView | null
  readonly onDone: () => void
}

/** The settings as JSON: every field of the format, not the few a form would have. */
function Editor({ profile, onDone }: EditorProps) {
  const { mutate, error, isPending } = useMutation({
    mutationFn: ({ name, settings }: { name: string; settings: string }) => {
      const parsed: unknown = JSON.parse(settings)
      const body = { ...(parsed as object), name } as BodyIn<'createProfile'> // the server checks it field by field
      if (profile === null) return server.call('createProfile', { body })
      return server.call('replaceProfile', { params: { id: profile.id }, body })
    },
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ['profiles'] })
      onDone()
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    mutate({ name: String(form.get('name')), settings: String(form.get('settings')) })
  }
  return (
    <form onSubmit={submit} className="grid gap-3 rounded-md bg-panel p-3">
      <Field label="Name" name="name" required defaultValue={profile?.name ?? ''} placeholder="careful" />
      <div className="grid gap-1">
        <label htmlFor="settings" className="text-xs font-medium text-muted">
          Settings
        </label>
        <textarea
          id="settings"
          name="settings"
          rows={7}
          spellCheck={false}
          defaultValue={JSON.stringify(profile?.settings ?? { harness: 'claude-code', model: 'sonnet' }, null, 2)}
          className="w-full rounded-md border border-line bg-raised px-2.5 py-1.5 font-mono text-xs"
        />
      </div>
      {error !== null && (
        <p role="alert" className="text-xs text-bad">
          {saidBy(error)}
        </p>
      )}
      <div className="flex gap-2">
        <Button type="submit" weight="main" disabled={isPending}>
          {profile === null ? 'Make profile' : 'Save as a new version'}
        </Button>
        <Button weight="quiet" onClick={onDone}>
          Cancel
        </Button>
      </div>
    </form>
  )
}
