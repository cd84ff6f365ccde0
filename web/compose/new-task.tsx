// A new task: the prompt first, the choices a person makes each time under it, the rest folded.

import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useEffect, useRef, useState } from 'react'
import type { TaskCreate } from '../../src/protocol/task.ts'
import { daemons, models, pools, profiles, repos } from '../data/queries.ts'
import { saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Field, Select } from '../parts/field.tsx'
import { View } from '../shell/view.tsx'
import type { Attached } from './attachments.tsx'
import { Attachments, useAttachments } from './attachments.tsx'
import type { Bind } from './choices.ts'
import { named } from './choices.ts'
import type { Draft } from './draft.ts'
import { blank, keepDraft, nextDraft, readDraft, taskOf } from './draft.ts'
import { Rest } from './rest.tsx'
import type { Template } from './templates.ts'
import { applied, readTemplates } from './templates.ts'
import { TemplatesDialog } from './templates-dialog.tsx'

export function NewTask() {
  const navigate = useNavigate()
  const [draft, setDraft] = useState(() => readDraft(new URLSearchParams(location.search)))
  const idempotencyKey = useRef(crypto.randomUUID())
  useEffect(() => keepDraft(draft), [draft])
  const templates = useTemplates(draft, setDraft)
  const set: Bind = (name) => ({
    value: draft[name],
    onChange: ({ target: { value } }) => setDraft((before) => ({ ...before, [name]: value })),
  })
  const attaching = useAttachments()
  const { mutate, error, isPending } = useMutation({
    mutationFn: async () => {
      const body = { ...taskOf(draft), ...attachmentsOf(attaching.files) }
      return server.call('createTask', { body, idempotencyKey: idempotencyKey.current })
    },
    // Another try of the same words is the same task; other words are another.
    onError: () => {
      idempotencyKey.current = crypto.randomUUID()
    },
    onSuccess: (task) => {
      keepDraft(nextDraft(draft))
      void navigate({ to: '/tasks/$taskId', params: { taskId: task.id } })
    },
  })
  const give = () => {
    if (draft.prompt.trim() !== '' && !isPending && !attaching.busy) mutate()
  }
  return (
    <View
      title="New task"
      beside={
        <Button small weight="quiet" onClick={templates.open}>
          Templates
        </Button>
      }
    >
      {templates.shown}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          give()
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) give()
        }}
        className="grid gap-4"
      >
        <textarea
          // biome-ignore lint/a11y/noAutofocus: the prompt is what one comes here to write
          autoFocus
          aria-label="Prompt"
          rows={7}
          placeholder={
            draft.harness === 'shell'
              ? 'A shell script'
              : 'What should be done? Say what, why, and how you will know it is done.'
          }
          {...set('prompt')}
          onPaste={(event) => {
            if (event.clipboardData.files.length === 0) return
            event.preventDefault()
            attaching.add(event.clipboardData.files)
          }}
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            if (event.dataTransfer.files.length === 0) return
            event.preventDefault()
            attaching.add(event.dataTransfer.files)
          }}
          className={`w-full rounded-lg border border-strong bg-raised px-3 py-2.5 text-base max-md:text-lg ${draft.harness === 'shell' ? 'font-mono' : ''}`}
        />
        <Attachments attaching={attaching} />
        <Choices draft={draft} set={set} />
        <Rest draft={draft} set={set} />
        {error !== null && (
          <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-bad">
            {saidBy(error)}
          </p>
        )}
        <div className="flex items-center gap-3">
          <Button type="submit" weight="main" disabled={draft.prompt.trim() === '' || isPending} title="⌘ Enter">
            Give the task
          </Button>
          <Button weight="quiet" onClick={() => setDraft(blank)}>
            Start over
          </Button>
          <span className="ml-auto text-xs text-faint max-sm:hidden">Kept here as you write</span>
        </div>
      </form>
    </View>
  )
}

/** Templates of this browser: chosen here, or by the address `?template=ID`, which ⌘K opens. */
function useTemplates(draft: Draft, setDraft: (draft: Draft) => void): { open: () => void; shown: ReactNode } {
  const navigate = useNavigate()
  const { template: wanted } = useSearch({ from: '/new' })
  const [open, setOpen] = useState(false)
  const [used, setUsed] = useState<{ readonly name: string; readonly before: Draft } | null>(null)
  const use = (template: Template) => {
    setUsed({ name: template.name, before: draft })
    setDraft(applied(template, draft))
    setOpen(false)
  }
  const latest = useRef(use)
  latest.current = use
  useEffect(() => {
    const found = readTemplates().find((each) => each.id === wanted)
    if (found !== undefined) latest.current(found)
    // What the address said is in the form now: a reload keeps what was written since.
    if (location.search !== '') void navigate({ to: '/new', search: {}, replace: true })
  }, [wanted, navigate])
  const undo = () => {
    if (used !== null) setDraft(used.before)
    setUsed(null)
  }
  const shown = (
    <>
      {used !== null && (
        <p role="status" className="flex min-h-8 items-center gap-2 rounded-md bg-panel px-3 text-muted">
          <span className="min-w-0 flex-1 truncate">Filled in from “{used.name}”</span>
          <Button small weight="quiet" onClick={undo}>
            Undo
          </Button>
        </p>
      )}
      {open && <TemplatesDialog draft={draft} onPick={use} onClose={() => setOpen(false)} />}
    </>
  )
  return { open: () => setOpen(true), shown }
}

function attachmentsOf(files: readonly Attached[]): Pick<TaskCreate, 'attachments'> {
  return files.length === 0 ? {} : { attachments: files.map(({ name, cid }) => ({ name, cid })) }
}

function Choices({ draft, set }: { readonly draft: Draft; readonly set: Bind }) {
  const hosts = useQuery(daemons).data ?? []
  const found = hosts.filter((host) => host.connected).flatMap((host) => host.harnesses.filter((each) => each.ready))
  const agents = [...new Set(found.map((each) => each.name))].sort()
  return (
    <div className="grid grid-cols-2 gap-3 md:grid-cols-3">
      <Select
        label="Repository"
        choices={named(
          'None: an empty folder',
          (useQuery(repos).data ?? []).map((each) => each.slug),
          draft.repo,
        )}
        {...set('repo')}
      />
      <Select label="Agent" choices={named('The host’s first', agents, draft.harness)} {...set('harness')} />
      <Field label="Model" placeholder="The agent’s own" list="models" {...set('model')} />
      <datalist id="models">
        {(useQuery(models).data ?? []).map((model) => (
          <option key={model.id} value={model.name}>
            {model.displayName}
          </option>
        ))}
      </datalist>
      <Select
        label="Profile"
        choices={named(
          'Any',
          (useQuery(profiles).data ?? []).map((each) => each.name),
          draft.profile,
        )}
        {...set('profile')}
      />
      <Select
        label="Pool"
        choices={named(
          'Any host',
          (useQuery(pools).data ?? []).map((each) => each.name),
          draft.pool,
        )}
        {...set('pool')}
      />
      <Field label="Base" placeholder="The checkout’s HEAD" {...set('base')} />
    </div>
  )
}
