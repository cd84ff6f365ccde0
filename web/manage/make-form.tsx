// A form that makes or changes one thing: its fields, one press, and the sentence that says why it was refused.

import { useMutation } from '@tanstack/react-query'
import type { FormEvent, ReactNode } from 'react'
import { cache, saidBy } from '../data/server.ts'
import { Button } from '../parts/button.tsx'

/** What a person gave in the field of that name, without spaces around it. */
export type Given = (name: string) => string

interface MakeFormProps {
  /** Its name to those who cannot see it. */
  readonly label: string
  readonly verb: string
  /** The list that has it. */
  readonly queryKey: readonly string[]
  /** May throw a sentence for a field. */
  readonly make: (given: Given) => Promise<unknown>
  readonly onMade?: () => void
  readonly onCancel?: () => void
  readonly children: ReactNode
}

export function MakeForm({ label, verb, queryKey, make, onMade, onCancel, children }: MakeFormProps) {
  const { mutate, error, isPending } = useMutation({
    mutationFn: async (given: FormData) => make((name) => String(given.get(name) ?? '').trim()),
    onSuccess: () => cache.invalidateQueries({ queryKey }),
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const onSuccess = () => {
      form.reset()
      onMade?.()
    }
    mutate(new FormData(form), { onSuccess })
  }
  return (
    <form
      aria-label={label}
      onSubmit={submit}
      className="grid grid-cols-[minmax(0,1fr)] gap-3 rounded-md border border-line bg-panel p-3"
    >
      {children}
      {error !== null && (
        <p role="alert" className="text-xs text-bad">
          {saidBy(error)}
        </p>
      )}
      <div className="flex gap-2">
        <Button type="submit" weight={onCancel === undefined ? 'plain' : 'main'} disabled={isPending}>
          {verb}
        </Button>
        {onCancel !== undefined && (
          <Button weight="quiet" onClick={onCancel}>
            Cancel
          </Button>
        )}
      </div>
    </form>
  )
}
