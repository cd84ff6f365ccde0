// The patch of a workspace: what differs from its base, as bytes that apply and as counts. Its files are hostile input.

import { readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { allEnded } from '../../lib/all-ended.ts'
import { git, gitBytes, longGitMs, zeroSeparated } from '../../lib/git.ts'
import { limits } from '../../protocol/names.ts'
import type { Workspace } from './port.ts'
import { privately } from './private-git.ts'

export interface DiffRequest {
  readonly signal?: AbortSignal | undefined
  /** Default `limits.diffBytes`. */
  readonly maxDiffBytes?: number
}

export interface Diff {
  readonly patch: Buffer | null
  readonly bytes: number
  readonly withheld: string | null
  readonly counts: { readonly filesChanged: number; readonly insertions: number; readonly deletions: number }
}

/** Attributes and configuration of the tree must not run or hide anything: no external diff, no text conversion, renames always found. */
const plainDiff: readonly string[] = [
  '-r',
  '-M',
  '--no-ext-diff',
  '--no-textconv',
  '--ignore-submodules=none',
  '--no-color',
]

/** Work is no less there because git cannot show it: out of memory, killed, or too slow. The checkpoint has it by then. */
export async function diffOrReason(workspace: Workspace, treeId: string, request: DiffRequest): Promise<Diff> {
  try {
    return await diffOf(workspace, treeId, request)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const withheld = `the diff could not be made (${error.detail}) The work is in the checkpoint on its host.`
    const counts = { filesChanged: await changedCount(workspace, treeId, request.signal), insertions: 0, deletions: 0 }
    return { patch: null, bytes: 0, withheld, counts }
  }
}

/** How many files differ, told from the trees alone: no file is read. */
async function changedCount(workspace: Workspace, treeId: string, signal: AbortSignal | undefined): Promise<number> {
  const options = { ...privately(workspace, { signal }), maxBytes: 268_435_456 }
  const args = ['diff-tree', '-r', '--no-renames', '--name-only', '-z', '--no-ext-diff', workspace.baseTree, treeId]
  return zeroSeparated(await gitBytes([...args, '--'], options)).length
}

const patchArgs: readonly string[] = ['-p', '--binary', '--full-index']

/**
 * A drawing that changed is shown before and after, so its patch has all of it: git's own few lines around a change cannot be drawn. The numbers
 * bound what that adds; beyond them the patch is the ordinary one.
 */
const drawing = 'icase,glob)**/*.svg'
const wholeLines = 20_000
const wholeBytes = 1_000_000

/** A larger file is compared as bytes: git would need several times its size in memory for its lines. */
const bigFiles = { 'core.bigFileThreshold': '50m' }

/** Writes the patch of these paths; without paths all of it. */
type Write = (args: readonly string[], pathspecs: readonly string[]) => Promise<unknown>

async function diffOf(workspace: Workspace, treeId: string, request: DiffRequest): Promise<Diff> {
  const place = privately(workspace, { signal: request.signal, timeoutMs: longGitMs })
  const options = { ...place, config: { ...place.config, ...bigFiles }, maxBytes: 268_435_456 }
  const trees = [workspace.baseTree, treeId, '--']
  const file = join(dirname(workspace.baseIndex), 'patch')
  const max = request.maxDiffBytes ?? limits.diffBytes
  const write: Write = (args, pathspecs) =>
    git(['diff-tree', ...plainDiff, ...patchArgs, ...args, `--output=${file}`, ...trees, ...pathspecs], options)
  try {
    const [numbers] = await allEnded([
      gitBytes(['diff-tree', ...plainDiff, '--numstat', '-z', ...trees], options),
      write([], []),
    ])
    const { counts, drawings } = countsOf(numbers)
    const bytes = statSync(file).size
    if (bytes === 0) return { patch: null, bytes, withheld: null, counts }
    if (bytes <= max) {
      const patch = readFileSync(file)
      const whole = drawings ? await withDrawings(file, write) : null
      const best = whole !== null && whole.length <= max ? whole : patch
      return { patch: best, bytes: best.length, withheld: null, counts }
    }
    return {
      patch: null,
      bytes,
      withheld: `the diff has ${bytes} bytes; at most ${max} are sent. It is in the checkpoint on its host.`,
      counts,
    }
  } finally {
    rmSync(file, { force: true })
  }
}

/** The patch again, with all lines of drawings; null where that is too much. */
async function withDrawings(file: string, write: Write): Promise<Buffer | null> {
  await write([`-U${wholeLines}`], [`:(${drawing}`])
  if (statSync(file).size > wholeBytes) return null
  const whole = readFileSync(file)
  await write([], [`:(exclude,${drawing}`])
  return Buffer.concat([readFileSync(file), whole])
}

/** Of `--numstat -z`: `added TAB deleted TAB path`, or with an empty path and two further fields for a rename. */
function countsOf(output: Buffer): { readonly counts: Diff['counts']; readonly drawings: boolean } {
  const fields = zeroSeparated(output)
  let [filesChanged, insertions, deletions] = [0, 0, 0]
  let drawings = false
  for (let at = 0; at < fields.length; at += 1) {
    const [added = '', removed = '', path = ''] = (fields[at] ?? '').split('\t')
    filesChanged += 1
    insertions += Number(added) || 0 // "-" for binary files
    deletions += Number(removed) || 0
    const name = path === '' ? (fields[at + 2] ?? '') : path
    // what is new or gone is whole anyway
    if (/\.svg$/i.test(name) && Number(added) > 0 && Number(removed) > 0) drawings = true
    if (path === '') at += 2
  }
  return { counts: { filesChanged, insertions, deletions }, drawings }
}
