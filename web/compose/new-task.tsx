// A new task: the prompt first, the choices a person makes each time under it, the rest folded.

import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import type { TaskCreate } from '../../src/protocol/task.ts'
import { daemons, models, pools, profiles, repos } from '../data/queries.ts'
import { useRights } from '../data/rights.ts'
import { saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Field, Select } from '../parts/field.tsx'
import { randomId } from '../parts/random-id.ts'
import { View } from '../shell/view.tsx'
import type { Attached, Attaching } from './attachments.tsx'
import { Attachments, useAttachments } from './attachments.tsx'
import type { Bind } from './choices.ts'
import { named } from './choices.ts'
import { Done } from './done.tsx'
import type { Draft } from './draft.ts'
import { keepDraft, nextDraft, readDraft, taskOf } from './draft.ts'
import { Rest } from './rest.tsx'
import { useTemplates } from './use-templates.tsx'

export function NewTask() {
  const [draft, setDraft] = useState(() => readDraft(new URLSearchParams(location.search)))
  useEffect(() => keepDraft(draft), [draft])
  const templates = useTemplates(draft, setDraft)
  const set: Bind = (name) => ({
    value: draft[name],
    onChange: ({ target: { value } }) => setDraft((before) => ({ ...before, [name]: value })),
  })
  const attaching = useAttachments()
  const { give, error, isPending } = useGiving(draft, attaching)
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
        <Prompt isScript={draft.harness === 'shell'} onFiles={attaching.add} {...set('prompt')} />
        <Attachments attaching={attaching} />
        <Choices draft={draft} set={set} />
        <Done set={set} />
        <Rest draft={draft} set={set} />
        {error !== null && (
          <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-bad">
            {saidBy(error)}
          </p>
        )}
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2 max-md:sticky max-md:bottom-0 max-md:-mx-4 max-md:border-t max-md:border-line max-md:bg-bg max-md:px-4 max-md:py-2">
          <Button
            type="submit"
            weight="main"
            disabled={draft.prompt.trim() === '' || isPending || attaching.busy}
            title="⌘ Enter"
          >
            {attaching.busy ? 'Uploading…' : 'Give the task'}
          </Button>
          <Button
            weight="quiet"
            onClick={() => {
              attaching.clear()
              templates.startOver()
            }}
          >
            Start over
          </Button>
          <NoHost />
          <span className="ml-auto text-xs text-faint max-sm:hidden">Kept here as you write</span>
        </div>
      </form>
    </View>
  )
}

function useGiving(draft: Draft, attaching: Attaching) {
  const navigate = useNavigate()
  const given = useRef({ words: '', idempotencyKey: '' })
  const { mutate, error, isPending } = useMutation({
    mutationFn: async () => {
      const body = { ...taskOf(draft), ...attachmentsOf(attaching.files) }
      // Another try of the same words is the same task, also where the answer was lost on the way; other words are another.
      const words = JSON.stringify(body)
      if (given.current.words !== words) given.current = { words, idempotencyKey: randomId() }
      return server.call('createTask', { body, idempotencyKey: given.current.idempotencyKey })
    },
    onSuccess: (task) => {
      keepDraft(nextDraft(draft))
      attaching.clear()
      void navigate({ to: '/tasks/$taskId', params: { taskId: task.id } })
    },
  })
  const give = () => {
    if (draft.prompt.trim() !== '' && !isPending && !attaching.busy) mutate()
  }
  return { give, error, isPending }
}

interface PromptProps extends ReturnType<Bind> {
  readonly isScript: boolean
  readonly onFiles: (files: Iterable<File>) => void
}

function Prompt({ isScript, onFiles, ...rest }: PromptProps) {
  return (
    <textarea
      // biome-ignore lint/a11y/noAutofocus: the prompt is what one comes here to write
      autoFocus
      aria-label="Prompt"
      rows={7}
      dir="auto"
      placeholder={
        isScript ? 'A shell script' : 'What should be done? Say what, why, and how you will know it is done.'
      }
      {...rest}
      onPaste={(event) => {
        if (event.clipboardData.files.length === 0) return
        event.preventDefault()
        onFiles(event.clipboardData.files)
      }}
      className={`field-grow min-h-40 w-full rounded-lg border border-strong bg-raised px-3 py-2.5 text-base max-md:text-lg ${isScript ? 'font-mono' : ''}`}
    />
  )
}

/** A task may be given at any time; that nobody is there to take it is worth knowing. */
function NoHost() {
  const { data: hosts } = useQuery(daemons)
  const { gives } = useRights()
  if (!gives) return <span className="text-xs text-needs">Giving tasks takes the role member; you may look.</span>
  if (hosts === undefined || hosts.some((host) => host.connected && !host.draining)) return null
  return (
    <span className="text-xs text-needs">
      No host is there to take it: it waits.{' '}
      <Link to="/fleet" className="underline">
        Fleet
      </Link>
    </span>
  )
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
