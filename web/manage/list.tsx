// A list of things that can be removed, and the sentence that says why one cannot.

import type { ReactNode } from 'react'
import { useState } from 'react'
import { cache, saidBy } from '../data/server.ts'
import { Button } from '../parts/button.tsx'

interface RemovableProps {
  readonly name: string
  readonly queryKey: readonly string[]
  /** Null: the person may not. */
  readonly remove: (() => Promise<unknown>) | null
  readonly verb?: string
  readonly children: ReactNode
}

/** Removing takes two presses: the second says what it does. */
export function Removable({ name, queryKey, remove, verb = 'Remove', children }: RemovableProps) {
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
  return (
    <li className="grid gap-1 border-t border-line py-2 first:border-t-0 first:pt-0">
      <div className="flex items-start gap-3">
        <div className="grid min-w-0 flex-1 gap-0.5">{children}</div>
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
