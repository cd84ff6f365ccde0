// A repository as people name it: a slug, or a path from where they are.

import { resolve } from 'node:path'

/** `.`, `./x`, `../x` and `/x` are paths; everything else may be a slug, which may have slashes. */
export function nameOrPath(name: string, cwd: string): string {
  return /^(?:\.{0,2}\/|\.{1,2}$)/.test(name) ? resolve(cwd, name) : name
}
