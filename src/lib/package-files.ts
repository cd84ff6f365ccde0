// Where Capstan's own files lie: the same places under `src` in a checkout and under `dist` in the package, whose code is bundled.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A file that lies in every form of the code tree, at this place. */
const mark = 'daemon/supervisor/supervisor.sh'

/** The folder that holds `daemon/`, `web/` and the rest. */
const codeRoot = above(import.meta.dirname, mark)

/** Capstan's own folder: of the package, or of the checkout. */
export const packageRoot = above(codeRoot, 'package.json')

/** A file of the code tree, by its path in it, such as `daemon/supervisor/supervisor.sh`. Scripts are named without their ending. */
export function codeFile(path: string): string {
  const found = ['', '.ts', '.js'].map((ending) => join(codeRoot, `${path}${ending}`)).find((file) => existsSync(file))
  if (found === undefined)
    throw new Error(`this Capstan is not whole: ${join(codeRoot, path)} is missing; install it again`)
  return found
}

/** The page's folder; null in a checkout that was never built. */
export function pageFolder(): string | null {
  return (
    [join(codeRoot, 'web'), join(packageRoot, 'dist/web')].find((folder) => existsSync(join(folder, 'index.html'))) ??
    null
  )
}

function above(folder: string, name: string): string {
  if (existsSync(join(folder, name))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error(`this Capstan is not whole: ${name} is missing; install it again`)
  return above(parent, name)
}
