// Pi: `pi -p --mode json`. Facts measured on 0.87.1; docs/harnesses.md lists its lies.

import type { HarnessFound } from '../../protocol/fleet.ts'
import { keyAccount } from './account.ts'
import { detectProgram } from './detect.ts'
import { instructionsFile, skillFiles, untuned } from './given.ts'
import { interruptTwice, promptByFile } from './interactive.ts'
import { parseObject } from './json.ts'
import { piFolder, piMoreEnv, piPassEnv, piSignIn, piTokens } from './pi-credentials.ts'
import type { PiState } from './pi-state.ts'
import { initialPiState } from './pi-state.ts'
import { reducePi } from './pi-stream.ts'
import { finishPi } from './pi-verdict.ts'
import type { Harness, HomePath, HostProbe, Launch, RunInput } from './port.ts'
import { providerKeys } from './provider-keys.ts'

export const pi: Harness<PiState> = {
  name: 'pi',
  title: 'Pi',
  explicit: false,
  /** It has no approvals of its own, so there is nothing to relay. */
  autonomies: ['full', 'edit'],
  takes: ['instructions', 'skills'],
  passEnv: piPassEnv,
  moreEnv: piMoreEnv,
  homePaths,
  repoConfig: { names: ['.pi'], untrusted: 'held' },
  detect,
  account: (host) => keyAccount(host.env, providerKeys),
  launch,
  interactive,
  leaveKeys: interruptTwice,
  initial: initialPiState,
  reduce: reducePi,
  sessionFiles,
  sessionRoot,
  movedSession,
  finish: finishPi,
}

function detect(host: HostProbe): Promise<HarnessFound> {
  return detectProgram(host, {
    name: 'pi',
    program: 'pi',
    install: 'npm install -g @earendil-works/pi-coding-agent',
    // `agent_settled`, which alone ends a run, came with it (its changelog).
    minimum: '0.80.4',
    signIn: () => piSignIn(host),
  })
}

/** Without the shell it can only read and write files. It does not keep them inside the workspace; the sandbox does. */
const editTools = 'read,edit,write,grep,find,ls'

function launch(input: RunInput): Launch {
  return {
    ...formOf(input, ['-p', '--mode', 'json'], []),
    stdin: { kind: 'file', text: input.prompt },
  }
}

function interactive(asked: RunInput): Omit<Launch, 'stdin'> {
  const { input, path, files } = promptByFile(asked)
  const form = formOf(input, [], [`@${path}`])
  return { ...form, files: [...(form.files ?? []), ...files] }
}

function formOf(input: RunInput, mode: readonly string[], prompt: readonly string[]): Omit<Launch, 'stdin'> {
  const tools = input.autonomy === 'full' ? [] : ['--tools', editTools]
  const model = input.model === null ? [] : ['--model', input.model]
  const resume = input.sessionRef === null ? [] : ['--session', input.sessionRef]
  const { tuning, skills } = input.given
  const instructions = instructionsFile(input)
  const told = [
    ...(instructions === null ? [] : ['--append-system-prompt', instructions.path]),
    ...skills.flatMap(({ slug }) => ['--skill', `${input.filesDir}/skills/${slug}`]),
  ]
  return {
    argv: ['pi', ...mode, ...trustArgs(input), ...tools, ...model, ...tunedArgs(input), ...told, ...resume, ...prompt],
    env: { PI_OFFLINE: '1', PI_SKIP_VERSION_CHECK: '1', PI_TELEMETRY: '0' },
    notHonoured: [
      ...(input.maxTurns === null ? [] : ['maxTurns: pi has no limit of turns']),
      ...(input.mcp === null ? [] : ['mcp: pi takes no MCP servers, so it has no tools of Capstan']),
      ...untuned('Pi', tuning, ['provider', 'thinkingLevel']),
    ],
    files: [...(instructions?.files ?? []), ...skillFiles(skills, 'skills')],
  }
}

/** Whatever was decided for the folder before. Where conversations lie is read from the project's settings even so: hence said. */
function trustArgs({ trusted, env, cwd }: RunInput): readonly string[] {
  return trusted ? ['--approve'] : ['--no-approve', '--session-dir', sessionRoot({ env }, { cwd })]
}

function tunedArgs({ given: { tuning } }: RunInput): readonly string[] {
  const { provider, thinkingLevel } = tuning
  return [
    ...(provider === undefined ? [] : ['--provider', provider]),
    ...(thinkingLevel === undefined ? [] : ['--thinking', thinkingLevel]),
  ]
}

/** Its first line names the folder, which must be there: else Pi exits with 1. */
function movedSession(text: string, { cwd }: { readonly cwd: string }): string {
  const end = text.indexOf('\n')
  const head = parseObject(end < 0 ? text : text.slice(0, end))
  return head?.type === 'session' ? `${JSON.stringify({ ...head, cwd })}${end < 0 ? '' : text.slice(end)}` : text
}

function sessionRoot(host: Pick<HostProbe, 'env'>, { cwd }: { readonly cwd: string }): string {
  const own = host.env.PI_CODING_AGENT_SESSION_DIR
  if (own !== undefined && own !== '') return own
  return `${piFolder(host.env)}/sessions/--${cwd.replace(/^\//, '').replaceAll(/[/\\:]/g, '-')}--`
}

/** `sessions/--w--/2026-11-21T06-17-58-103Z_ID.jsonl` for a run in `/w`. */
function sessionFiles(host: HostProbe, session: { readonly ref: string; readonly cwd: string }): readonly string[] {
  const folder = sessionRoot(host, session)
  return host
    .list(folder)
    .filter((name) => name.endsWith(`_${session.ref}.jsonl`))
    .map((name) => `${folder}/${name}`)
}

/** Its settings start programs (extensions, packages, `!command` for a key), so a sandboxed agent writes its conversations and renewed tokens alone. */
function homePaths(env: HostProbe['env']): readonly HomePath[] {
  const folder = piFolder(env)
  const settings = [
    'AGENTS.md',
    'SYSTEM.md',
    'APPEND_SYSTEM.md',
    'bin',
    'extensions',
    'git',
    'npm',
    'prompts',
    'skills',
  ]
  return [
    { path: folder, access: 'fresh' },
    { path: `${folder}/settings.json`, access: 'copy' },
    { path: `${folder}/models.json`, access: 'read' },
    { path: `${folder}/auth.json`, access: 'tokens', entries: [piTokens] },
    { path: env.PI_CODING_AGENT_SESSION_DIR || `${folder}/sessions`, access: 'kept' },
    ...[...settings, 'themes', 'tools'].map((name) => ({ path: `${folder}/${name}`, access: 'read' as const })),
  ]
}
