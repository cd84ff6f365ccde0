// The git folder in which git and gh run on the host for an agent: the daemon's own. It has the agent's branches and tags as names and ids, the
// repository's remotes, and nothing that an agent wrote as configuration. No file of the workspace is in reach of it.

import type { Dir } from 'node:fs'
import { mkdirSync, opendirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import type { GitOptions } from '../../lib/git.ts'
import { git, gitOrNull } from '../../lib/git.ts'
import { objectId, validBranchName } from '../../lib/git-refs.ts'
import { withLock } from '../../lib/lock.ts'
import { captureLock } from '../workspace/capture.ts'
import { importClone } from '../workspace/clone.ts'
import { readHead } from '../workspace/head.ts'
import type { Workspace } from '../workspace/port.ts'
import { makePrivateGit, readBounded, realOrNull } from '../workspace/private-git.ts'

export interface Mirror {
  readonly gitDir: string
  readonly objectDir: string
  /** The agent's HEAD is on it; null: detached. */
  readonly branch: string | null
  readonly remotes: readonly Remote[]
  /** What could not be brought over, in sentences. */
  readonly lost: readonly string[]
}

export interface Remote {
  readonly name: string
  /** As the registered repository has them: `url`, `pushurl`. */
  readonly urls: readonly string[]
  /** It has a `push` of its own, which says where names go. */
  readonly mapped: boolean
}

/** Nobody has more; what goes beyond is not pushed from here. Folders count too. */
const maxRefs = 5_000
const maxDepth = 12
const maxRefsBytes = 16_777_216
const lockMs = 120_000

/** The remotes of the registered repository; nothing of the agent's is looked at. Throws `invalid_request` for a run without a repository. */
export async function remotesFor(workspace: Workspace, signal: AbortSignal): Promise<readonly Remote[]> {
  return remotesOf(await remoteSettings(repositoryOf(workspace), signal))
}

function repositoryOf({ commonDir }: Workspace): string {
  if (commonDir !== null) return commonDir
  throw new Problem('invalid_request', 'this run has no repository, so git and gh have none either')
}

/**
 * Brings the mirror to where the agent stands now. Its tracking branches stay what pushes and fetches from here made of them. Throws
 * `invalid_request` for a run without a repository.
 */
export async function readyMirror(workspace: Workspace, signal: AbortSignal): Promise<Mirror> {
  const { objectDir, baseIndex } = workspace
  const commonDir = repositoryOf(workspace)
  const gitDir = join(dirname(baseIndex), 'host')
  const lost = await withLock(captureLock(workspace), { signal, timeoutMs: lockMs }, () =>
    importClone(workspace, signal),
  )
  const known = realOrNull(gitDir) === gitDir ? packedIn(gitDir) : null
  if (known === null) await makePrivateGit(gitDir, commonDir, signal)
  const at: GitOptions = { cwd: gitDir, gitDir, objectDir, signal, maxBytes: maxRefsBytes }
  const tracking = (known ?? (await refsOf(commonDir, signal))).filter(({ ref }) => ref.startsWith('refs/remotes/'))
  const own =
    workspace.cloneDir === undefined
      ? { refs: await refsOf(commonDir, signal), more: false }
      : agentRefs(workspace.cloneDir)
  const heads = await existing(
    own.refs.filter(({ ref }) => !ref.startsWith('refs/remotes/')),
    at,
  )
  for (const folder of ['refs/heads', 'refs/tags']) rmSync(join(gitDir, folder), { recursive: true, force: true })
  mkdirSync(join(gitDir, 'refs/heads'), { recursive: true, mode: 0o700 })
  const head = await readHead(workspace, signal)
  const all = [...tracking, ...heads].sort((a, b) => (a.ref < b.ref ? -1 : 1))
  writeFileSync(join(gitDir, 'packed-refs'), all.map(({ id, ref }) => `${id} ${ref}\n`).join(''))
  writeFileSync(join(gitDir, 'HEAD'), head.branch === null ? `${head.sha ?? ''}\n` : `ref: refs/heads/${head.branch}\n`)
  const settings = await remoteSettings(commonDir, signal)
  writeFileSync(join(gitDir, 'config'), configText(settings, await format(commonDir, signal)))
  const said = own.more ? [...lost, tooMany] : lost
  return { gitDir, objectDir, branch: head.branch, remotes: remotesOf(settings), lost: said }
}

const tooMany = `There are more than ${maxRefs} branches and tags here; the rest is not known outside.`

interface Ref {
  readonly ref: string
  readonly id: string
}

/** Of the repository itself. */
async function refsOf(commonDir: string, signal: AbortSignal): Promise<readonly Ref[]> {
  const at: GitOptions = { cwd: commonDir, gitDir: commonDir, signal, maxBytes: maxRefsBytes }
  const listed = await git(
    ['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads', 'refs/tags', 'refs/remotes'],
    at,
  )
  return readLines(listed).filter(({ ref }) => !ref.endsWith('/HEAD'))
}

/**
 * Of the agent's own git folder: hostile, so it is read as plain files and no git looks into it. What stands in a file of its own is the later
 * word, and comes first where there is too much.
 */
function agentRefs(cloneDir: string): { readonly refs: readonly Ref[]; readonly more: boolean } {
  if (realOrNull(cloneDir) !== cloneDir) return { refs: [], more: false }
  const left = { entries: maxRefs }
  const all = new Map<string, Ref>()
  for (const folder of ['refs/heads', 'refs/tags'])
    for (const each of looseIn(cloneDir, folder, { left, depth: 0 })) all.set(each.ref, each)
  for (const each of packedIn(cloneDir) ?? [])
    if (!each.ref.startsWith('refs/remotes/') && !all.has(each.ref)) all.set(each.ref, each)
  return { refs: [...all.values()].slice(0, maxRefs), more: left.entries < 0 || all.size > maxRefs }
}

function packedIn(gitDir: string): readonly Ref[] | null {
  const text = readBounded(join(gitDir, 'packed-refs'), { maxBytes: maxRefsBytes, links: 'refused' })?.toString('utf8')
  return text === undefined ? null : readLines(text)
}

interface Walk {
  /** How many more entries are looked at, of all folders together; below zero: there were more. */
  readonly left: { entries: number }
  readonly depth: number
}

/** What stands in the files below: only an id counts, so a link that leads elsewhere gives nothing away. */
function* looseIn(gitDir: string, folder: string, { left, depth }: Walk): Generator<Ref> {
  const dir = depth > maxDepth ? null : openFolder(join(gitDir, folder))
  if (dir === null) return
  try {
    for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) {
      left.entries -= 1
      if (left.entries < 0) return
      const ref = `${folder}/${entry.name}`
      if (entry.isDirectory()) yield* looseIn(gitDir, ref, { left, depth: depth + 1 })
      else if (!/\s/.test(ref)) yield* readLines(`${idIn(join(gitDir, ref))} ${ref}`)
    }
  } finally {
    dir.closeSync()
  }
}

/** Null: it is no folder, or a link leads to it. */
function openFolder(path: string): Dir | null {
  if (realOrNull(path) !== path) return null
  try {
    return opendirSync(path)
  } catch {
    return null // ENOTDIR, EACCES; ENOENT: gone under this look
  }
}

/** Empty: there is none. */
function idIn(path: string): string {
  const text = readBounded(path, { maxBytes: 256, links: 'refused' })?.toString('utf8').trim() ?? ''
  return objectId.test(text) ? text : ''
}

/** Lines of `ID REF` whose id is one and whose name git accepts. */
function readLines(text: string): readonly Ref[] {
  return text.split('\n').flatMap((line) => {
    const [id = '', ref = ''] = line.split(' ')
    const [, name] = /^refs\/(?:heads|tags|remotes)\/(.+)$/.exec(ref) ?? []
    return objectId.test(id) && name !== undefined && validBranchName(name) ? [{ id, ref }] : []
  })
}

/** Those whose objects the repository has; a branch is a commit. */
async function existing(refs: readonly Ref[], at: GitOptions): Promise<readonly Ref[]> {
  if (refs.length === 0) return []
  const input = refs.map(({ id }) => `${id}\n`).join('')
  const lines = (await git(['cat-file', '--batch-check=%(objecttype)'], { ...at, input })).split('\n')
  return refs.filter(({ ref }, i) => {
    const type = lines[i] ?? ''
    return ref.startsWith('refs/tags/') ? /^(?:commit|tag)$/.test(type) : type === 'commit'
  })
}

type Setting = readonly [remote: string, key: string, value: string]

/** Where the repository pushes to and fetches from. Keys by which a remote names a program, and further files, are left out. */
async function remoteSettings(commonDir: string, signal: AbortSignal): Promise<readonly Setting[]> {
  const at: GitOptions = { cwd: commonDir, gitDir: commonDir, signal }
  const pattern = '^remote\\..*\\.(url|pushurl|fetch|push|tagopt|prune)$'
  const listed = await gitOrNull(['config', '--local', '--no-includes', '-z', '--get-regexp', pattern], at)
  return (listed ?? '').split('\0').flatMap((pair): Setting[] => {
    const [key = '', ...lines] = pair.split('\n')
    const value = lines.join('\n')
    const [, name = '', setting = ''] = /^remote\.(.+)\.([a-z]+)$/.exec(key) ?? []
    return /^[A-Za-z0-9][\w./-]*$/.test(name) && !/[\x00-\x1f\x7f]/.test(value) ? [[name, setting, value]] : []
  })
}

function remotesOf(settings: readonly Setting[]): readonly Remote[] {
  const names = [...new Set(settings.map(([name]) => name))]
  return names.map((name) => ({
    name,
    urls: settings.filter(([of, key]) => of === name && /^(?:push)?url$/.test(key)).map(([, , value]) => value),
    mapped: settings.some(([of, key]) => of === name && key === 'push'),
  }))
}

async function format(commonDir: string, signal: AbortSignal): Promise<string | null> {
  return gitOrNull(['config', '--local', '--get', 'extensions.objectFormat'], {
    cwd: commonDir,
    gitDir: commonDir,
    signal,
  })
}

/** Bare: git has no files to look at here. */
function configText(settings: readonly Setting[], objectFormat: string | null): string {
  const sha256 = objectFormat === 'sha256'
  const core = ['[core]', `\trepositoryformatversion = ${sha256 ? 1 : 0}`, '\tbare = true']
  const lines = sha256 ? [...core, '[extensions]', '\tobjectFormat = sha256'] : core
  const quoted = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`
  for (const [name, key, value] of settings) lines.push(`[remote ${quoted(name)}]`, `\t${key} = ${quoted(value)}`)
  return `${lines.join('\n')}\n`
}
