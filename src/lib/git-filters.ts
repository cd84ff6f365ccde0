// Filters are programs that a repository's configuration names: all off, but git-lfs as this host has it.

import { existsSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { processEnv } from './env.ts'
import type { GitOptions } from './git.ts'
import { gitOrNull } from './git.ts'

/** Settings for git-lfs as the host's own program; empty when it is not installed: its files are then pointers, here and in the tree. */
export function lfsFilter(): Record<string, string> {
  const folders = (processEnv().PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder))
  if (!folders.some((folder) => existsSync(join(folder, 'git-lfs')))) return {}
  return {
    'filter.lfs.process': 'git-lfs filter-process',
    'filter.lfs.clean': 'git-lfs clean -- %f',
    'filter.lfs.smudge': 'git-lfs smudge -- %f',
    'filter.lfs.required': 'true',
  }
}

/** Settings that switch every filter off that the repository's configuration defines, for a command that must use that configuration. */
export async function filtersOff(at: GitOptions): Promise<Record<string, string>> {
  const pattern = '^filter\\..*\\.(clean|smudge|process|required)$'
  const keys = await gitOrNull(['config', '--name-only', '--get-regexp', pattern], at)
  const off: Record<string, string> = {}
  for (const key of keys?.split('\n') ?? []) off[key] = key.endsWith('.required') ? 'false' : ''
  return { ...off, ...lfsFilter() }
}
