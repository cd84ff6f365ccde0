// Ignored files that a trusted repo.toml asks to bring along: copied or linked from the registered checkout.

import { appendFileSync, constants, cpSync, existsSync, lstatSync, mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join, matchesGlob } from 'node:path'
import { cidOf } from '../../lib/cid.ts'
import { gitBytes, longGitMs, zeroSeparated } from '../../lib/git.ts'
import type { Carried, Workspace, WorkspaceRequest } from './port.ts'
import { privately, readBounded } from './private-git.ts'

/** Copied files larger than this are not watched for changes: they are caches, not settings. */
export const watchedBytes = 16_777_216

type Place = Pick<Workspace, 'path' | 'gitDir' | 'objectDir' | 'baseIndex'>

/** Copies and links what the globs match among the checkout's ignored files. A link is never captured as work. */
export async function carryIgnored(
  request: WorkspaceRequest,
  place: Place,
  checkout: string,
): Promise<{ carried: Carried[]; notices: string[] }> {
  const carried: Carried[] = []
  const notices: string[] = []
  for (const how of ['copy', 'link'] as const) {
    const globs = request.carry?.[how] ?? []
    if (globs.length === 0) continue
    const found = await ignoredFiles(globs, { ...place, path: checkout }, request.signal)
    if (found.length === 0) notices.push(`${how} in repo.toml matches no ignored file: ${globs.join(', ')}.`)
    for (const path of found) {
      if (!bring(how, join(checkout, path), join(place.path, path))) continue
      carried.push({ path, cid: how === 'copy' ? watchedCid(join(place.path, path)) : null })
      if (how === 'link') exclude(place.gitDir, path)
    }
  }
  return { carried, notices }
}

/** Whole ignored folders that a glob names, and single ignored files that one matches outside those. */
async function ignoredFiles(globs: readonly string[], place: Place, signal: AbortSignal): Promise<string[]> {
  const options = {
    ...privately(place, { indexFile: place.baseIndex, signal, timeoutMs: longGitMs }),
    maxBytes: 67_108_864,
  }
  const list = async (...more: string[]) => {
    const args = ['ls-files', '--others', '--ignored', '--exclude-standard', '-z', ...more, '--']
    return zeroSeparated(await gitBytes([...args, ...globs.map((glob) => `:(top,glob)${glob}`)], options))
  }
  // git also lists a folder because something in it might match
  const folders = (await list('--directory'))
    .filter((path) => path.endsWith('/'))
    .map((path) => path.slice(0, -1))
    .filter((path) => globs.some((glob) => matchesGlob(path, glob.replace(/\/$/, ''))))
  const files = (await list()).filter((path) => !folders.some((folder) => path.startsWith(`${folder}/`)))
  return [...folders, ...files]
}

/** False when something is there already, or the way there leads over a link. */
function bring(how: 'copy' | 'link', from: string, to: string): boolean {
  if (existsSync(to) || !existsSync(from)) return false
  mkdirSync(dirname(to), { recursive: true })
  if (how === 'link') symlinkSync(from, to)
  else cpSync(from, to, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE })
  return true
}

/** The content id of a copied file; null for folders and large files. */
function watchedCid(path: string): string | null {
  if (!existsSync(path) || !lstatSync(path).isFile()) return null
  const bytes = readBounded(path, { maxBytes: watchedBytes, links: 'refused' })
  return bytes === null ? null : cidOf(bytes)
}

/** A rule such as `node_modules/` ignores folders only, not the link in its place: the daemon's own exclude list names it. */
function exclude(gitDir: string, path: string): void {
  const literal = path.replace(/[\\*?[\]!# ]/g, (sign) => `\\${sign}`)
  appendFileSync(join(gitDir, 'info/exclude'), `\n/${literal}\n`)
}
