// Codex: `codex exec --json`, and `codex app-server` where a person is asked. Facts measured on 0.169.0; docs/harnesses.md lists its lies.

import { parse } from 'smol-toml'
import type { HarnessFound } from '../../protocol/fleet.ts'
import { codexAccount, codexCredentials, codexTokens } from './codex-account.ts'
import { answerCodexApp } from './codex-app-asks.ts'
import type { CodexAppState } from './codex-app-state.ts'
import { initialCodexAppState } from './codex-app-state.ts'
import { codexOpening, messageCodexApp, reduceCodexApp } from './codex-app-stream.ts'
import { finishCodexApp, unreadByCodexApp } from './codex-app-turn.ts'
import { mcpSwitches } from './codex-mcp.ts'
import type { CodexState } from './codex-stream.ts'
import { finishCodex, initialCodexState, reduceCodex } from './codex-stream.ts'
import { detectProgram } from './detect.ts'
import type { Tuning } from './given.ts'
import { untuned } from './given.ts'
import { interruptTwice, promptByFile } from './interactive.ts'
import type { Json } from './json.ts'
import { objectOf, objectsOf, parseObject, textOf } from './json.ts'
import type {
  Answer,
  Brief,
  ExitFacts,
  Harness,
  HomePath,
  HostProbe,
  Launch,
  Line,
  Reduced,
  RunInput,
  Verdict,
} from './port.ts'

/** Of `exec` until the first line is read under autonomy `ask`. */
type State = CodexState | CodexAppState
type Step = Reduced<State>

export const codex: Harness<State> = {
  name: 'codex',
  title: 'Codex',
  explicit: false,
  autonomies: ['full', 'edit', 'ask'],
  /** By name, not `CODEX_*`: a daemon started inside Codex must not pass on the marks of that outer sandbox. */
  passEnv: [
    'CODEX_HOME',
    'CODEX_API_KEY',
    'CODEX_ACCESS_TOKEN',
    'CODEX_CA_CERTIFICATE',
    'CODEX_SQLITE_HOME',
    'OPENAI_*',
  ],
  moreEnv: providerKeys,
  homePaths,
  repoConfig: { names: ['.codex'], untrusted: 'held', instructions: 'AGENTS.md' },
  detect,
  account: codexAccount,
  credentials: codexCredentials,
  launch,
  interactive,
  leaveKeys: interruptTwice,
  sessionFiles,
  sessionRoot,
  initial: initialCodexState,
  reduce,
  answer,
  message,
  unread: (state) => (isApp(state) ? unreadByCodexApp(state) : []),
  finish,
}

function reduce(state: State, line: Line, brief: Brief): Step {
  if (brief.autonomy === 'ask') return reduceCodexApp(isApp(state) ? state : initialCodexAppState(), line, brief)
  return isApp(state) ? { state, events: [] } : reduceCodex(state, line, brief)
}

function answer(state: State, given: Answer): Step {
  return isApp(state) ? answerCodexApp(state, given) : { state, events: [] }
}

/** `exec` reads its prompt once and takes no words after it. */
function message(state: State, text: string, brief: Brief): Step {
  if (brief.autonomy === 'ask') return messageCodexApp(isApp(state) ? state : initialCodexAppState(), text)
  const words = 'A message was not passed on, because Codex takes none while it works on its own.'
  return { state, events: [{ type: 'notice', level: 'warning', message: words }], refused: true }
}

function finish(state: State, exit: ExitFacts): Verdict {
  return isApp(state) ? finishCodexApp(state, exit) : finishCodex(state, exit)
}

function isApp(state: State): state is CodexAppState {
  return 'phase' in state
}

/** The variables that the providers in config.toml read their keys and headers from. */
function providerKeys(host: HostProbe): readonly string[] {
  const providers = objectsOf(Object.values(objectOf(config(host).model_providers) ?? {}))
  const headers = providers.flatMap((provider) => Object.values(objectOf(provider.env_http_headers) ?? {}))
  return [...providers.map((provider) => provider.env_key), ...headers].filter((name) => typeof name === 'string')
}

function detect(host: HostProbe): Promise<HarnessFound> {
  return detectProgram(host, {
    name: 'codex',
    program: 'codex',
    install: 'npm install -g @openai/codex',
    signIn: () => signIn(host),
  })
}

/** Null when signed in, else the sentence with the remedy. */
async function signIn(host: HostProbe): Promise<string | null> {
  const settings = config(host)
  const id = textOf(settings.model_provider)
  const provider = objectOf(objectOf(settings.model_providers)?.[id ?? ''])
  if (provider !== null && provider.requires_openai_auth !== true) {
    const key = textOf(provider.env_key)
    if (key === null || isSet(host, key)) return null // a provider without env_key, such as a local one, needs none
    return `Codex uses the provider ${id}, whose key is missing: set ${key} for the daemon, or put it into the secrets folder`
  }
  if (isSet(host, 'OPENAI_API_KEY') || isSet(host, 'CODEX_API_KEY') || isSet(host, 'CODEX_ACCESS_TOKEN')) return null
  if (parseObject(host.read(`${codexHome(host.env)}/auth.json`) ?? '') !== null) return null
  if (await keyringHolds(host, textOf(settings.cli_auth_credentials_store))) return null
  return 'Codex is not signed in: run codex login, or set OPENAI_API_KEY'
}

/** Credentials in the system's keyring cannot be read here, so Codex itself is asked. */
async function keyringHolds(host: HostProbe, store: string | null): Promise<boolean> {
  const program = store === 'keyring' || store === 'auto' ? host.which('codex') : null
  return program !== null && (await host.output(program, ['login', 'status'])) !== null
}

function isSet(host: HostProbe, name: string): boolean {
  return (host.env[name] ?? '') !== ''
}

/** The user's config.toml; one that does not parse counts as empty, and Codex itself will say what is wrong with it. */
function config(host: HostProbe): Json {
  try {
    return parse(host.read(`${codexHome(host.env)}/config.toml`) ?? '')
  } catch {
    return {}
  }
}

function codexHome(env: Readonly<Record<string, string | undefined>>): string {
  return env.CODEX_HOME || `${env.HOME ?? ''}/.codex`
}

const switches = ['check_for_update_on_startup=false', 'analytics.enabled=false']

function launch(input: RunInput): Launch {
  const settings = settingsOf(input)
  if (input.autonomy === 'ask') return launchApp(input, settings)
  const model = input.model === null ? [] : [`--model=${input.model}`]
  const resume = input.sessionRef === null ? [] : ['resume', input.sessionRef]
  return {
    argv: ['codex', 'exec', '--json', '--skip-git-repo-check', ...settings, ...access(input), ...model, ...resume, '-'],
    env: temporaryFolder(input),
    stdin: { kind: 'file', text: input.prompt },
    notHonoured: notHonoured(input, 'codex exec'),
  }
}

function interactive(asked: RunInput): Omit<Launch, 'stdin'> {
  const { input, words, files } = promptByFile(asked)
  const { autonomy } = input
  const settings = settingsOf(input)
  const model = input.model === null ? [] : [`--model=${input.model}`]
  const resume = input.sessionRef === null ? [] : ['resume', input.sessionRef]
  const may =
    autonomy === 'ask' ? ['-c', 'sandbox_mode="read-only"', '-c', 'approval_policy="on-request"'] : access(input)
  return {
    argv: ['codex', ...settings, ...may, ...model, ...resume, words],
    env: temporaryFolder(input),
    notHonoured: notHonoured(input, 'codex'),
    files,
  }
}

function settingsOf(input: RunInput): readonly string[] {
  const pairs = [...switches, trustOf(input), ...tuned(input.given.tuning)]
  return [...pairs.flatMap((pair) => ['-c', pair]), ...mcpSwitches(input.mcp)]
}

/**
 * Said for the run's folder in any case: a worktree of a checkout that the user has trusted counts as trusted, and its MCP servers are started
 * (measured). As an inline table, because the dots of a path would part a dotted key.
 */
function trustOf({ cwd, trusted }: RunInput): string {
  return `projects={${JSON.stringify(cwd)}={trust_level="${trusted ? 'trusted' : 'untrusted'}"}}`
}

/** As TOML: JSON writes strings alike. */
function tuned({ provider, thinkingLevel }: Tuning): readonly string[] {
  return [
    ...(provider === undefined ? [] : [`model_provider=${JSON.stringify(provider)}`]),
    ...(thinkingLevel === undefined
      ? []
      : [`model_reasoning_effort=${JSON.stringify(thinkingLevel === 'off' ? 'none' : thinkingLevel)}`]),
  ]
}

function notHonoured({ maxTurns, given }: RunInput, command: string): readonly string[] {
  const turns = maxTurns === null ? [] : [`maxTurns: ${command} has no limit of turns`]
  return [...turns, ...untuned('Codex', given.tuning, ['provider', 'thinkingLevel'])]
}

/** The prompt, the model and the resumed thread travel by the conversation. */
function launchApp(input: RunInput, settings: readonly string[]): Launch {
  return {
    argv: ['codex', 'app-server', ...settings],
    env: temporaryFolder(input),
    stdin: { kind: 'pipe', text: `${codexOpening()}\n` },
    notHonoured: notHonoured(input, 'codex app-server'),
  }
}

/** As settings, because `exec resume` does not take `--sandbox`. */
function access(input: RunInput): readonly string[] {
  if (input.autonomy === 'full') return ['--dangerously-bypass-approvals-and-sandbox']
  return ['-c', 'sandbox_mode="workspace-write"', '-c', 'approval_policy="never"']
}

/**
 * With CODEX_HOME below the temporary folder Codex makes no helper programs, then every sandboxed command fails, and the run still exits 0
 * (measured). The run's own folder takes its place then.
 */
function temporaryFolder(input: RunInput): Readonly<Record<string, string>> {
  const folder = (input.env.TMPDIR || '/tmp').replace(/\/+$/, '')
  const isInside = `${codexHome(input.env)}/`.startsWith(`${folder}/`)
  return isInside ? { TMPDIR: input.promptFile.slice(0, Math.max(1, input.promptFile.lastIndexOf('/'))) } : {}
}

/** `sessions/2026/11/21/rollout-TIME-ID.jsonl`, the same for every folder. */
function sessionRoot(host: HostProbe): string {
  return `${host.env.CODEX_HOME ?? `${host.env.HOME ?? ''}/.codex`}/sessions`
}

function sessionFiles(host: HostProbe, { ref }: { readonly ref: string }): readonly string[] {
  const root = sessionRoot(host)
  const below = (folder: string) => host.list(folder).map((name) => `${folder}/${name}`)
  const days = below(root).flatMap(below).flatMap(below)
  return days.flatMap(below).filter((path) => path.endsWith(`-${ref}.jsonl`))
}

/** Its settings start programs (MCP servers, notifications), so a sandboxed agent writes its conversations and renewed tokens alone. */
function homePaths(env: HostProbe['env']): readonly HomePath[] {
  const folder = codexHome(env)
  const settings = ['AGENTS.md', 'prompts', 'rules', 'skills']
  return [
    { path: folder, access: 'fresh' },
    { path: `${folder}/config.toml`, access: 'copy' },
    { path: `${folder}/auth.json`, access: 'tokens', entries: [codexTokens] },
    { path: `${folder}/sessions`, access: 'kept' },
    ...settings.map((name) => ({ path: `${folder}/${name}`, access: 'read' as const })),
  ]
}
