// OpenCode: `opencode run --format json`, and `opencode acp` where a person is asked. Facts measured on 1.18.33; docs/harnesses.md lists its lies.

import type { HarnessFound } from '../../protocol/fleet.ts'
import { keyAccount } from './account.ts'
import { detectProgram } from './detect.ts'
import { untuned } from './given.ts'
import { interruptTwice, promptByFile } from './interactive.ts'
import { objectOf, parseObject } from './json.ts'
import { config, files, inConfig, modelName, reaching } from './opencode-config.ts'
import type { OpencodeState } from './opencode-stream.ts'
import { finishOpencode, initialOpencodeState, reduceOpencode } from './opencode-stream.ts'
import type { Harness, HomePath, HostProbe, Launch, RunInput, TokenEntry } from './port.ts'
import { hasProviderKey, providerKeys } from './provider-keys.ts'
import type { TwoStyles } from './two-styles.ts'
import { withAsking } from './two-styles.ts'

const stream: Harness<OpencodeState> = {
  name: 'opencode',
  title: 'OpenCode',
  explicit: false,
  autonomies: ['full', 'edit'],
  takes: ['instructions', 'skills'],
  /** By name: a daemon started inside OpenCode must not pass on the marks of that outer session. */
  passEnv: [
    'OPENCODE_AUTH_CONTENT',
    'OPENCODE_CONFIG',
    'OPENCODE_CONFIG_CONTENT',
    'OPENCODE_CONFIG_DIR',
    'OPENCODE_DISABLE_*',
    'OPENCODE_ENABLE_*',
    'OPENCODE_EXPERIMENTAL*',
    'OPENCODE_MODELS_*',
    'AZURE_RESOURCE_NAME',
    'CLOUDFLARE_ACCOUNT_ID',
    'CLOUDFLARE_GATEWAY_ID',
    ...providerKeys,
  ],
  moreEnv: namedInConfig,
  homePaths,
  // Its plugins are loaded whatever OPENCODE_DISABLE_PROJECT_CONFIG or OPENCODE_PURE say (measured on 1.18.33).
  repoConfig: { names: ['opencode.json', 'opencode.jsonc', '.opencode'], untrusted: 'obeyed' },
  detect,
  account: (host) => keyAccount(host.env, providerKeys),
  launch,
  interactive,
  leaveKeys: interruptTwice,
  initial: initialOpencodeState,
  reduce: reduceOpencode,
  sessionFiles,
  finish: finishOpencode,
}

export const opencode: Harness<TwoStyles<OpencodeState>> = withAsking(stream, {
  title: 'OpenCode',
  authMethod: null,
  modelInArgs: true,
  argv: () => ['opencode', 'acp'],
  able: inConfig,
  files,
  env: (input) => ({
    ...switchesOf(input),
    OPENCODE_CONFIG_CONTENT: JSON.stringify({
      ...config(input, null),
      ...(input.model === null ? {} : { model: modelName(input) }),
    }),
    OPENCODE_PERMISSION: JSON.stringify(reaching(askPermission, input)),
  }),
})

function detect(host: HostProbe): Promise<HarnessFound> {
  return detectProgram(host, {
    name: 'opencode',
    program: 'opencode',
    install: 'npm install -g opencode-ai',
    // The line in which `run --auto` was measured; 1.15 had another name for it.
    minimum: '1.18.0',
    signIn: () =>
      signedIn(host)
        ? null
        : 'OpenCode is not signed in: run opencode auth login, or set a provider’s key such as ANTHROPIC_API_KEY',
  })
}

function signedIn(host: HostProbe): boolean {
  const { env } = host
  if (hasProviderKey(env) || (env.OPENCODE_AUTH_CONTENT ?? '') !== '') return true
  const accounts = parseObject(host.read(`${dataFolder(env)}/auth.json`) ?? '')
  if (accounts !== null && Object.keys(accounts).length > 0) return true
  // A provider of the user's own, such as a local one, may need no key.
  return configTexts(host).some((text) => objectOf(parseObject(text)?.provider) !== null || /"provider"\s*:/.test(text))
}

/** Keys and headers that the configuration takes from the environment: `{env:NAME}`. */
function namedInConfig(host: HostProbe): readonly string[] {
  const names = configTexts(host).flatMap((text) =>
    [...text.matchAll(/\{env:([A-Za-z_]\w*)\}/g)].map(([, name]) => name),
  )
  return names.filter((name) => name !== undefined)
}

function configTexts(host: HostProbe): readonly string[] {
  const { env } = host
  const folder = configFolder(env)
  const files = ['opencode.json', 'opencode.jsonc', 'config.json'].map((name) => `${folder}/${name}`)
  const own = env.OPENCODE_CONFIG ? [env.OPENCODE_CONFIG] : []
  const texts = [...files, ...own].map((path) => host.read(path))
  return [...texts, env.OPENCODE_CONFIG_CONTENT ?? null].filter((text) => text !== null)
}

function configFolder(env: HostProbe['env']): string {
  return env.OPENCODE_CONFIG_DIR || `${env.XDG_CONFIG_HOME || `${env.HOME ?? ''}/.config`}/opencode`
}

function dataFolder(env: HostProbe['env']): string {
  return `${env.XDG_DATA_HOME || `${env.HOME ?? ''}/.local/share`}/opencode`
}

/** What `edit` denies, over everything a configuration allows. */
const editPermission = { edit: 'allow', bash: 'deny', webfetch: 'deny', websearch: 'deny', external_directory: 'deny' }

/** By itself it allows nearly everything, also where it could ask. */
const askPermission = { edit: 'ask', bash: 'ask', webfetch: 'ask', websearch: 'ask', external_directory: 'ask' }

const switches = {
  OPENCODE_DISABLE_AUTOUPDATE: '1',
  OPENCODE_DISABLE_SHARE: '1',
  OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
}

function switchesOf({ trusted }: RunInput): Launch['env'] {
  return { ...switches, ...(trusted ? {} : { OPENCODE_DISABLE_PROJECT_CONFIG: '1' }) }
}

function launch(input: RunInput): Launch {
  const full = input.autonomy === 'full'
  const model = input.model === null ? [] : [`--model=${modelName(input)}`]
  const { thinkingLevel } = input.given.tuning
  const thinks = thinkingLevel !== undefined && thinkingLevel !== 'off'
  const variant = thinks ? [`--variant=${thinkingLevel}`] : []
  const resume = input.sessionRef === null ? [] : ['--session', input.sessionRef]
  // Its log is the only place where it tells of requests that it tries again.
  const log = ['--print-logs', '--log-level', 'ERROR']
  const auto = full ? ['--auto'] : []
  return {
    argv: ['opencode', 'run', '--format', 'json', '--thinking', ...log, ...auto, ...model, ...variant, ...resume],
    env: {
      ...switchesOf(input),
      OPENCODE_CONFIG_CONTENT: JSON.stringify(config(input, input.mcp)),
      ...(full ? {} : { OPENCODE_PERMISSION: JSON.stringify(reaching(editPermission, input)) }),
    },
    stdin: { kind: 'file', text: input.prompt },
    notHonoured: [
      ...(input.maxTurns === null ? [] : ['maxTurns: opencode run has no limit of turns']),
      ...untuned('OpenCode', input.given.tuning, thinks ? [...inConfig, 'thinkingLevel'] : inConfig),
    ],
    files: files(input),
  }
}

function interactive(asked: RunInput): Omit<Launch, 'stdin'> {
  const { input, words, files: prompt } = promptByFile(asked)
  const model = input.model === null ? [] : [`--model=${modelName(input)}`]
  const resume = input.sessionRef === null ? [] : ['--session', input.sessionRef]
  const permission = { full: null, edit: editPermission, ask: askPermission }[input.autonomy]
  return {
    argv: ['opencode', ...model, ...resume, '--prompt', words],
    env: {
      ...switchesOf(input),
      OPENCODE_CONFIG_CONTENT: JSON.stringify(config(input, input.mcp)),
      ...(permission === null ? {} : { OPENCODE_PERMISSION: JSON.stringify(reaching(permission, input)) }),
    },
    notHonoured: [
      ...(input.maxTurns === null ? [] : ['maxTurns: opencode has no limit of turns']),
      ...untuned('OpenCode', input.given.tuning, inConfig),
    ],
    files: [...files(input), ...prompt],
  }
}

/** All conversations lie in one database; whether it holds this one, only OpenCode can tell. */
function sessionFiles(host: HostProbe): readonly string[] {
  const folder = dataFolder(host.env)
  return host.list(folder).includes('opencode.db') ? [`${folder}/opencode.db`] : []
}

/** What it renews in auth.json. */
const signIns: TokenEntry = {
  at: ['*'],
  having: { type: 'oauth' }, // `wellknown` names a server whose settings start programs
  tokens: ['access', 'refresh'],
  expires: 'expires',
  longestMs: 14 * 86_400_000, // those of OpenAI hold 10 days, others hours
}

/**
 * Its settings, its plugins and what it has fetched start programs, and so does the configuration of the git folders that it keeps beside its
 * database; a sandboxed agent writes the database, the logs and the renewed tokens alone.
 */
function homePaths(env: HostProbe['env']): readonly HomePath[] {
  const [data, settings] = [dataFolder(env), configFolder(env)]
  const state = `${env.XDG_STATE_HOME || `${env.HOME ?? ''}/.local/state`}/opencode`
  const cache = `${env.XDG_CACHE_HOME || `${env.HOME ?? ''}/.cache`}/opencode`
  const copied = ['opencode.json', 'opencode.jsonc', 'config.json', 'package.json', 'bun.lock', 'package-lock.json']
  const read = ['AGENTS.md', 'agent', 'command', 'mode', 'plugin', 'skill', 'theme', 'tool', 'node_modules']
  const fetched = ['bin', 'node_modules', 'packages', 'skills'].map((name) => `${cache}/${name}`)
  const plural = read.slice(1, -1).map((name) => `${name}s`)
  return [
    { path: data, access: 'kept' },
    { path: `${data}/auth.json`, access: 'tokens', entries: [signIns] },
    ...['bin', 'repos', 'snapshot', 'worktree'].map((name) => ({ path: `${data}/${name}`, access: 'fresh' as const })),
    ...[state, cache, settings].map((path) => ({ path, access: 'fresh' as const })),
    ...['version', 'models.json'].map((name) => ({ path: `${cache}/${name}`, access: 'copy' as const })),
    ...copied.map((name) => ({ path: `${settings}/${name}`, access: 'copy' as const })),
    ...[...read, ...plural].map((name) => ({ path: `${settings}/${name}`, access: 'read' as const })),
    ...fetched.map((path) => ({ path, access: 'read' as const })),
  ]
}
