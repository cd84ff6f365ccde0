// The daemon's own git folder for one workspace: no hooks, no filters, no configuration but a few harmless settings of the repository.

import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { processEnv } from '../../lib/env.ts'
import type { GitOptions } from '../../lib/git.ts'
import { git, gitOrNull } from '../../lib/git.ts'
import { lfsFilter } from '../../lib/git-filters.ts'
import type { StatePlaces, Workspace } from './port.ts'

/** Where the state of an attempt's workspace lies. */
export function statePlaces(stateDir: string, attemptId: string): StatePlaces {
  const folder = join(stateDir, 'workspaces', attemptId)
  const gitDir = join(folder, 'git')
  return {
    folder,
    gitDir,
    baseIndex: join(folder, 'base.index'),
    done: join(folder, 'workspace.json'),
    intent: join(folder, 'intent.json'),
  }
}

/** The options with which git looks at a workspace's files through the daemon's own git folder. */
export function privately(
  workspace: Pick<Workspace, 'path' | 'gitDir' | 'objectDir'>,
  more: { readonly indexFile?: string; readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number } = {},
): GitOptions {
  return {
    cwd: workspace.path,
    workTree: workspace.path,
    gitDir: workspace.gitDir,
    objectDir: workspace.objectDir,
    config: { 'core.bare': 'false', ...lfsFilter() },
    ...more,
  }
}

/** Settings that say how bytes on disk become objects, with the only values taken over. None can start a program. */
const safeSettings: Readonly<Record<string, RegExp>> = {
  'core.autocrlf': /^(true|false|input)$/,
  'core.eol': /^(lf|crlf|native)$/,
  'core.filemode': /^(true|false)$/,
  'core.ignorecase': /^(true|false)$/,
  'core.symlinks': /^(true|false)$/,
  'core.precomposeunicode': /^(true|false)$/,
  'extensions.objectformat': /^(sha1|sha256)$/,
}
/** An ignore file larger than this is not one. */
const maxListBytes = 1_048_576

/**
 * Makes the folder afresh. `commonDir` null: an object store of its own (scratch). The repository's settings are copied now, before the agent
 * runs, and never read again.
 */
export async function makePrivateGit(gitDir: string, commonDir: string | null, signal: AbortSignal): Promise<void> {
  rmSync(gitDir, { recursive: true, force: true })
  for (const folder of ['objects/info', 'objects/pack', 'refs/heads', 'info']) {
    mkdirSync(join(gitDir, folder), { recursive: true, mode: 0o700 })
  }
  writeFileSync(join(gitDir, 'HEAD'), 'ref: refs/heads/none\n')
  if (commonDir === null) {
    writeFileSync(join(gitDir, 'config'), configText(new Map(), gitDir))
    return
  }
  const [settings, users] = await Promise.all([settingsOf(commonDir, signal), userExcludes(commonDir, signal)])
  writeFileSync(join(gitDir, 'config'), configText(settings, commonDir))
  const excludes = [smallFile(users), smallFile(join(commonDir, 'info/exclude'))]
  writeFileSync(join(gitDir, 'info/exclude'), excludes.join('\n'))
  writeFileSync(join(gitDir, 'info/attributes'), smallFile(join(commonDir, 'info/attributes')))
  const shallow = smallFile(join(commonDir, 'shallow'))
  if (shallow !== '') writeFileSync(join(gitDir, 'shallow'), shallow)
}

async function settingsOf(commonDir: string, signal: AbortSignal): Promise<Map<string, string>> {
  const pattern = `^(${Object.keys(safeSettings).join('|').replaceAll('.', '\\.')})$`
  const listed = await gitOrNull(['config', '-z', '--get-regexp', pattern], {
    cwd: commonDir,
    gitDir: commonDir,
    configuration: 'user', // line ends are often the user's setting, not the repository's
    signal,
  })
  const settings = new Map<string, string>()
  for (const pair of listed?.split('\0') ?? []) {
    const [key = '', value = 'true'] = pair.split('\n') // a key without a value is true
    if (safeSettings[key]?.test(value) === true) settings.set(key, value)
  }
  return settings
}

function configText(settings: ReadonlyMap<string, string>, lfsHome: string): string {
  const format = settings.has('extensions.objectformat') ? 1 : 0
  const lines = ['[core]', `\trepositoryformatversion = ${format}`, '\tbare = false', '\tlogallrefupdates = false']
  for (const [key, value] of settings) {
    const [section, name] = key.split('.')
    lines.push(`[${section}]`, `\t${name} = ${value}`)
  }
  // the one filter that may run; its objects stay where the repository has them
  lines.push('[lfs]', `\tstorage = ${JSON.stringify(join(lfsHome, 'lfs'))}`)
  return `${lines.join('\n')}\n`
}

async function userExcludes(commonDir: string, signal: AbortSignal): Promise<string> {
  const named = await gitOrNull(['config', '--type=path', '--get', 'core.excludesFile'], {
    cwd: commonDir,
    gitDir: commonDir,
    configuration: 'user',
    signal,
  })
  const env = processEnv()
  return named ?? join(env.XDG_CONFIG_HOME ?? join(env.HOME ?? homedir(), '.config'), 'git/ignore')
}

/** Text of a regular file of modest size, else nothing. Never blocks on a pipe. */
function smallFile(path: string): string {
  return readBounded(path, { maxBytes: maxListBytes, links: 'followed' })?.toString('utf8') ?? ''
}

/**
 * A regular file's bytes; null when it is missing, larger than `maxBytes`, not a regular file, or (`links: 'refused'`) a symbolic link.
 * For files that an agent may have put there: it never blocks and never follows.
 */
export function readBounded(path: string, how: { maxBytes: number; links: 'followed' | 'refused' }): Buffer | null {
  const follow = how.links === 'refused' ? constants.O_NOFOLLOW : 0
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | follow)
  } catch {
    return null // missing, a link, or unreadable: the caller has a sentence for each use
  }
  try {
    const found = fstatSync(file)
    return found.isFile() && found.size <= how.maxBytes ? readFileSync(file) : null
  } finally {
    closeSync(file)
  }
}

/**
 * Copies an index and keeps its time (whole seconds, rounded down): git compares entries with that time to know which files may have changed
 * unseen within the same second, so a younger copy would hide a change.
 */
export function copyIndex(from: string, to: string): void {
  const seconds = Math.floor(statSync(from).mtimeMs / 1_000)
  copyFileSync(from, to, constants.COPYFILE_FICLONE)
  utimesSync(to, seconds, seconds)
}

/** Writes the files of `commit` into the workspace and its entries into `indexFile`; no hook, no filter but git-lfs. */
export async function populate(
  workspace: Pick<Workspace, 'path' | 'gitDir' | 'objectDir'>,
  commit: string,
  indexFile: string,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<void> {
  rmSync(indexFile, { force: true })
  await git(['read-tree', '--reset', '-u', commit], privately(workspace, { indexFile, ...options }))
}

/** The path after symlinks, or null when nothing is there. */
export function realOrNull(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}
