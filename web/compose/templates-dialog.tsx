// Templates: take one, keep what is written as one, rename, delete.

import type { FormEvent } from 'react'
import { useState } from 'react'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Field, inputClass } from '../parts/field.tsx'
import type { Draft } from './draft.ts'
import { blank } from './draft.ts'
import type { Template } from './templates.ts'
import { deleteTemplate, readTemplates, renameTemplate, saveTemplate } from './templates.ts'

interface TemplatesProps {
  readonly draft: Draft
  readonly onPick: (template: Template) => void
  readonly onClose: () => void
}

export function TemplatesDialog({ draft, onPick, onClose }: TemplatesProps) {
  const [all, setAll] = useState(readTemplates)
  return (
    <Dialog title="Templates" onClose={onClose}>
      {all.length === 0 ? (
        <p className="text-muted">
          A template keeps what you fill in again and again: the repository, the agent, the checks, how you word it.
          Fill in the form, then keep it here under a name.
          <span className="max-md:hidden">
            {' '}
            Next time <Shortcut /> and the first letters of the name are enough.
          </span>
        </p>
      ) : (
        <ul className="-mx-2">
          {all.map((template) => (
            <Row key={template.id} template={template} onPick={onPick} onChange={setAll} />
          ))}
        </ul>
      )}
      <Keep draft={draft} all={all} onKept={setAll} />
      <p className="text-xs text-faint">
        {all.length > 0 && (
          <span className="max-md:hidden">
            <Shortcut /> finds them by name.{' '}
          </span>
        )}
        Kept in this browser.
      </p>
    </Dialog>
  )
}

function Shortcut() {
  return <kbd className="rounded border border-line bg-panel px-1 font-mono text-xs">⌘K</kbd>
}

interface RowProps {
  readonly template: Template
  readonly onPick: (template: Template) => void
  readonly onChange: (all: readonly Template[]) => void
}

function Row({ template, onPick, onChange }: RowProps) {
  const [doing, setDoing] = useState<'rename' | 'delete' | null>(null)
  if (doing === 'rename')
    return (
      <Rename
        template={template}
        onCancel={() => setDoing(null)}
        onRenamed={(all) => {
          onChange(all)
          setDoing(null)
        }}
      />
    )
  const sure = doing === 'delete'
  return (
    <li className="flex items-center gap-1">
      <button
        type="button"
        onClick={() => onPick(template)}
        className="grid min-w-0 flex-1 rounded-md px-2 py-1.5 text-left hover:bg-calm-soft"
      >
        <span className="truncate font-medium">{template.name}</span>
        <span className="truncate text-xs text-muted">{summary(template.draft)}</span>
      </button>
      <Button small weight="quiet" onClick={() => setDoing('rename')} aria-label={`Rename ${template.name}`}>
        Rename
      </Button>
      <Button
        small
        weight={sure ? 'danger' : 'quiet'}
        onClick={() => (sure ? onChange(deleteTemplate(template.id)) : setDoing('delete'))}
        onBlur={() => setDoing(null)}
        aria-label={sure ? `Delete ${template.name} for good` : `Delete ${template.name}`}
      >
        {sure ? 'For good' : 'Delete'}
      </Button>
    </li>
  )
}

function summary({ repo, harness, model, profile, prompt }: Draft): string {
  const said = [repo, harness, model, profile, prompt.split('\n')[0]?.slice(0, 120) ?? '']
  return said.filter((each) => each !== '').join(' · ')
}

interface RenameProps {
  readonly template: Template
  readonly onRenamed: (all: readonly Template[]) => void
  readonly onCancel: () => void
}

function Rename({ template, onRenamed, onCancel }: RenameProps) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const name = String(new FormData(event.currentTarget).get('name')).trim()
    if (name !== '') onRenamed(renameTemplate(template.id, name))
  }
  return (
    <li>
      <form onSubmit={submit} className="flex items-center gap-1 px-2 py-1.5">
        <input
          // biome-ignore lint/a11y/noAutofocus: renaming was asked for a moment ago
          autoFocus
          name="name"
          required
          maxLength={80}
          defaultValue={template.name}
          aria-label={`New name of ${template.name}`}
          onFocus={(event) => event.target.select()}
          className={inputClass}
        />
        <Button small type="submit">
          Save
        </Button>
        <Button small weight="quiet" onClick={onCancel}>
          Cancel
        </Button>
      </form>
    </li>
  )
}

interface KeepProps {
  readonly draft: Draft
  readonly all: readonly Template[]
  readonly onKept: (all: readonly Template[]) => void
}

function Keep({ draft, all, onKept }: KeepProps) {
  const [name, setName] = useState('')
  const empty = Object.keys(blank).every((field) => {
    const each = field as keyof Draft // the keys of a Draft
    return draft[each] === blank[each]
  })
  const replaces = all.some((each) => each.name === name.trim())
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    if (name.trim() === '') return
    onKept(saveTemplate(name.trim(), draft))
    setName('')
  }
  return (
    <form onSubmit={submit} className="grid grid-cols-[1fr_auto] items-end gap-2">
      <Field
        label="Keep the form as"
        value={name}
        required
        maxLength={80}
        disabled={empty}
        placeholder={empty ? 'Nothing is filled in yet' : 'Fix a bug'}
        onChange={(event) => setName(event.target.value)}
      />
      <Button type="submit" disabled={empty}>
        {replaces ? 'Replace' : 'Keep'}
      </Button>
    </form>
  )
}
