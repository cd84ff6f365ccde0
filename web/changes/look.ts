// How a person likes to read changes; kept for this browser.

import type { DiffLook } from './rows.ts'

const key = 'capstan.diff'

export function keptLook(): DiffLook {
  const kept = localStorage.getItem(key) ?? ''
  return { split: kept.includes('split'), whitespace: !kept.includes('squeeze') }
}

export function keepLook({ split, whitespace }: DiffLook): void {
  localStorage.setItem(key, [split ? 'split' : '', whitespace ? '' : 'squeeze'].join(' '))
}
