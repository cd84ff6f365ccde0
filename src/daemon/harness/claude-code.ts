// Claude Code: `claude -p` with a JSON stream. Facts measured on 2.1.329; docs/harnesses.md lists its lies.

import type { HarnessFound } from '../../protocol/fleet.ts'
import { claudeAccount, claudeCredentials, claudeTokens } from './claude-code-account.ts'
import { answerClaude, userMessage } from './claude-code-ask.ts'
import type { ClaudeState } from './claude-code-state.ts'
import { initialClaudeState } from './claude-code-state.ts'
import { reduceClaude } from './claude-code-stream.ts'
import { claudeTuningEnv, claudeUntuned } from './claude-code-tuning.ts'
import { finishClaude } from './claude-code-verdict.ts'
import { detectProgram } from './detect.ts'
import { instructionsFile, skillFiles } from './given.ts'
import { interruptTwice, promptByFile } from './interactive.ts'
import { parseObject, textOf } from './json.ts'
import type { Brief, Harness, HomePath, HostProbe, Launch, Reduced, RunInput } from './port.ts'

export const claudeCode: Harness<ClaudeState> = {
  name: 'claude-code',
  title: 'Claude Code',
  explicit: false,
  autonomies: ['full', 'edit', 'ask'],
  takes: ['instructions', 'skills'],
  /** By name, not `CLAUDE_CODE_*`: a daemon started inside Claude Code must not pass on the marks of that outer session. */
  passEnv: [
    'ANTHROPIC_*',
    'CLAUDE_CONFIG_DIR',
    'CLAUDE_CODE_OAUTH_TOKEN',
    'CLAUDE_CODE_USE_*',
    'CLAUDE_CODE_SKIP_*',
    'CLAUDE_CODE_MAX_*',
    'CLAUDE_CODE_SUBAGENT_MODEL',
    'CLAUDE_CODE_EFFORT_LEVEL',
    'CLAUDE_CODE_API_KEY_HELPER_TTL_MS',
    'CLAUDE_CODE_CLIENT_*',
    'API_TIMEOUT_MS',
    'BASH_DEFAULT_TIMEOUT_MS',
    'BASH_MAX_TIMEOUT_MS',
    'BASH_MAX_OUTPUT_LENGTH',
    'MAX_THINKING_TOKENS',
    'MAX_MCP_OUTPUT_TOKENS',
    'MCP_TIMEOUT',
    'MCP_TOOL_TIMEOUT',
  ],
  moreEnv: cloudEnv,
  homePaths,
  repoConfig: { names: ['.claude', '.mcp.json'], untrusted: 'held', instructions: 'CLAUDE.md' },
  detect,
  account: claudeAccount,
  credentials: claudeCredentials,
  launch,
  interactive,
  leaveKeys: interruptTwice,
  sessionFiles,
  sessionRoot,
  initial: initialClaudeState,
  reduce: reduceClaude,
  answer: answerClaude,
  message,
  finish: finishClaude,
}

/** A model behind a cloud is signed in by that cloud's own variables. */
function cloudEnv(host: HostProbe): readonly string[] {
  const { env } = host
  const aws = isOn(env.CLAUDE_CODE_USE_BEDROCK) ? ['AWS_*'] : []
  const google = isOn(env.CLAUDE_CODE_USE_VERTEX)
    ? ['GOOGLE_*', 'GCLOUD_*', 'CLOUD_ML_REGION', 'VERTEX_*', 'CLOUDSDK_*']
    : []
  const azure = isOn(env.CLAUDE_CODE_USE_FOUNDRY) ? ['AZURE_*'] : []
  return [...aws, ...google, ...azure]
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false'
}

function detect(host: HostProbe): Promise<HarnessFound> {
  return detectProgram(host, {
    name: 'claude-code',
    program: 'claude',
    install: 'npm install -g @anthropic-ai/claude-code',
    signIn: () =>
      signedIn(host) ? null : 'Claude Code is not signed in: run claude and then /login, or set ANTHROPIC_API_KEY',
  })
}

const keys = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN']
const clouds = ['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY']

function signedIn(host: HostProbe): boolean {
  const { env } = host
  if (keys.some((key) => (env[key] ?? '') !== '') || clouds.some((cloud) => isOn(env[cloud]))) return true
  const home = env.HOME ?? ''
  const folder = env.CLAUDE_CONFIG_DIR ?? `${home}/.claude`
  if (parseObject(host.read(`${folder}/.credentials.json`) ?? '') !== null) return true
  if (textOf(parseObject(host.read(`${folder}/settings.json`) ?? '')?.apiKeyHelper) !== null) return true
  // On macOS the credentials lie in the keychain; the account that was signed in is named here.
  const account = parseObject(
    host.read(env.CLAUDE_CONFIG_DIR ? `${folder}/.claude.json` : `${home}/.claude.json`) ?? '',
  )
  return account !== null && (account.oauthAccount !== undefined || textOf(account.primaryApiKey) !== null)
}

const takesNone = 'Claude Code takes words only when it asks.'

/** Only an agent that asks has an input that stays open, until its result. */
function message(state: ClaudeState, text: string, { autonomy }: Brief): Reduced<ClaudeState> {
  const late = state.terminal !== null
  if (autonomy === 'ask' && !late) return { state, events: [], send: [userMessage(text)] }
  const why = late ? 'A message was not passed on, because Claude Code has ended its work.' : takesNone
  return { state, events: [{ type: 'notice', level: 'warning', message: why }], refused: true }
}

const modes = { full: 'bypassPermissions', edit: 'acceptEdits', ask: 'default' } as const

function launch(input: RunInput): Launch {
  const { autonomy, prompt } = input
  const asks = autonomy === 'ask'
  const model = input.model === null ? [] : [`--model=${input.model}`]
  const turns = input.maxTurns === null ? [] : ['--max-turns', String(input.maxTurns)]
  const resume = input.sessionRef === null ? [] : ['--resume', input.sessionRef]
  // This value of the flag is not in --help: requests go over the CLI's own output and input.
  const mode = [...(asks ? ['--permission-prompt-tool', 'stdio'] : []), '--permission-mode', modes[autonomy]]
  const stream = ['--output-format', 'stream-json', '--verbose', '--input-format', asks ? 'stream-json' : 'text']
  const tools = mcpOf(input)
  const told = toldOf(input)
  return {
    argv: [
      'claude',
      '-p',
      ...stream,
      ...mode,
      ...sourcesOf(input),
      ...model,
      ...turns,
      ...resume,
      ...tools.args,
      ...told.args,
    ],
    env: switchesOf(input),
    stdin: asks ? { kind: 'pipe', text: `${userMessage(prompt)}\n` } : { kind: 'file', text: prompt },
    notHonoured: claudeUntuned(input.given.tuning),
    files: [...tools.files, ...told.files],
  }
}

/** Leaves out the repository's settings and `.mcp.json`, and its CLAUDE.md with them (measured). */
function sourcesOf({ trusted }: RunInput): readonly string[] {
  return trusted ? [] : ['--setting-sources=user']
}

function switchesOf({ autonomy, asRoot, given }: RunInput): Launch['env'] {
  return {
    DISABLE_AUTOUPDATER: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    // As root it refuses to bypass permissions unless it is told that this is meant.
    ...(autonomy === 'full' && asRoot ? { IS_SANDBOX: '1' } : {}),
    ...claudeTuningEnv(given.tuning),
  }
}

function interactive(asked: RunInput): Omit<Launch, 'stdin'> {
  const { input, words, files } = promptByFile(asked)
  const model = input.model === null ? [] : [`--model=${input.model}`]
  const resume = input.sessionRef === null ? [] : ['--resume', input.sessionRef]
  const tools = mcpOf(input)
  const told = toldOf(input)
  const mode = ['--permission-mode', modes[input.autonomy]]
  return {
    // The words first: some switches take all that follows.
    argv: [
      'claude',
      words,
      ...mode,
      ...consent(input),
      ...sourcesOf(input),
      ...model,
      ...resume,
      ...tools.args,
      ...told.args,
    ],
    // Its folders count as trusted, as they do without a terminal; else it asks of each new one, that of its prompt included, and waits.
    env: { ...switchesOf(input), CLAUDE_CODE_SANDBOXED: '1' },
    notHonoured: [
      ...(input.maxTurns === null ? [] : ['maxTurns: Claude Code in a terminal has no limit of turns']),
      ...claudeUntuned(input.given.tuning),
    ],
    files: [...tools.files, ...told.files, ...files],
  }
}

/** Under `full` it would ask once whether that is meant, and wait. */
function consent({ autonomy }: RunInput): readonly string[] {
  return autonomy === 'full' ? ['--settings={"skipDangerousModePermissionPrompt":true}'] : []
}

/**
 * Instructions are added to its own (a CLAUDE.md would be the repository's); skills are found in `.claude/skills` of an added folder, and files
 * outside the workspace are read without asking in one.
 */
function toldOf(input: RunInput): { readonly args: readonly string[]; readonly files: NonNullable<Launch['files']> } {
  const { given, filesDir } = input
  const instructions = instructionsFile(input)
  const skills = skillFiles(given.skills, 'skills/.claude/skills')
  const folders = [...given.readable, ...(skills.length === 0 ? [] : [`${filesDir}/skills`])]
  return {
    args: [
      ...(instructions === null ? [] : [`--append-system-prompt-file=${instructions.path}`]),
      ...folders.map((folder) => `--add-dir=${folder}`),
    ],
    files: [...(instructions?.files ?? []), ...skills],
  }
}

/** The run's own tools, beside the servers that the user has; using them needs nobody's leave. */
function mcpOf({ mcp, filesDir }: RunInput): {
  readonly args: readonly string[]
  readonly files: NonNullable<Launch['files']>
} {
  if (mcp === null) return { args: [], files: [] }
  const { name, command, args, env } = mcp
  const text = JSON.stringify({ mcpServers: { [name]: { type: 'stdio', command, args, env } } })
  return {
    args: [`--mcp-config=${filesDir}/mcp.json`, `--allowedTools=mcp__${name}`],
    files: [{ name: 'mcp.json', text }],
  }
}

/** `projects/-w-app/ID.jsonl` for a run in `/w/app`: whatever is no letter or digit becomes a dash. */
function sessionRoot(host: HostProbe, { cwd }: { readonly cwd: string }): string {
  const folder = host.env.CLAUDE_CONFIG_DIR ?? `${host.env.HOME ?? ''}/.claude`
  return `${folder}/projects/${cwd.replaceAll(/[^A-Za-z0-9]/g, '-')}`
}

function sessionFiles(host: HostProbe, session: { readonly ref: string; readonly cwd: string }): readonly string[] {
  const root = sessionRoot(host, session)
  const name = `${session.ref}.jsonl`
  return host.list(root).includes(name) ? [`${root}/${name}`] : []
}

/** Its settings start programs (hooks, helpers of keys), so a sandboxed agent reads them and writes its conversations and renewed tokens alone. */
function homePaths(env: HostProbe['env']): readonly HomePath[] {
  const folder = env.CLAUDE_CONFIG_DIR || `${env.HOME ?? ''}/.claude`
  const settings = ['settings.json', 'settings.local.json', 'CLAUDE.md', 'agents', 'commands', 'skills', 'plugins']
  return [
    { path: folder, access: 'fresh' },
    { path: env.CLAUDE_CONFIG_DIR ? `${folder}/.claude.json` : `${env.HOME ?? ''}/.claude.json`, access: 'copy' },
    { path: `${folder}/.credentials.json`, access: 'tokens', entries: claudeTokens },
    { path: `${folder}/projects`, access: 'kept' },
    ...settings.map((name) => ({ path: `${folder}/${name}`, access: 'read' as const })),
    { path: `${env.HOME ?? ''}/.local/share/claude`, access: 'read' },
  ]
}
