// What binds a draft's field to its input, and the lists that fields choose from.

import type { ChangeEvent } from 'react'
import type { Draft } from './draft.ts'

export type Bind = (name: keyof Draft) => {
  readonly value: string
  readonly onChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>) => void
}

/** The choices, with one that is set but not known here any more. */
export function named(none: string, values: readonly string[], chosen: string): { value: string; label: string }[] {
  const all = [...new Set([...values, chosen].filter((value) => value !== ''))]
  return [{ value: '', label: none }, ...all.map((value) => ({ value, label: value }))]
}
