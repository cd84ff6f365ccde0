// Form fields: a label, the field, a hint; all tied together for screen readers.

import type { ComponentProps, ReactNode } from 'react'
import { useId } from 'react'

export const inputClass =
  'w-full rounded-md border border-line bg-raised px-2.5 text-text hover:border-strong h-8 max-md:h-10 max-md:text-lg'

interface Labelled {
  readonly label: string
  readonly hint?: ReactNode
}

export function Field({ label, hint, ...rest }: Labelled & ComponentProps<'input'>) {
  const id = useId()
  return (
    <div className="grid content-start gap-1">
      <label htmlFor={id} className="text-xs font-medium text-muted">
        {label}
      </label>
      <input
        id={id}
        autoComplete="off"
        aria-describedby={hint === undefined ? undefined : `${id}h`}
        {...rest}
        className={inputClass}
      />
      <Hint id={`${id}h`} text={hint} />
    </div>
  )
}

interface Choice {
  readonly value: string
  readonly label: string
}

export function Select({
  label,
  hint,
  choices,
  ...rest
}: Labelled & { readonly choices: readonly Choice[] } & ComponentProps<'select'>) {
  const id = useId()
  return (
    <div className="grid content-start gap-1">
      <label htmlFor={id} className="text-xs font-medium text-muted">
        {label}
      </label>
      <select
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}h`}
        {...rest}
        className={`${inputClass} pr-7`}
      >
        {choices.map(({ value, label: shown }) => (
          <option key={value} value={value}>
            {shown}
          </option>
        ))}
      </select>
      <Hint id={`${id}h`} text={hint} />
    </div>
  )
}

function Hint({ id, text }: { readonly id: string; readonly text: ReactNode }) {
  if (text === undefined) return null
  return (
    <p id={id} className="text-xs text-faint">
      {text}
    </p>
  )
}
