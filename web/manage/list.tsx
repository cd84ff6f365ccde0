// A list of things that may be changed and removed, and the sentence that says why one may not.

import type { ReactNode } from 'react'
import { useState } from 'react'
import { cache, saidBy } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Card } from '../shell/view.tsx'

interface SectionProps {
  readonly title: string
  /** What these things are and what for: said always, as it teaches most where the list is empty. */
  readonly about: ReactNode
  readonly beside?: ReactNode
  readonly children: ReactNode
}

export function Section({ title, about, beside, children }: SectionProps) {
  return (
    <Card title={title} beside={beside}>
      <p className="max-w-prose text-muted">{about}</p>
      {children}
    </Card>
  )
}

interface EntryProps {
  readonly name: string
  readonly queryKey: readonly string[]
  /** Null: the person may not. */
  readonly remove: (() => Promise<unknown>) | null
  readonly verb?: string
  /** Shown in its place while it is changed; gets what ends that. */
  readonly editor?: ((done: () => void) => ReactNode) | null
  readonly children: ReactNode
}

/** Removing takes two presses: the second says what it does. */
export function Entry({ name, queryKey, remove, verb = 'Remove', editor = null, children }: EntryProps) {
  const [editing, setEditing] = useState(false)
  const [sure, setSure] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const act = async () => {
    if (!sure) return setSure(true)
    try {
      await remove?.()
      await cache.invalidateQueries({ queryKey })
    } catch (error) {
      setProblem(saidBy(error))
      setSure(false)
    }
  }
  if (editing && editor !== null) return <li className="py-2">{editor(() => setEditing(false))}</li>
  return (
    <li className="grid gap-1 border-t border-line py-2 first:border-t-0 first:pt-0">
      <div className="flex items-start gap-1">
        <div className="grid min-w-0 flex-1 gap-0.5">{children}</div>
        {editor !== null && (
          <Button small weight="quiet" onClick={() => setEditing(true)} aria-label={`Edit ${name}`}>
            Edit
          </Button>
        )}
        {remove !== null && (
          <Button
            small
            weight={sure ? 'danger' : 'quiet'}
            onClick={() => void act()}
            onBlur={() => setSure(false)}
            aria-label={`${verb} ${name}`}
          >
            {sure ? `${verb} for good` : verb}
          </Button>
        )}
      </div>
      {problem !== null && (
        <p role="alert" className="text-xs text-bad">
          {problem}
        </p>
      )}
    </li>
  )
}
