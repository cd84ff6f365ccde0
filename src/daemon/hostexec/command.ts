// The command that is started on the host: the program's file, its folder and its whole environment, nothing of which an agent chose but the words.

import { realpathSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { Problem } from '../../core/problem.ts'
import type { Env } from '../../lib/env.ts'
import type { RunUser } from '../../lib/exec.ts'
import { hostVariables } from '../harness/environment.ts'
import { markerName } from '../supervisor/containment/sweep.ts'
import type { Workspace } from '../workspace/port.ts'
import { realOrNull } from '../workspace/private-git.ts'
import type { Forge } from './forge.ts'
import { forgeHost, forgeSettings, forgeVariables } from './forge.ts'
import { checkGhWords } from './gh-words.ts'
import { gitRemote } from './git-words.ts'
import type { Mirror, Remote } from './mirror.ts'

export interface HostCommand {
  readonly env: Env
  readonly cwd: string
  /** Null: the daemon's own user. */
  readonly user: RunUser | null
}

/** git and gh read nothing of the workspace, so that they run as the daemon's user, whose keys and token they need. */
export function isDefended(program: string): program is 'git' | 'gh' {
  return program === 'git' || program === 'gh'
}

/** Refuses words that are never taken; asks nobody. Throws `not_on_host`. */
export function checkWords(
  [program = '', ...args]: readonly string[],
  remotes: readonly Remote[],
  forge: Forge | null,
): Remote | null {
  if (program === 'git') return gitRemote(args, remotes)
  if (program === 'gh') checkGhWords(args, (forge === null ? null : forgeHost(forge, remotes)) ?? 'github.com')
  return null
}

/** git or gh in the mirror. */
export function defendedCommand(
  argv: readonly string[],
  where: {
    readonly mirror: Mirror
    readonly workspace: Workspace
    readonly host: Env
    readonly attemptId: string
    readonly forge: Forge | null
  },
): HostCommand {
  const { mirror, workspace, host, attemptId, forge } = where
  const remote = checkWords(argv, mirror.remotes, forge)
  const forgeAt = forge === null ? null : forgeHost(forge, mirror.remotes)
  const token = forge === null || forgeAt === null ? {} : forgeVariables(forge, forgeAt)
  const settings = [...fixedSettings, ...goesTo(remote, mirror), ...(forgeAt === null ? [] : forgeSettings(forgeAt))]
  return {
    cwd: mirror.gitDir,
    user: null,
    env: {
      ...hostVariables(host),
      ...quiet,
      ...token,
      GIT_DIR: mirror.gitDir,
      GIT_OBJECT_DIRECTORY: mirror.objectDir,
      GIT_ALLOW_PROTOCOL: protocolsOf(remote, workspace),
      ...configVariables(settings),
      [markerName]: attemptId, // by it the end of the run finds whatever was left running
    },
  }
}

/** Another program, which the host's owner has named: in the workspace, as whoever runs the agents. */
export function plainCommand(where: {
  readonly cwd: string
  readonly host: Env
  readonly attemptId: string
  readonly user: RunUser | null
}): HostCommand {
  const { cwd, host, attemptId, user } = where
  const own = user === null ? {} : { HOME: user.home, USER: user.name, LOGNAME: user.name, SSH_AUTH_SOCK: undefined }
  const env = { ...hostVariables(host), ...own, ...configVariables(fixedSettings), [markerName]: attemptId }
  return { env, cwd, user }
}

/** Over every file: what starts programs, goes on in the background, or looks into other repositories. The user's own settings are the host's. */
const fixedSettings: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.pager', 'cat'],
  ['core.editor', 'false'],
  ['push.default', 'current'],
  ['push.followTags', 'false'],
  ['push.gpgSign', 'false'],
  ['push.recurseSubmodules', 'no'],
  ['fetch.recurseSubmodules', 'no'],
  ['submodule.recurse', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['protocol.ext.allow', 'never'],
]

/** Words without a remote mean the one that was checked, whatever the user's own settings say. */
function goesTo(remote: Remote | null, { branch }: Mirror): readonly (readonly [string, string])[] {
  if (remote === null) return []
  const keys = branch === null ? [] : [`branch.${branch}.remote`, `branch.${branch}.pushRemote`]
  return ['remote.pushDefault', ...keys].map((key) => [key, remote.name] as const)
}

/** Nobody is there to answer, and nothing is to be shown in pages. */
const quiet: Env = {
  LC_ALL: 'C.UTF-8',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: 'false',
  SSH_ASKPASS_REQUIRE: 'never',
  GIT_EDITOR: 'false',
  GIT_PAGER: 'cat',
  GIT_NO_LAZY_FETCH: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_ATTR_NOSYSTEM: '1',
  GH_PROMPT_DISABLED: '1',
  GH_NO_UPDATE_NOTIFIER: '1',
  GH_NO_EXTENSION_UPDATE_NOTIFIER: '1',
  GH_PAGER: 'cat',
  NO_COLOR: '1',
}

/**
 * A repository on this host runs its hooks and settings, so it must be one that the registered repository names, by a full path, where no agent
 * writes. Throws `not_on_host`.
 */
function protocolsOf(remote: Remote | null, workspace: Workspace): string {
  const local = (remote?.urls ?? []).map(localPath).filter((path) => path !== null)
  if (remote === null || local.length === 0) return 'https:http:ssh'
  const real = local.map((path) => (isAbsolute(path) ? realOrNull(path) : null))
  const written = workspace.root === null ? workspace.path : realpathSync(workspace.root)
  const bad = real.some((path) => path === null || path === written || path.startsWith(`${written}/`))
  if (!bad && local.length === remote.urls.length) return 'file'
  const detail = `the remote ${remote.name} is a folder that an agent could write, or is not there; push there yourself`
  throw new Problem('not_on_host', detail)
}

/** Null: it is an address. As git tells them apart: a colon before the first slash makes one. */
function localPath(url: string): string | null {
  if (url.startsWith('file://')) return url.slice('file://'.length)
  return /^[\w+.-]+::/.test(url) || /^[\w+.-]+:\/\//.test(url) || /^[^/]*:/.test(url) ? null : url
}

function configVariables(settings: readonly (readonly [string, string])[]): Record<string, string> {
  const pairs = settings.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ])
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(pairs) }
}
