// The one way git is run: a clean fixed environment, nothing of the repository's that could run a program, a timeout, and sentences for errors.

import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { Problem } from '../core/problem.ts'
import type { Env } from './env.ts'
import { processEnv } from './env.ts'
import type { ExecResult } from './exec.ts'
import { exec } from './exec.ts'

export interface GitOptions {
  readonly cwd: string
  /** With it git looks nothing up from `cwd`: the only safe form in a folder that an agent may have written. */
  readonly gitDir?: string
  readonly workTree?: string
  readonly indexFile?: string
  readonly objectDir?: string
  readonly input?: string | Uint8Array
  /** A command line to put before git's own: a program that starts it somewhere else. */
  readonly before?: readonly string[]
  /** Default 60 s. */
  readonly timeoutMs?: number
  /** Default 16 MiB; a longer answer is an error. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal | undefined
  /** Added to the fixed settings; they win over every file. */
  readonly config?: Readonly<Record<string, string>>
  /** Who a commit is from; without it a commit is Capstan's own. */
  readonly author?: GitAuthor
  /** `user` reads the user's own configuration too (line ends, ignore files). Default: none but the repository's. */
  readonly configuration?: 'user'
  /** What a command may fetch from. Default: nothing, also not what a repository calls its promisor. */
  readonly fetchFrom?: 'files'
}

export interface GitAuthor {
  readonly name: string
  readonly email: string
  /** Its key: a file for ssh, an id for openpgp. `commit-tree` signs with it when given `signArgs`. */
  readonly signing?: { readonly format: 'ssh' | 'openpgp'; readonly key: string }
}

/** For `commit-tree`: sign where the author has a key. */
export function signArgs({ signing }: GitAuthor): readonly string[] {
  return signing === undefined ? [] : ['-S']
}

/** Long enough for `add` or a checkout of a very large repository, short enough that a hung disk is noticed. */
export const longGitMs = 900_000
const defaultGitMs = 60_000
const nobody: GitAuthor = { name: 'Capstan', email: 'capstan@localhost' }

/** Settings by which a repository's configuration could start a program, block, or change what is written; all switched off. */
const fixedConfig: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.untrackedCache': 'false',
  'core.splitIndex': 'false',
  'core.safecrlf': 'false',
  'core.quotePath': 'false',
  'core.pager': 'cat',
  'core.sshCommand': 'false',
  'credential.helper': '',
  'diff.ignoreSubmodules': 'all',
  'submodule.recurse': 'false',
  'protocol.ext.allow': 'never',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'commit.gpgSign': 'false',
  'advice.detachedHead': 'false',
  'advice.addEmbeddedRepo': 'false',
}

/**
 * Runs git and gives what it said, whatever its exit code. Throws `workspace_failed` when git is missing or took longer than its timeout (`cause` is then `timeout`), and
 * the signal's reason when it aborts.
 */
export async function runGit(args: readonly string[], options: GitOptions): Promise<ExecResult> {
  const timeoutMs = options.timeoutMs ?? defaultGitMs
  const result = await start(args, options, timeoutMs)
  if (result.timedOut) {
    throw new Problem(
      'workspace_failed',
      `git ${args[0]} in ${options.cwd} did not end within ${timeoutMs / 1_000} s; look for a hung disk or network mount there.`,
      { cause: 'timeout' },
    )
  }
  return result
}

/** Runs git and gives its standard output. Throws `workspace_failed` with git's own words when it fails or says more than `maxBytes`. */
export async function gitBytes(args: readonly string[], options: GitOptions): Promise<Buffer> {
  const result = await runGit(args, options)
  if (result.code !== 0) throw gitFailed(args, options.cwd, result)
  if (result.truncated) {
    throw new Problem(
      'workspace_failed',
      `git ${args[0]} in ${options.cwd} said more than ${options.maxBytes ?? 16_777_216} bytes; nothing was done with it.`,
    )
  }
  return result.stdout
}

/** As `gitBytes`, as text without the last line end. */
export async function git(args: readonly string[], options: GitOptions): Promise<string> {
  return (await gitBytes(args, options)).toString('utf8').replace(/\n$/, '')
}

/** The output as in `git`, or null when git exits with another code than 0 ("no such ref", "not a repository"). */
export async function gitOrNull(args: readonly string[], options: GitOptions): Promise<string | null> {
  const result = await runGit(args, options)
  return result.code === 0 ? result.stdout.toString('utf8').replace(/\n$/, '') : null
}

export function gitFailed(args: readonly string[], cwd: string, result: ExecResult): Problem {
  const ended = result.code === null ? `was ended by ${result.signal ?? 'a signal'}` : `failed with ${result.code}`
  return new Problem('workspace_failed', `git ${args[0]} in ${cwd} ${ended}: ${lastWords(result.stderr)}.`)
}

/** What git complained of, in one line. */
export function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '')
  const said = lines.find((line) => /^(fatal|error):/.test(line)) ?? lines.at(-1) ?? 'it said nothing'
  return said.replace(/^(fatal|error): /, '').replace(/[.\s]+$/, '')
}

/** Splits the output of a command run with `-z`. */
export function zeroSeparated(output: Buffer): string[] {
  return output.toString('utf8').split('\0').slice(0, -1)
}

async function start(args: readonly string[], options: GitOptions, timeoutMs: number): Promise<ExecResult> {
  try {
    const [program = 'git', ...words] = [...(options.before ?? []), 'git', ...args]
    return await exec(program, words, {
      cwd: options.cwd,
      env: environment(options),
      timeoutMs,
      ...(options.input === undefined ? {} : { input: options.input }),
      ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    const missing = existsSync(options.cwd)
      ? 'git is not on PATH; install git 2.34 or newer.'
      : `The folder ${options.cwd} does not exist; it was moved or deleted.`
    throw new Problem('workspace_failed', missing, { cause: error })
  }
}

function environment(options: GitOptions): Record<string, string | undefined> {
  const host = processEnv()
  const author = options.author ?? nobody
  // ownership was judged when the repository was registered, by the user's own list
  const ownership = options.configuration === 'user' ? {} : { 'safe.directory': '*' }
  return {
    PATH: absoluteOnly(host.PATH),
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_NO_LAZY_FETCH: '1', // a missing object is not fetched by a program that the repository's configuration names
    GIT_ALLOW_PROTOCOL: options.fetchFrom === 'files' ? 'file' : '', // the same for a git older than that variable
    GIT_LFS_SKIP_SMUDGE: '1', // large files that are here are used; none is fetched behind the user's back
    GIT_EDITOR: 'false',
    GIT_ASKPASS: 'false',
    GIT_AUTHOR_NAME: author.name,
    GIT_AUTHOR_EMAIL: author.email,
    GIT_COMMITTER_NAME: author.name,
    GIT_COMMITTER_EMAIL: author.email,
    GIT_DIR: options.gitDir,
    GIT_WORK_TREE: options.workTree,
    GIT_INDEX_FILE: options.indexFile,
    GIT_OBJECT_DIRECTORY: options.objectDir,
    ...(options.configuration === 'user' ? userFiles(host) : noFiles),
    ...signingAgents(author, host),
    ...configVariables({ ...fixedConfig, ...ownership, ...options.config, ...signingConfig(author) }),
  }
}

/** The programs are named, so that no configuration names others. */
function signingConfig({ signing }: GitAuthor): Record<string, string> {
  if (signing === undefined) return {}
  const programs = { 'gpg.program': 'gpg', 'gpg.openpgp.program': 'gpg', 'gpg.ssh.program': 'ssh-keygen' }
  return { ...programs, 'gpg.format': signing.format, 'user.signingKey': signing.key }
}

/** Where a key with a passphrase is unlocked. */
function signingAgents({ signing }: GitAuthor, host: Env): Record<string, string | undefined> {
  if (signing === undefined) return {}
  const { HOME = '/nonexistent', GNUPGHOME = `${HOME}/.gnupg`, SSH_AUTH_SOCK } = host
  return { GNUPGHOME, SSH_AUTH_SOCK }
}

const noFiles = { HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' }

function userFiles(host: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  const { HOME, XDG_CONFIG_HOME, GIT_CONFIG_GLOBAL, GIT_CONFIG_SYSTEM, GIT_CONFIG_NOSYSTEM } = host
  return { HOME, XDG_CONFIG_HOME, GIT_CONFIG_GLOBAL, GIT_CONFIG_SYSTEM, GIT_CONFIG_NOSYSTEM }
}

/** A relative entry of PATH would find programs in the folder git works in. */
function absoluteOnly(path = '/usr/local/bin:/usr/bin:/bin'): string {
  return path
    .split(':')
    .filter((entry) => isAbsolute(entry))
    .join(':')
}

function configVariables(config: Readonly<Record<string, string>>): Record<string, string> {
  const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(Object.keys(config).length) }
  for (const [at, [key, value]] of Object.entries(config).entries()) {
    variables[`GIT_CONFIG_KEY_${at}`] = key
    variables[`GIT_CONFIG_VALUE_${at}`] = value
  }
  return variables
}
