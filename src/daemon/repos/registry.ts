// The repositories this host lets tasks work in: one small file, changed under a lock.

import { realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative } from 'node:path'
import { z } from 'zod'
import { Problem } from '../../core/problem.ts'
import { readFileIfThere, writeFileAtomic } from '../../lib/atomic-file.ts'
import { gitOrNull } from '../../lib/git.ts'
import { withLock } from '../../lib/lock.ts'
import { slug as slugShape } from '../../protocol/names.ts'
import { builtIn } from '../harness/registry.ts'
import type { AgentConfig } from './agent-config.ts'
import { agentConfigIn } from './agent-config.ts'
import type { UsableRepo } from './inspect.ts'
import { inspectRepo } from './inspect.ts'
import { repoFileAt } from './repo-file.ts'

const entry = z.object({
  slug: slugShape,
  path: z.string().describe('The checkout, symlinks resolved'),
  commonDir: z
    .string()
    .describe('Its git folder when it was registered; a checkout that points elsewhere later is refused'),
  trusted: z
    .array(z.string())
    .describe('Content ids of the repo.toml files that may run commands here, and of the agents’ own configurations'),
})
const registryFile = z.object({ version: z.literal(1), repos: z.array(entry) })

export type RegisteredRepo = z.infer<typeof entry>

export interface AddRepo {
  readonly path: string
  readonly slug?: string | undefined
  /** Also trust what its HEAD configures, as `trustRepo` does. */
  readonly trust?: boolean | undefined
}

export interface AddedRepo {
  readonly repo: RegisteredRepo
  /** It was registered before. */
  readonly known: boolean
  readonly notices: readonly string[]
}

/** Contents trusted per repository, a few at a time; branches differ, and old ones should not pile up for ever. */
const trustedKept = 128

/** In order of registration. Throws `configuration` when the file is not a registry. */
export function listRepos(registryPath: string): RegisteredRepo[] {
  const text = readFileIfThere(registryPath)
  if (text === null) return []
  try {
    return registryFile.parse(JSON.parse(text)).repos
  } catch (error) {
    throw new Problem(
      'configuration',
      `${registryPath} is not a list of repositories; mend or delete it, then add them again.`,
      {
        cause: error,
      },
    )
  }
}

/**
 * Registers a checkout; again for the same path it renames or trusts it. Throws `invalid_request` with the sentence of `inspectRepo` when it
 * cannot be used, and `already_exists` naming both paths when the slug is another's.
 */
export async function addRepo(registryPath: string, add: AddRepo, signal?: AbortSignal): Promise<AddedRepo> {
  const found = await inspectRepo(add.path, { signal })
  if (!found.usable) throw new Problem('invalid_request', found.problem)
  const slug = add.slug === undefined ? await defaultSlug(found) : requireSlug(add.slug)
  const trusting = add.trust === true ? await toTrust(found, signal) : null
  return change(registryPath, signal, (repos) => {
    const before = repos.find((repo) => repo.path === found.path)
    const chosen = add.slug === undefined && before !== undefined ? before.slug : slug
    const other = repos.find((repo) => repo.path !== found.path && sameSlug(repo.slug, chosen))
    if (other !== undefined) {
      throw new Problem(
        'already_exists',
        `The slug "${chosen}" of ${found.path} is that of ${other.path}; choose another with --slug NAME.`,
      )
    }
    const trusted = withTrust(before?.trusted ?? [], trusting)
    const repo: RegisteredRepo = { slug: chosen, path: found.path, commonDir: found.commonDir, trusted }
    const rest = repos.map((each) => (each === before ? repo : each))
    return {
      repos: before === undefined ? [...repos, repo] : rest,
      result: { repo, known: before !== undefined, notices: found.notices },
    }
  })
}

/** Takes a repository off the list; nothing of it is deleted. `name` is its slug or path. Throws `unknown_repo`. */
export async function removeRepo(registryPath: string, name: string, signal?: AbortSignal): Promise<RegisteredRepo> {
  return change(registryPath, signal, (repos) => {
    const repo = requireRepo(repos, name)
    return { repos: repos.filter((each) => each !== repo), result: repo }
  })
}

/**
 * Lets what the repository configures at HEAD count from now on: the commands of its `.capstan/repo.toml`, and the agents' own files. A later
 * content is untrusted again. Throws `invalid_request` when it configures nothing.
 */
export async function trustRepo(registryPath: string, name: string, signal?: AbortSignal): Promise<Trusting> {
  const { path } = requireRepo(listRepos(registryPath), name)
  const found = await inspectRepo(path, { signal })
  if (!found.usable) throw new Problem('invalid_request', found.problem)
  const trusted = await toTrust(found, signal)
  return change(registryPath, signal, (repos) => {
    const repo = requireRepo(repos, name)
    const trusting = { ...repo, trusted: withTrust(repo.trusted, trusted) }
    return { repos: repos.map((each) => (each === repo ? trusting : each)), result: trusted }
  })
}

/** By slug or path. Throws `unknown_repo` naming what there is. */
export function requireRepo(repos: readonly RegisteredRepo[], name: string): RegisteredRepo {
  const path = realOrNull(name)
  const repo = repos.find((each) => sameSlug(each.slug, name) || each.path === name || each.path === path)
  if (repo !== undefined) return repo
  const known = repos.map((each) => each.slug).join(', ')
  throw new Problem(
    'unknown_repo',
    `"${name}" is not registered here; ${known === '' ? 'nothing is' : `there are: ${known}`}.`,
  )
}

/**
 * The registered repository that holds `path`, and where `path` leads after symlinks and `..` are resolved; what does not exist yet is judged
 * by the nearest folder that does. Throws `repo_not_allowed`.
 */
export function resolveInside(repos: readonly RegisteredRepo[], path: string): { repo: RegisteredRepo; path: string } {
  const real = isAbsolute(path) ? nearestReal(path) : null
  if (real !== null) {
    const holders = repos.filter((repo) => isInside(repo.path, real))
    const repo = holders.sort((a, b) => b.path.length - a.path.length)[0] // the innermost
    if (repo !== undefined) return { repo, path: real }
  }
  const leads = real === null || real === path ? '' : ` (it leads to ${real})`
  throw new Problem(
    'repo_not_allowed',
    `${path}${leads} is in no registered repository; register it: capstan repo add PATH`,
  )
}

/** True when `path` is `folder` or below it. Both absolute and resolved. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way === '' || (way !== '..' && !way.startsWith('../') && !isAbsolute(way))
}

interface Change<T> {
  readonly repos: readonly RegisteredRepo[]
  readonly result: T
}

function change<T>(
  registryPath: string,
  signal: AbortSignal | undefined,
  edit: (repos: RegisteredRepo[]) => Change<T>,
): Promise<T> {
  return withLock(`${registryPath}.lock`, { signal, timeoutMs: 10_000 }, async () => {
    const { repos, result } = edit(listRepos(registryPath))
    writeFileAtomic(registryPath, `${JSON.stringify({ version: 1, repos }, null, 2)}\n`)
    return result
  })
}

export interface Trusting {
  /** Content id of the `.capstan/repo.toml`; null: there is none. */
  readonly file: string | null
  /** What else is trusted: what configures each harness, by its name. */
  readonly agents: Readonly<Record<string, AgentConfig>>
}

async function toTrust({ path, commonDir, headSha }: UsableRepo, signal: AbortSignal | undefined): Promise<Trusting> {
  const file = await repoFileAt({ commonDir, commit: headSha, trusted: [], signal })
  if (file.kind === 'invalid') throw new Problem('configuration', file.problem)
  const subfolder = file.kind === 'none' ? null : (file.file.subfolder ?? null)
  const at = { cwd: commonDir, gitDir: commonDir, signal }
  const found = await Promise.all(
    builtIn.map(async ({ name, repoConfig }) => {
      const config = repoConfig && (await agentConfigIn(headSha, { names: repoConfig.names, subfolder }, at))
      return config ? [[name, config] as const] : []
    }),
  )
  const agents = Object.fromEntries(found.flat())
  if (file.kind !== 'none' || found.flat().length > 0) return { file: file.kind === 'none' ? null : file.cid, agents }
  const detail = `${path} has no .capstan/repo.toml at HEAD, nor a configuration of an agent; commit one before trusting it.`
  throw new Problem('invalid_request', detail)
}

function withTrust(trusted: readonly string[], trusting: Trusting | null): string[] {
  if (trusting === null) return [...trusted]
  const { file, agents } = trusting
  const cids = [...(file === null ? [] : [file]), ...Object.values(agents).map(({ cid }) => cid)]
  return [...trusted.filter((each) => !cids.includes(each)), ...cids].slice(-trustedKept)
}

function requireSlug(text: string): string {
  const parsed = slugShape.safeParse(text)
  if (parsed.success) return text
  throw new Problem(
    'invalid_request',
    `The slug "${text}" is not valid: ${parsed.error.issues[0]?.message ?? 'choose another'}.`,
  )
}

/** Owner and name of the remote, else the folder's name. */
async function defaultSlug(found: UsableRepo): Promise<string> {
  const url = await gitOrNull(['config', '--get', 'remote.origin.url'], { cwd: found.path, gitDir: found.gitDir })
  return slugOfRemote(url ?? '') ?? sanitised(basename(found.path)) ?? 'repo'
}

/** `git@host:acme/app.git`, `https://host/acme/app` → `acme/app`; null when the address has no owner and name (a local path). */
export function slugOfRemote(url: string): string | null {
  const path = /^(?:[a-z][a-z0-9+.-]*:\/\/[^/]+\/|[^/@\s]+@[^/:\s]+:|[^/:\s]+\.[^/:\s]+:)(.+)$/i.exec(url)?.[1]
  if (path === undefined || /^file:/i.test(url)) return null
  const parts = path
    .replace(/[/\s]+$/, '')
    .replace(/\.git$/, '')
    .split('/')
    .map((part) => sanitised(part))
    .filter((part) => part !== null)
  return parts.length < 2 ? null : parts.slice(-2).join('/')
}

function sanitised(text: string): string | null {
  const kept = text
    .replace(/[^a-z0-9._-]+/gi, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/gi, '')
    .slice(0, 90)
    .replace(/[^a-z0-9]+$/i, '')
  return kept === '' ? null : kept
}

/** Slugs name folders too, and some file systems do not tell `App` from `app`. */
function sameSlug(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function realOrNull(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null // not there, or not readable: then it is no registered path either
  }
}

function nearestReal(path: string): string | null {
  // a dangling link may lead anywhere once its target is made, so parts are resolved one by one from the last that exists
  const missing: string[] = []
  let at = path
  for (;;) {
    const real = realOrNull(at)
    if (real !== null) return missing.some((part) => part === '..' || part === '.') ? null : join(real, ...missing)
    if (at === dirname(at)) return null
    missing.unshift(basename(at))
    at = dirname(at)
  }
}
