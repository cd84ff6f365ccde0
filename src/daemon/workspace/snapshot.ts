// The tree of a folder as it is now: untracked files included, ignored ones not, repositories inside left out and named.

import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import type { GitOptions } from '../../lib/git.ts'
import { git, gitBytes, lastWords, longGitMs, runGit, zeroSeparated } from '../../lib/git.ts'
import type { Looked } from './confined.ts'
import { lookingAt } from './confined.ts'
import { entriesIn, hasGitlinks } from './index-file.ts'
import { nestedHead } from './nested-head.ts'
import { patienceMs, unlessPiped } from './pipes.ts'
import type { Workspace } from './port.ts'
import { copyIndex, privately, realOrNull } from './private-git.ts'

type Place = Looked

export interface Added {
  /** Folders that are repositories of their own, relative to the workspace: their files are not in the tree. */
  readonly nested: readonly NestedPath[]
  /** Sentences about files that could not be read: the tree lacks them. Empty: the tree is whole. */
  readonly missing: readonly string[]
  readonly notices: readonly string[]
}

export interface NestedPath {
  readonly path: string
  /** A submodule that still stands at the base's commit: its history is upstream. */
  readonly unchanged: boolean
}

/** A list of names of a very large repository; more is refused. */
const maxListBytes = 268_435_456

/** Copies the base's index to `indexFile`, brings it up to date with the folder, and writes the tree. The agent's own index is not touched. */
export async function snapshot(
  workspace: Place & Pick<Workspace, 'baseIndex'>,
  indexFile: string,
  signal: AbortSignal | undefined,
): Promise<Added & { readonly treeId: string }> {
  copyIndex(workspace.baseIndex, indexFile)
  const added = await addAll(workspace, indexFile, signal)
  // Objects are not looked for: they are the base's, or were written a moment ago. In a large folder the look takes longer than all else.
  const treeId = await git(['write-tree', '--missing-ok'], privately(workspace, { indexFile, signal }))
  return { ...added, treeId }
}

/**
 * `git add -A` into `indexFile`, but with nested repositories and submodules kept away from git: it would run programs in them. Throws
 * `workspace_failed`, also naming a pipe that git would wait on; `firstMs` is how long it is waited before one is looked for.
 */
export async function addAll(
  place: Place,
  indexFile: string,
  signal: AbortSignal | undefined,
  firstMs = patienceMs,
): Promise<Added> {
  const options = lookingAt(place, { indexFile, signal, timeoutMs: longGitMs })
  const submodules = await settleSubmodules(place, options)
  const names = await unlessPiped(place.path, firstMs, (timeoutMs) =>
    changedNames({ ...options, timeoutMs, maxBytes: maxListBytes }),
  )
  const found = names.filter((name) => name.at(-1) === slash).map((name) => name.subarray(0, -1))
  const skipped = [...found, ...submodules.map(({ path }) => Buffer.from(path))]
  const adding = ['add', '-A', '--ignore-errors', '--pathspec-from-file=-', '--pathspec-file-nul']
  const add = (timeoutMs: number) => {
    rmSync(`${indexFile}.lock`, { force: true }) // of one that was ended; nobody else uses this index
    return runGit(adding, { ...options, timeoutMs, input: pathspecs(names, skipped) })
  }
  const unchanged = names.length === 0
  const whole = unchanged || (skipped.length === 0 && (await updateFew(names, options, firstMs)))
  const result = whole ? { code: 0, stderr: '' } : await unlessPiped(place.path, firstMs, add)
  const filled = submodules.filter(({ path }) => hasGit(join(place.path, path)))
  const made = found.map((name) => ({ path: name.toString('utf8'), unchanged: false }))
  const nested = [...made, ...filled].sort((a, b) => (a.path < b.path ? -1 : 1))
  const missing =
    result.code === 0 ? [] : [`Some files could not be read and are not in the tree (${lastWords(result.stderr)}).`]
  return {
    nested,
    missing,
    notices: nested.map(({ path }) => `${path} is a repository of its own; its files are not in the tree.`),
  }
}

const slash = 0x2f

function splitZero(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = []
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(0, from)
    parts.push(bytes.subarray(from, end === -1 ? bytes.length : end))
    from = end === -1 ? bytes.length : end + 1
  }
  return parts
}

/** What differs from the index, and what it does not know; folders that are repositories end with a slash. Both looks at once: neither writes. */
async function changedNames(options: GitOptions): Promise<Buffer[]> {
  const { indexFile } = options
  const isEmpty = indexFile !== undefined && existsSync(indexFile) && entriesIn(indexFile) === 0
  const changed = ['diff-files', '--name-only', '--no-ext-diff', '--ignore-submodules=all', '-z']
  const [known, unknown] = await Promise.all([
    isEmpty ? Buffer.alloc(0) : gitBytes(changed, options),
    gitBytes(['ls-files', '--others', '--exclude-standard', '-z'], options),
  ])
  return [...splitZero(known), ...splitZero(unknown)]
}

/** Git compares each entry with each of these names; beyond so many one look at everything is quicker. */
const namesAtMost = 200

/**
 * Brings just these entries up to date, which is several times as fast as `add`: that looks at every entry and every folder once more. False
 * when git would not take one of them (a file that cannot be read, a folder replaced by a link): `add` knows how to go on.
 */
async function updateFew(names: readonly Buffer[], options: GitOptions, timeoutMs: number): Promise<boolean> {
  if (names.length > namesAtMost) return false
  rmSync(`${options.indexFile}.lock`, { force: true }) // of one that was ended; nobody else uses this index
  const input = Buffer.concat(names.flatMap((name) => [name, Buffer.from([0])]))
  const update = ['update-index', '--add', '--remove', '--replace', '-z', '--stdin']
  try {
    return (await runGit(update, { ...options, input, timeoutMs })).code === 0 // else it has left the index as it was
  } catch (error) {
    if (error instanceof Problem && error.cause === 'timeout') return false
    throw error
  }
}

/** What is to be added: the names that differ, or everything, without what is skipped. Names travel as bytes: they need not be UTF-8. */
function pathspecs(names: readonly Buffer[], skipped: readonly Buffer[]): Buffer {
  const zero = Buffer.from([0])
  const excluded = skipped.flatMap((name) => [zero, Buffer.from(':(top,exclude,literal)'), name])
  const few = names.length <= namesAtMost && skipped.length === 0
  const wanted = few
    ? names.flatMap((name) => [zero, Buffer.from(':(top,literal)'), name]).slice(1)
    : [Buffer.from(':/')]
  return Buffer.concat([...wanted, ...excluded])
}

/**
 * Brings the entries of submodules in line without asking git to look into them: gone or replaced by plain files, filled at another commit, or
 * as they were. Gives the paths that stay submodules.
 */
async function settleSubmodules(place: Place, options: GitOptions): Promise<NestedPath[]> {
  if (options.indexFile !== undefined && existsSync(options.indexFile) && hasGitlinks(options.indexFile) === false)
    return []
  const staged = await gitBytes(['ls-files', '--stage', '-z'], { ...options, maxBytes: maxListBytes })
  if (!staged.includes('160000 ')) return []
  const entries = zeroSeparated(staged).filter((line) => line.startsWith('160000 '))
  const kept: NestedPath[] = []
  const edits: string[] = []
  for (const line of entries) {
    const path = line.slice(line.indexOf('\t') + 1)
    const before = line.split(' ')[1] ?? ''
    const now = submoduleNow(join(place.path, path), before)
    if (now === null) edits.push(`0 ${'0'.repeat(before.length)}\t${path}`)
    else kept.push({ path, unchanged: now === before })
    if (now !== null && now !== before) edits.push(`160000 ${now}\t${path}`)
  }
  if (edits.length > 0)
    await git(['update-index', '-z', '--index-info'], { ...options, input: `${edits.join('\0')}\0` })
  return kept
}

/** The commit a submodule stands at; `before` for an empty folder; null when it is no submodule any more. */
function submoduleNow(folder: string, before: string): string | null {
  if (realOrNull(folder) === null || !lstatSync(folder).isDirectory()) return null
  if (hasGit(folder)) return nestedHead(folder) ?? before
  return readdirSync(folder).length === 0 ? before : null
}

export function hasGit(folder: string): boolean {
  try {
    lstatSync(join(folder, '.git'))
    return true
  } catch {
    return false // ENOENT
  }
}
