// Names of refs: what git accepts, and names made of other words. A name from outside is checked here before git sees it.

import { Problem } from '../core/problem.ts'
import type { GitOptions } from './git.ts'
import { gitOrNull } from './git.ts'

const forbidden = /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$|^-|^@$/

/** True when git takes this as a branch's name (the rules of `git check-ref-format --branch`). Never true for what git would read as an option. */
export function validBranchName(name: string): boolean {
  if (name === '' || name === 'HEAD' || Buffer.byteLength(name) > 240 || forbidden.test(name)) return false
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'))
}

/** Throws `invalid_request` with the name when it is not a branch's name. */
export function requireBranchName(name: string): string {
  if (validBranchName(name)) return name
  throw new Problem(
    'invalid_request',
    `"${name}" is not a branch name that git accepts; use letters, digits and dashes.`,
  )
}

/** `Fix the Login: now!` → `fix-the-login-now`: at most `max` characters, never empty, always a valid part of a ref. */
export function refWords(text: string, max = 40): string {
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, max)
    .replace(/^-+|-+$/g, '')
  return words === '' ? 'task' : words
}

/** The full id of the commit that a branch, tag or commit names, or null when there is none. `revision` may be anything a person typed. */
export async function commitOf(revision: string, options: GitOptions): Promise<string | null> {
  if (revision.startsWith('-') || /[\x00-\x1f\x7f]/.test(revision) || revision.trim() === '') return null
  return gitOrNull(['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`], options)
}

export const objectId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
