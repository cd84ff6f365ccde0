// What --help loads: its speed rests on not loading the rest.

import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** Everything that a module loads at once: static imports, and those of what it imports. Types and `await import()` do not count. */
function loadedBy(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen
  seen.add(path)
  const text = readFileSync(join(root, path), 'utf8')
  for (const [statement, from = ''] of text.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'/gms)) {
    if (/^(?:import|export) type\b/.test(statement)) continue
    if (from.startsWith('.')) loadedBy(relative(root, join(root, dirname(path), from)), seen)
    else seen.add(from)
  }
  return seen
}

it.each([
  'src/main.ts',
  'src/cli/task/verbs.ts',
  'src/cli/host/verbs.ts',
  'src/cli/repo/verbs.ts',
  'src/cli/fleet/verbs.ts',
  'src/cli/identity/verbs.ts',
])('%s loads commander and nothing heavy', (path) => {
  const loaded = [...loadedBy(path)]
  expect(loaded.length).toBeGreaterThan(1)
  const packages = loaded.filter((each) => !each.startsWith('src/') && !each.startsWith('node:'))
  expect(packages.filter((each) => each !== 'commander')).toEqual([])
  expect(loaded.filter((each) => /^src\/(?:client|server|daemon|store|blob|protocol)\//.test(each))).toEqual([])
})
