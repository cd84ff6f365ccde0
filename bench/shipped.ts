// A file of the bench as installed programs run: plain JavaScript with Capstan as tsc emits it, since what is shipped is bundled and has no
// inner files. From `src` each process would hold Node's type stripper, which takes 40 MB and time that nobody has who installs Capstan.

import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..')
const source = join(root, 'src')
/** Where packages are found as from the bench itself, and where nobody looks for sources. */
const folder = join(root, 'node_modules', '.cache', 'capstan-bench')
const done = new Map<string, string>()

/** Writes the file, and those of the bench that it imports, as JavaScript; gives its path. */
export function shipped(path: string): string {
  const known = done.get(path)
  if (known !== undefined) return known
  const to = join(
    folder,
    `${relative(import.meta.dirname, path)
      .replaceAll('/', '-')
      .replace(/\.ts$/, '')}.mjs`,
  )
  done.set(path, to)
  mkdirSync(folder, { recursive: true })
  for (const script of globSync('**/*.sh', { cwd: source })) cpSync(join(source, script), join(folder, 'src', script))
  const text = stripTypeScriptTypes(readFileSync(path, 'utf8'))
  const placed = text.replace(/(from |import\()'(\.[^']+\.ts)'/g, (_, word: string, name: string) => {
    return `${word}${JSON.stringify(pathToFileURL(placeOf(resolve(dirname(path), name))).href)}`
  })
  writeFileSync(to, placed)
  return to
}

function placeOf(path: string): string {
  if (!path.startsWith(source)) return shipped(path)
  return join(folder, 'src', relative(source, path).replace(/\.ts$/, '.js'))
}
