// Tasks that are given again and again: drafts under a name, kept in this browser.

import { randomId } from '../parts/random-id.ts'
import type { Draft } from './draft.ts'
import { blank } from './draft.ts'

export interface Template {
  readonly id: string
  readonly name: string
  readonly draft: Draft
}

const key = 'capstan.templates'

/** By name. */
export function readTemplates(): readonly Template[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? '[]')
    if (!Array.isArray(kept)) return []
    // A field that came later is blank in a template from before.
    return kept
      .filter(isTemplate)
      .map((each) => ({ ...each, draft: { ...blank, ...each.draft } }))
      .sort((a, b) => a.name.localeCompare(b.name))
  } catch {
    return [] // somebody else's bytes under our key
  }
}

/** Keeps the draft under the name; one of that name is replaced. */
export function saveTemplate(name: string, draft: Draft): readonly Template[] {
  const others = readTemplates()
  const id = others.find((each) => each.name === name)?.id ?? randomId()
  // A time that was chosen once is over the next time.
  return write([...others.filter((each) => each.id !== id), { id, name, draft: { ...draft, runAt: '' } }])
}

/** Another template of the new name is replaced. */
export function renameTemplate(id: string, name: string): readonly Template[] {
  return write(
    readTemplates()
      .filter((each) => each.id === id || each.name !== name)
      .map((each) => (each.id === id ? { ...each, name } : each)),
  )
}

export function deleteTemplate(id: string): readonly Template[] {
  return write(readTemplates().filter((each) => each.id !== id))
}

/** The template as a draft; a prompt that is being written stays where the template has none. */
export function applied({ draft }: Template, before: Draft): Draft {
  return { ...draft, prompt: draft.prompt === '' ? before.prompt : draft.prompt }
}

function write(templates: readonly Template[]): readonly Template[] {
  localStorage.setItem(key, JSON.stringify(templates))
  return readTemplates()
}

function isTemplate(value: unknown): value is Template {
  if (typeof value !== 'object' || value === null) return false
  const { id, name, draft } = value as Partial<Record<keyof Template, unknown>> // looked at field by field
  return typeof id === 'string' && typeof name === 'string' && typeof draft === 'object' && draft !== null
}
