// The git folder of a sandboxed run: its own, borrowing the repository's objects, so that the repository's is never written by an agent.
// Inside the sandbox it takes the place of the worktree's; outside nobody runs git in it. What the agent commits is brought over as objects.

import { linkSync, lstatSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import type { GitAuthor, GitOptions } from '../../lib/git.ts'
import { git, gitBytes, gitOrNull, longGitMs, runGit } from '../../lib/git.ts'
import { objectId } from '../../lib/git-refs.ts'
import { HeldFolder } from './held-folder.ts'
import type { Workspace } from './port.ts'
import { copyIndex, makePrivateGit, readBounded, realOrNull } from './private-git.ts'

/** Git's data of the workspace as the agent sees it: HEAD, index, refs. Hostile input. */
export function agentGitDir(workspace: Workspace): string | null {
  return workspace.cloneDir ?? workspace.adminDir
}

/** Makes the folder beside the daemon's own of this workspace, and the pointer that is mounted over the worktree's. */
export async function makeClone(workspace: Workspace, author: GitAuthor, signal: AbortSignal): Promise<Workspace> {
  const { commonDir, branch, baseSha, objectDir, baseIndex } = workspace
  if (workspace.mode !== 'worktree' || commonDir === null || branch === null || baseSha === null) return workspace
  const folder = realpathSync(dirname(baseIndex))
  const cloneDir = join(folder, 'clone')
  await makePrivateGit(cloneDir, commonDir, signal)
  writeFileSync(join(cloneDir, 'objects/info/alternates'), `${realpathSync(objectDir)}\n`)
  writeFileSync(join(cloneDir, 'packed-refs'), await refsOf({ commonDir, branch, baseSha }, signal))
  writeFileSync(join(cloneDir, 'HEAD'), `ref: refs/heads/${branch}\n`)
  const at: GitOptions = { cwd: cloneDir, gitDir: cloneDir, signal }
  await git(['config', 'user.name', author.name], at)
  await git(['config', 'user.email', author.email], at)
  copyIndex(baseIndex, join(cloneDir, 'index'))
  writeFileSync(join(folder, 'gitfile'), `gitdir: ${cloneDir}\n`)
  return { ...workspace, cloneDir }
}

/** The task's branch, and what the repository has as branches and tags of a remote's; other tasks' are left out. */
async function refsOf(
  { commonDir, branch, baseSha }: { readonly commonDir: string; readonly branch: string; readonly baseSha: string },
  signal: AbortSignal,
): Promise<string> {
  const format = '%(objectname) %(refname)'
  const options: GitOptions = { cwd: commonDir, gitDir: commonDir, signal, maxBytes: 67_108_864 }
  const listed = await git(['for-each-ref', `--format=${format}`, 'refs/heads', 'refs/remotes', 'refs/tags'], options)
  const refs = new Map([[`refs/heads/${branch}`, baseSha]])
  for (const line of listed.split('\n')) {
    const [id = '', ref = ''] = line.split(' ')
    if (ref === '' || ref.startsWith('refs/heads/capstan/') || ref.endsWith('/HEAD')) continue
    const name = ref.startsWith('refs/heads/') ? ref.replace('refs/heads/', 'refs/remotes/origin/') : ref
    if (!refs.has(name)) refs.set(name, id)
  }
  const sorted = [...refs].sort(([a], [b]) => (a < b ? -1 : 1))
  return `# pack-refs with: sorted \n${sorted.map(([ref, id]) => `${id} ${ref}\n`).join('')}`
}

/** The commit that a branch of the clone stands at, as its files say; null: none, or not readable. */
export function cloneRef(cloneDir: string, branch: string): string | null {
  const file = join(cloneDir, 'refs/heads', branch)
  const folder = dirname(file)
  const loose = realOrNull(folder) === folder ? readBounded(file, { maxBytes: 256, links: 'refused' }) : null
  const text = loose?.toString('utf8').trim() ?? ''
  if (objectId.test(text)) return text
  const packed = readBounded(join(cloneDir, 'packed-refs'), { maxBytes: maxRefsBytes, links: 'refused' })
  const line = packed
    ?.toString('utf8')
    .split('\n')
    .find((each) => each.endsWith(` refs/heads/${branch}`))
  const id = line?.split(' ')[0] ?? ''
  return objectId.test(id) ? id : null
}

const maxRefsBytes = 67_108_864
/** More than an agent commits; what goes beyond stays in its folder, and the workspace with it. */
const maxObjects = 500_000
const maxBytes = 1_073_741_824
/** Fewer than this are written one by one, so that a repository does not fill with small packs. */
const loosely = 200

/**
 * Brings every object the agent made into the repository, each checked by git. Objects only: no ref moves, no configuration is read, and links
 * or borrowed stores are not followed. Gives sentences of what could not be brought over; safe at any time, also while the agent works.
 */
export async function importClone(workspace: Workspace, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const { cloneDir } = workspace
  if (cloneDir == null || realOrNull(cloneDir) !== cloneDir) return []
  const aside = join(dirname(cloneDir), 'import')
  rmSync(aside, { recursive: true, force: true })
  try {
    const taken = takeObjects(cloneDir, aside)
    if (typeof taken === 'string') return [taken]
    return taken === 0 ? [] : await bringOver(workspace, aside, signal)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return [`The agent's commits could not be brought over: ${error.detail}`]
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

async function bringOver(
  workspace: Workspace,
  aside: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const { gitDir, objectDir } = workspace
  const from: GitOptions = { cwd: aside, gitDir, objectDir: aside, signal, timeoutMs: longGitMs, maxBytes }
  const listed = await git(['cat-file', '--batch-all-objects', '--batch-check=%(objectname)'], from)
  const wanted = await missingFrom(listed, { cwd: aside, gitDir, objectDir, signal, maxBytes })
  if (wanted.length === 0) return []
  const pack = await gitBytes(['pack-objects', '--stdout', '-q'], { ...from, input: `${wanted.join('\n')}\n` })
  const into: GitOptions = { cwd: aside, gitDir, objectDir, signal, timeoutMs: longGitMs, input: pack }
  const args = wanted.length < loosely ? ['unpack-objects', '-q'] : ['index-pack', '--stdin']
  const result = await runGit(args, into)
  return result.code === 0 ? [] : ["The agent's commits could not be brought over: git does not accept their objects."]
}

/** Those that the repository does not have yet. */
async function missingFrom(listed: string, options: GitOptions): Promise<readonly string[]> {
  const checked = await gitOrNull(['cat-file', '--batch-check=%(objectname)'], { ...options, input: `${listed}\n` })
  return (checked ?? '')
    .split('\n')
    .filter((line) => line.endsWith(' missing'))
    .map((line) => line.slice(0, -' missing'.length))
}

/**
 * Gives the objects' files second names in `aside`: plain files of git's own names only. How many, or why not. Folders are held open, because an
 * agent that still runs may put a link to a folder that only the daemon may read in the place of one that was looked at.
 */
function takeObjects(cloneDir: string, aside: string): number | string {
  let [entries, bytes] = [0, 0]
  using clone = new HeldFolder(cloneDir)
  using store = new HeldFolder(clone.at('objects'))
  for (const folder of store.names()) {
    const wanted = folder === 'pack' ? packName : /^[0-9a-f]{2}$/.test(folder) ? looseName : null
    if (wanted === null) continue
    mkdirSync(join(aside, folder), { recursive: true, mode: 0o700 })
    using held = new HeldFolder(store.at(folder))
    for (const name of held.names().filter((each) => wanted.test(each))) {
      const size = secondName(held.at(name), join(aside, folder, name))
      if (size === null) continue
      entries += 1
      bytes += size
      if (entries > maxObjects || bytes > maxBytes) return "The agent's commits are too large to be brought over."
    }
  }
  return entries
}

const looseName = /^[0-9a-f]{38}(?:[0-9a-f]{24})?$/
const packName = /^pack-[0-9a-f]{40,64}\.(?:pack|idx)$/

/** Its size; null when there is no plain file. A second name of a link is that link, and git would follow it. */
function secondName(from: string, to: string): number | null {
  try {
    linkSync(from, to)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ENOENT') return null // repacked meanwhile
    const content = readBounded(from, { maxBytes, links: 'refused' }) // another disk, or links are not allowed
    if (content === null) return null
    writeFileSync(to, content, { mode: 0o600 })
  }
  const stat = lstatSync(to)
  if (stat.isFile()) return stat.size
  rmSync(to, { recursive: true })
  return null
}
