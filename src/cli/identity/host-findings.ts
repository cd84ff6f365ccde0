// What doctor sees of this host: programs, data folder, disk, repositories.

import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Env } from '../../lib/env.ts'
import { exec } from '../../lib/exec.ts'
import type { Context } from '../context.ts'
import { repoRegistryPath } from '../data-dir.ts'
import { problemOfSystem } from '../exit.ts'
import { bytes } from '../render/figures.ts'
import type { Finding } from '../render/findings.ts'

/** worktree add --lock with a reason, and `--end-of-options` where we need it. */
const oldestGit = [2, 38] as const
const minFreeBytes = 10e9

export async function hostFindings(dataDir: string, context: Context): Promise<readonly Finding[]> {
  const { env, signal } = context
  return [
    node(),
    await git(env, signal),
    dataFolder(dataDir),
    disk(dataDir),
    await repositories(dataDir, signal),
    await optional({ what: 'tmux', args: ['-V'], remedy: 'install tmux 3' }, env),
    await script(env),
    ...(await sandbox(context)),
  ]
}

function node(): Finding {
  return { what: 'node', state: 'ok', detail: `${process.versions.node} at ${process.execPath}`, remedy: null }
}

async function git(env: Env, signal: AbortSignal): Promise<Finding> {
  const text = await outputOf('git', ['--version'], { env, signal })
  if (text === null)
    return { what: 'git', state: 'fail', detail: 'not found on PATH', remedy: 'install git, then run this again' }
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(text) ?? []
  const newEnough = Number(major) > oldestGit[0] || (Number(major) === oldestGit[0] && Number(minor) >= oldestGit[1])
  if (newEnough) return { what: 'git', state: 'ok', detail: text, remedy: null }
  return { what: 'git', state: 'fail', detail: text, remedy: `install git ${oldestGit.join('.')} or newer` }
}

function dataFolder(dataDir: string): Finding {
  const what = 'data'
  try {
    // a folder that is not there yet will be made by the first start
    accessSync(nearest(dataDir), constants.W_OK | constants.X_OK)
    const open = existsSync(dataDir) && (statSync(dataDir).mode & 0o077) !== 0
    if (!open) return { what, state: 'ok', detail: dataDir, remedy: null }
    return { what, state: 'warn', detail: `${dataDir} can be read by others`, remedy: `chmod 700 ${dataDir}` }
  } catch (error) {
    const why = problemOfSystem(error)?.detail ?? String(error)
    return { what, state: 'fail', detail: why, remedy: 'choose another folder with --data DIR or CAPSTAN_HOME' }
  }
}

function disk(dataDir: string): Finding {
  const what = 'disk'
  try {
    const { bavail, blocks, bsize } = statfsSync(nearest(dataDir))
    const [free, size] = [bavail * bsize, blocks * bsize]
    const needed = Math.max(size < minFreeBytes * 10 ? 0 : minFreeBytes, size / 10)
    if (free >= needed) return { what, state: 'ok', detail: `${bytes(free)} free`, remedy: null }
    const detail = `${bytes(free)} free; no work is taken below ${bytes(needed)}`
    return { what, state: 'warn', detail, remedy: 'free some space, or lower the bound with --min-free-disk GB' }
  } catch (error) {
    return { what, state: 'warn', detail: `free space is not known: ${String(error)}`, remedy: null }
  }
}

async function repositories(dataDir: string, signal: AbortSignal): Promise<Finding> {
  const what = 'repos'
  const { listRepos } = await import('../../daemon/repos/registry.ts')
  const { surveyRepos } = await import('../../daemon/repos/survey.ts')
  try {
    const surveyed = await surveyRepos(listRepos(repoRegistryPath(dataDir)), { signal })
    const broken = surveyed.flatMap(({ repo, problem }) => (problem === null ? [] : [`${repo.slug}: ${problem}`]))
    if (surveyed.length === 0)
      return { what, state: 'warn', detail: 'none is registered here', remedy: 'capstan repo add PATH' }
    if (broken.length === 0) return { what, state: 'ok', detail: `${surveyed.length} registered`, remedy: null }
    return { what, state: 'warn', detail: broken.join('; '), remedy: 'mend them, or: capstan repo rm SLUG' }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return { what, state: 'fail', detail, remedy: `mend or remove ${repoRegistryPath(dataDir)}` }
  }
}

/** Each ability by trying it out: a program that is there may still not be allowed its namespaces. */
async function sandbox({ env, clock }: Context): Promise<readonly Finding[]> {
  const { sandboxAbilities } = await import('../../daemon/sandbox/host.ts')
  const { makeHostProbe } = await import('../../daemon/harness/probe.ts')
  const abilities = await sandboxAbilities(makeHostProbe(env), null, clock)
  return abilities.map(({ what, problem, detail }) =>
    problem === null
      ? { what, state: 'ok', detail, remedy: null }
      : { what, state: 'info', detail: `needed only for profiles that ask for it: ${problem}`, remedy: null },
  )
}

interface Program {
  readonly what: string
  readonly args: readonly string[]
  readonly remedy: string
}

async function optional({ what, args, remedy }: Program, env: Env): Promise<Finding> {
  const text = await outputOf(what, args, { env })
  if (text !== null) return { what, state: 'ok', detail: text, remedy: null }
  return { what, state: 'info', detail: 'not found; needed only for interactive tasks', remedy }
}

/** That of util-linux alone tells an agent's exit code; macOS has its own, which does. */
async function script(env: Env): Promise<Finding> {
  const [what, remedy] = ['script', 'install util-linux (package util-linux, or bsdutils on Debian and Ubuntu)']
  if (process.platform === 'darwin') return { what, state: 'ok', detail: 'of the system', remedy: null }
  const found = await optional({ what, args: ['--version'], remedy }, env)
  if (found.state !== 'ok' || found.detail.includes('util-linux')) return found
  return {
    what,
    state: 'info',
    detail: `${found.detail} is not that of util-linux; needed for interactive tasks`,
    remedy,
  }
}

async function outputOf(
  program: string,
  args: readonly string[],
  { env, signal }: { env: Env; signal?: AbortSignal },
): Promise<string | null> {
  try {
    const run = { env, timeoutMs: 5_000, ...(signal === undefined ? {} : { signal }) }
    const { code, stdout } = await exec(program, args, run)
    return code === 0 ? (stdout.toString('utf8').trim().split('\n')[0] ?? '') : null
  } catch {
    signal?.throwIfAborted()
    return null // not on PATH
  }
}

function nearest(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearest(dirname(path))
}
