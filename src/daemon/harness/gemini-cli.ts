// Gemini CLI: `gemini --output-format stream-json`, and `--acp` where a person is asked. Facts measured on 0.61.0; docs/harnesses.md lists its lies.

import type { HarnessFound } from '../../protocol/fleet.ts'
import { detectProgram } from './detect.ts'
import { geminiAccount, geminiCredentials, geminiTokens } from './gemini-cli-account.ts'
import type { GeminiState } from './gemini-cli-state.ts'
import { initialGeminiState } from './gemini-cli-state.ts'
import { reduceGemini } from './gemini-cli-stream.ts'
import { finishGemini } from './gemini-cli-verdict.ts'
import { untuned } from './given.ts'
import { interruptTwice, promptByFile } from './interactive.ts'
import { objectOf, parseObject, textOf } from './json.ts'
import type { Harness, HomePath, HostProbe, Launch, RunInput } from './port.ts'
import type { TwoStyles } from './two-styles.ts'
import { withAsking } from './two-styles.ts'

const stream: Harness<GeminiState> = {
  name: 'gemini-cli',
  title: 'Gemini CLI',
  explicit: false,
  autonomies: ['full', 'edit'],
  /** By name: a daemon started inside Gemini CLI must not pass on the marks of that outer session. */
  passEnv: [
    'GEMINI_API_KEY',
    'GEMINI_MODEL',
    'GEMINI_CLI_HOME',
    'GEMINI_CLI_SYSTEM_DEFAULTS_PATH',
    'GEMINI_CLI_SYSTEM_SETTINGS_PATH',
    'GEMINI_CLI_TRUSTED_FOLDERS_PATH',
    'GEMINI_CLI_USE_COMPUTE_ADC',
    'GOOGLE_API_KEY',
    'GOOGLE_APPLICATION_CREDENTIALS',
    'GOOGLE_CLOUD_*',
    'GOOGLE_GENAI_*',
    'GOOGLE_GEMINI_BASE_URL',
    'GOOGLE_VERTEX_BASE_URL',
    'CODE_ASSIST_ENDPOINT',
    'CLOUD_SHELL',
  ],
  homePaths,
  repoConfig: { names: ['.gemini', '.env'], untrusted: 'held', instructions: 'GEMINI.md' },
  detect,
  account: geminiAccount,
  credentials: geminiCredentials,
  launch,
  interactive,
  leaveKeys: interruptTwice,
  initial: initialGeminiState,
  reduce: reduceGemini,
  sessionFiles,
  finish: finishGemini,
}

export const geminiCli: Harness<TwoStyles<GeminiState>> = withAsking(stream, {
  title: 'Gemini CLI',
  authMethod: null,
  modelInArgs: true,
  argv: (input) => ['gemini', '--acp', '--approval-mode', 'default', ...modelOf(input), ...foldersOf(input)],
  env: switchesOf,
  // Without a trusted folder its stream refuses to start (exit code 55, measured); its conversation asks, and the autonomy answers.
  alsoUntrusted: true,
})

function detect(host: HostProbe): Promise<HarnessFound> {
  return detectProgram(host, {
    name: 'gemini-cli',
    program: 'gemini',
    install: 'npm install -g @google/gemini-cli',
    // `--output-format stream-json` came with it (its changelog).
    minimum: '0.11.0',
    signIn: () => signIn(host),
  })
}

/** Null when signed in, else the sentence with the remedy. */
function signIn(host: HostProbe): string | null {
  const { env } = host
  const chosen = chosenSignIn(host)
  // Then it takes the server for a gateway of its own kind, and a key alone is not enough: exit code 41 (measured).
  if ((env.GOOGLE_GEMINI_BASE_URL ?? '') !== '' && chosen === null) {
    return 'Gemini CLI has GOOGLE_GEMINI_BASE_URL set but no way to sign in chosen: run gemini and choose one with /auth'
  }
  if (keys.some((key) => (env[key] ?? '') !== '')) return null
  if (['GOOGLE_GENAI_USE_VERTEXAI', 'CLOUD_SHELL', 'GEMINI_CLI_USE_COMPUTE_ADC'].some((name) => env[name] === 'true')) {
    return null
  }
  if (parseObject(host.read(`${geminiFolder(env)}/oauth_creds.json`) ?? '') !== null) return null
  // A key that its own dialog stored lies in the keychain or, encrypted, in a file: the choice tells of it.
  if (chosen !== null && chosen !== 'oauth-personal') return null
  return 'Gemini CLI is not signed in: run gemini and sign in there, or set GEMINI_API_KEY'
}

const keys = ['GEMINI_API_KEY', 'GOOGLE_API_KEY']

function chosenSignIn(host: HostProbe): string | null {
  const settings = parseObject(host.read(`${geminiFolder(host.env)}/settings.json`) ?? '')
  return textOf(objectOf(objectOf(settings?.security)?.auth)?.selectedType)
}

function geminiFolder(env: HostProbe['env']): string {
  return `${env.GEMINI_CLI_HOME || (env.HOME ?? '')}/.gemini`
}

const switches = {
  GEMINI_TELEMETRY_ENABLED: 'false',
  // Otherwise its launcher starts it a second time and swallows SIGTERM (measured).
  GEMINI_CLI_NO_RELAUNCH: 'true',
}

/** Without a word on it, it falls back to asking for everything, and asks nobody. */
function switchesOf({ trusted }: RunInput): Launch['env'] {
  return { ...switches, GEMINI_CLI_TRUST_WORKSPACE: String(trusted) }
}

/**
 * It reads MCP servers and limits from settings files only: the user's, the workspace's, or ones that belong to root with all folders above
 * them (measured). None of these is a run's to write.
 */
function launch(input: RunInput): Launch {
  const resume = input.sessionRef === null ? [] : ['--resume', input.sessionRef]
  const mode = input.autonomy === 'full' ? 'yolo' : 'auto_edit'
  return {
    argv: [
      'gemini',
      '--output-format',
      'stream-json',
      '--approval-mode',
      mode,
      ...modelOf(input),
      ...resume,
      ...foldersOf(input),
    ],
    env: switchesOf(input),
    stdin: { kind: 'file', text: input.prompt },
    notHonoured: [
      ...(input.maxTurns === null ? [] : ['maxTurns: gemini takes a limit of turns from its settings alone']),
      ...(input.mcp === null ? [] : ['mcp: gemini takes MCP servers from its settings alone, or with autonomy ask']),
      ...untuned('Gemini CLI', input.given.tuning, []),
    ],
  }
}

const modes = { full: 'yolo', edit: 'auto_edit', ask: 'default' } as const

function interactive(asked: RunInput): Omit<Launch, 'stdin'> {
  const { input, words, files } = promptByFile(asked)
  const resume = input.sessionRef === null ? [] : ['--resume', input.sessionRef]
  const mode = ['--approval-mode', modes[input.autonomy]]
  return {
    argv: ['gemini', ...mode, ...modelOf(input), ...resume, ...foldersOf(input), '--prompt-interactive', words],
    env: { ...switchesOf(input), GEMINI_CLI_TRUSTED_FOLDERS_PATH: `${input.filesDir}/${trustedName}` },
    notHonoured: [
      ...(input.maxTurns === null ? [] : ['maxTurns: gemini takes a limit of turns from its settings alone']),
      ...(input.mcp === null ? [] : ['mcp: gemini takes MCP servers from its settings alone']),
      ...untuned('Gemini CLI', input.given.tuning, []),
    ],
    files: [...files, { name: trustedName, text: JSON.stringify(trustedFolders(input)) }],
  }
}

const trustedName = 'trusted-folders.json'

/** Else it asks whether to trust the folder of its prompt, and waits. */
function trustedFolders({ given }: RunInput): Readonly<Record<string, string>> {
  return Object.fromEntries(given.readable.map((folder) => [folder, 'TRUST_FOLDER']))
}

/** It reads nothing outside its folders. */
function foldersOf({ given }: RunInput): readonly string[] {
  return given.readable.map((folder) => `--include-directories=${folder}`)
}

function modelOf(input: RunInput): readonly string[] {
  return input.model === null ? [] : [`--model=${input.model}`]
}

/** As projects.json says; of a run in a sandbox, whose projects.json ended with it, as the mark in the folder says: Gemini CLI does the same. */
function projectName(host: HostProbe, cwd: string): string | null {
  const folder = geminiFolder(host.env)
  const projects = objectOf(parseObject(host.read(`${folder}/projects.json`) ?? '')?.projects)
  const marked = (name: string) => host.read(`${folder}/tmp/${name}/.project_root`)?.trim() === cwd
  return textOf(projects?.[cwd]) ?? host.list(`${folder}/tmp`).find(marked) ?? null
}

/**
 * Its settings start programs (hooks, MCP servers, extensions, what it fetched to `tmp/bin`), so a sandboxed agent writes its conversations and
 * renewed tokens alone.
 */
function homePaths(env: HostProbe['env']): readonly HomePath[] {
  const folder = geminiFolder(env)
  const copied = ['settings.json', '.env', 'projects.json', 'state.json', 'trustedFolders.json', 'google_accounts.json']
  const settings = ['GEMINI.md', 'agents', 'commands', 'extensions', 'hooks', 'keybindings.json', 'policies', 'skills']
  return [
    { path: folder, access: 'fresh' },
    ...[...copied, 'installation_id'].map((name) => ({ path: `${folder}/${name}`, access: 'copy' as const })),
    { path: `${folder}/oauth_creds.json`, access: 'tokens', entries: [geminiTokens] },
    { path: `${folder}/gemini-credentials.json`, access: 'copy' }, // sealed: nobody can see what an agent left in it
    { path: `${folder}/tmp`, access: 'kept' },
    { path: `${folder}/tmp/bin`, access: 'read', made: true },
    ...settings.map((name) => ({ path: `${folder}/${name}`, access: 'read' as const })),
  ]
}

/** `tmp/NAME/chats/session-TIME-FIRST8.jsonl`. */
function sessionFiles(host: HostProbe, session: { readonly ref: string; readonly cwd: string }): readonly string[] {
  const folder = geminiFolder(host.env)
  const name = projectName(host, session.cwd)
  if (name === null || name.includes('/')) return []
  const chats = `${folder}/tmp/${name}/chats`
  const ending = `-${session.ref.slice(0, 8)}.jsonl`
  return host
    .list(chats)
    .filter((file) => file.endsWith(ending))
    .map((file) => `${chats}/${file}`)
}
