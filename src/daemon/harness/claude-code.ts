// Claude Code: `claude -p` with a JSON stream. Facts measured on 2.1.329; docs/harnesses.md lists its lies.

import type { HarnessFound } from '../../protocol/fleet.ts'
import type { ClaudeState } from './claude-code-state.ts'
import { initialClaudeState } from './claude-code-state.ts'
import { reduceClaude } from './claude-code-stream.ts'
import { finishClaude } from './claude-code-verdict.ts'
import { detectProgram } from './detect.ts'
import { parseObject, textOf } from './json.ts'
import type { Harness, HostProbe, Launch, RunInput } from './port.ts'

export const claudeCode: Harness<ClaudeState> = {
  name: 'claude-code',
  title: 'Claude Code',
  explicit: false,
  autonomies: ['full', 'edit'],
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
  detect,
  launch,
  initial: initialClaudeState,
  reduce: reduceClaude,
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

function launch(input: RunInput): Launch {
  const full = input.autonomy === 'full'
  const model = input.model === null ? [] : [`--model=${input.model}`]
  const turns = input.maxTurns === null ? [] : ['--max-turns', String(input.maxTurns)]
  const resume = input.sessionRef === null ? [] : ['--resume', input.sessionRef]
  const mode = ['--permission-mode', full ? 'bypassPermissions' : 'acceptEdits']
  const stream = ['--output-format', 'stream-json', '--verbose', '--input-format', 'text']
  return {
    argv: ['claude', '-p', ...stream, ...mode, ...model, ...turns, ...resume],
    env: {
      DISABLE_AUTOUPDATER: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_ERROR_REPORTING: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      // As root it refuses to bypass permissions unless it is told that this is meant.
      ...(full && input.asRoot ? { IS_SANDBOX: '1' } : {}),
    },
    stdin: { kind: 'file', text: input.prompt },
    notHonoured: [],
  }
}
