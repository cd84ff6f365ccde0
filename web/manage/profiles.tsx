// Profiles: runtime settings with a name, so that tasks need not repeat them.

import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { ProfileView } from '../../src/protocol/fleet.ts'
import type { BodyIn } from '../../src/protocol/operations.ts'
import { profiles } from '../data/queries.ts'
import { server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Field } from '../parts/field.tsx'
import { Ago } from '../parts/time.tsx'
import { Entry, Section } from './list.tsx'
import { MakeForm } from './make-form.tsx'

export function Profiles({ admin }: { readonly admin: boolean }) {
  const all = useQuery(profiles).data ?? []
  const [adding, setAdding] = useState(false)
  return (
    <Section
      title="Profiles"
      about="A profile names an agent, a model and limits once. Hosts serve the profiles they are given; tasks name the ones they want."
      beside={
        admin && !adding ? (
          <Button small onClick={() => setAdding(true)}>
            New profile
          </Button>
        ) : null
      }
    >
      {adding && <Editor profile={null} onDone={() => setAdding(false)} />}
      <ul>
        {all.map((profile) => (
          <Entry
            key={profile.id}
            name={profile.name}
            queryKey={['profiles']}
            remove={admin ? () => server.call('removeProfile', { params: { id: profile.id } }) : null}
            editor={admin ? (done) => <Editor profile={profile} onDone={done} /> : null}
          >
            <Profile profile={profile} />
          </Entry>
        ))}
      </ul>
    </Section>
  )
}

function Profile({
  profile: { name, version, updatedAt, settings, warnings = [] },
}: {
  readonly profile: ProfileView
}) {
  const { harness, model, autonomy, description, requiredTools } = settings
  const said = [harness, model, autonomy, requiredTools?.join(' '), description]
  return (
    <>
      <span className="flex flex-wrap items-baseline gap-x-2">
        <span className="font-medium">{name}</span>
        <span className="text-xs text-faint">
          version {version}, <Ago at={updatedAt} />
        </span>
      </span>
      <span className="text-xs text-muted [overflow-wrap:anywhere]">
        {said.filter((each) => each !== undefined && each !== '').join(' · ')}
      </span>
      {warnings.map((warning) => (
        <span key={warning} className="text-xs text-needs [overflow-wrap:anywhere]">
          {warning}
        </span>
      ))}
    </>
  )
}

interface EditorProps {
  readonly profile: ProfileView | null
  readonly onDone: () => void
}

/** The settings as JSON: every field of the format, not the few a form would have. */
function Editor({ profile, onDone }: EditorProps) {
  const id = useId()
  const settings = JSON.stringify(profile?.settings ?? { harness: 'claude-code', model: 'sonnet' }, null, 2)
  return (
    <MakeForm
      label={profile === null ? 'New profile' : `Change ${profile.name}`}
      verb={profile === null ? 'Make profile' : 'Save as a new version'}
      queryKey={['profiles']}
      make={(given) => {
        const body = { ...objectOf(given('settings')), name: given('name') } as BodyIn<'createProfile'> // the server checks it field by field
        if (profile === null) return server.call('createProfile', { body })
        return server.call('replaceProfile', { params: { id: profile.id }, body })
      }}
      onMade={onDone}
      onCancel={onDone}
    >
      <Field label="Name" name="name" required defaultValue={profile?.name} placeholder="careful" />
      <div className="grid gap-1">
        <label htmlFor={id} className="text-xs font-medium text-muted">
          Settings
        </label>
        <textarea
          id={id}
          name="settings"
          rows={Math.min(24, Math.max(7, settings.split('\n').length + 1))}
          spellCheck={false}
          aria-describedby={`${id}h`}
          defaultValue={settings}
          className="w-full rounded-md border border-line bg-raised px-2.5 py-1.5 font-mono text-xs max-md:text-lg"
        />
        <p id={`${id}h`} className="text-xs text-faint">
          As JSON: harness, model, autonomy (full, edit, ask), thinkingLevel, maxTurns, runningTimeoutMs, requiredTools,
          sandbox, autoApprove and more: createProfile in{' '}
          <a href="/openapi.json" className="underline">
            openapi.json
          </a>{' '}
          has them all.
        </p>
      </div>
    </MakeForm>
  )
}

/** Throws a sentence. */
function objectOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (error) {
    throw new Error(`Settings: this is not JSON (${error instanceof Error ? error.message : String(error)})`)
  }
  throw new Error('Settings: it must be a JSON object, such as {"harness": "codex"}')
}
