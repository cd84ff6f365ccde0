// Filling the form in from a template, and having back what that replaced.

import { useNavigate, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useEffect, useRef, useState } from 'react'
import { Button } from '../parts/button.tsx'
import type { Draft } from './draft.ts'
import { blank } from './draft.ts'
import type { Template } from './templates.ts'
import { applied, readTemplates } from './templates.ts'
import { TemplatesDialog } from './templates-dialog.tsx'

export interface Templates {
  readonly open: () => void
  readonly startOver: () => void
  readonly shown: ReactNode
}

/** Templates of this browser: chosen here, or by the address `?template=ID`, which ⌘K opens. What was replaced can be had back. */
export function useTemplates(draft: Draft, setDraft: (draft: Draft) => void): Templates {
  const navigate = useNavigate()
  const { template: wanted } = useSearch({ from: '/new' })
  const [open, setOpen] = useState(false)
  const [replaced, setReplaced] = useState<{ readonly said: string; readonly before: Draft } | null>(null)
  const replace = (next: Draft, said: string) => {
    setReplaced({ said, before: draft })
    setDraft(next)
    setOpen(false)
  }
  const use = (template: Template) => replace(applied(template, draft), `Filled in from “${template.name}”`)
  const latest = useRef(use)
  latest.current = use
  useEffect(() => {
    const found = readTemplates().find((each) => each.id === wanted)
    if (found !== undefined) latest.current(found)
    // What the address said is in the form now: a reload keeps what was written since.
    if (location.search !== '') void navigate({ to: '/new', search: {}, replace: true })
  }, [wanted, navigate])
  const undo = () => {
    if (replaced !== null) setDraft(replaced.before)
    setReplaced(null)
  }
  const shown = (
    <>
      {replaced !== null && (
        <p role="status" className="flex min-h-8 items-center gap-2 rounded-md bg-panel px-3 text-muted">
          <span className="min-w-0 flex-1 truncate">{replaced.said}</span>
          <Button small weight="quiet" onClick={undo}>
            Undo
          </Button>
        </p>
      )}
      {open && <TemplatesDialog draft={draft} onPick={use} onClose={() => setOpen(false)} />}
    </>
  )
  return { open: () => setOpen(true), startOver: () => replace(blank, 'Everything is blank again'), shown }
}
