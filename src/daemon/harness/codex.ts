// Codex: `codex exec --json`. Facts measured on 0.169.0; docs/harnesses.md lists its lies.

import { parse } from 'smol-toml'
import type { HarnessFound } from '../../protocol/fleet.ts'
import type { CodexState } from './codex-stream.ts'
import { finishCodex, initialCodexState, reduceCodex } from './codex-stream.ts'
import { detectProgram } from './detect.ts'
import type { Json } from './json.ts'
import { objectOf, objectsOf, parseObject, textOf } from './json.ts'
import type { Harness, HostProbe, Launch, RunInput } from './port.ts'

export const codex: Harness<CodexState> = {
  name: 'codex',
  title: 'Codex',
  explicit: false,
  autonomies: ['full', 'edit'],
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
  detect,
  launch,
  initial: initialCodexState,
  reduce: reduceCodex,
  finish: finishCodex,
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

function launch(input: RunInput): Launch {
  const settings = ['check_for_update_on_startup=false', 'analytics.enabled=false'].flatMap((pair) => ['-c', pair])
  const model = input.model === null ? [] : [`--model=${input.model}`]
  const resume = input.sessionRef === null ? [] : ['resume', input.sessionRef]
  return {
    argv: ['codex', 'exec', '--json', '--skip-git-repo-check', ...settings, ...access(input), ...model, ...resume, '-'],
    env: temporaryFolder(input),
    stdin: { kind: 'file', text: input.prompt },
    notHonoured: input.maxTurns === null ? [] : ['maxTurns: codex exec has no limit of turns'],
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
