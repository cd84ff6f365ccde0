// The real agent CLIs that are tried: where each is installed, and how it is pointed at the scripted model server.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { claudeCode } from '../../src/daemon/harness/claude-code.ts'
import { codex } from '../../src/daemon/harness/codex.ts'
import { geminiCli } from '../../src/daemon/harness/gemini-cli.ts'
import { opencode } from '../../src/daemon/harness/opencode.ts'
import { pi } from '../../src/daemon/harness/pi.ts'
import type { Harness } from '../../src/daemon/harness/port.ts'
import type { Mode } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'

export interface Peer {
  readonly harness: Harness
  /** The folder with its own package.json and lock file. */
  readonly folder: string
  readonly package: string
  /** It talks by a conversation under every autonomy. */
  readonly conversation?: true
  /** And where the repository's own configuration must not count. */
  readonly conversesUntrusted?: true
  /** What the host's daemon.toml must say for Capstan to know it. */
  readonly daemonToml?: string
  /** Its own folders in the home, which a profile must name where Capstan does not know them. */
  readonly folders?: readonly string[]
  /** Writes its configuration below `home` and returns the variables that its user would have set. */
  configure(home: string, server: ModelServer, mode: Mode): Readonly<Record<string, string>>
  /** Changes its configuration for a run in Capstan's sandbox. */
  boxed?(home: string): void
  /** It retries for minutes: refused runs are ended after so many ms, and the verdict must name the trouble all the same. */
  readonly patienceMs?: number
  /** When a stream is cut it asks again without streaming, and then it goes on. */
  readonly survivesCuts?: true
  /** By ACP it cannot load a conversation in the minute in which that began: it overwrites the file first (measured). */
  readonly loadsLater?: true
  /** Run only with `--nightly` or by name: its floor is high. */
  readonly nightly?: true
}

export const peers: readonly Peer[] = [
  {
    harness: codex,
    folder: join(import.meta.dirname, 'codex'),
    package: '@openai/codex',
    configure(home, server, mode) {
      const folder = join(home, '.codex')
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'config.toml'), codexConfig(`${server.url(mode)}/v1`))
      return { CODEX_HOME: folder, OPENAI_API_KEY: 'sk-scripted' }
    },
  },
  {
    harness: claudeCode,
    folder: join(import.meta.dirname, 'claude-code'),
    package: '@anthropic-ai/claude-code',
    survivesCuts: true,
    configure(home, server, mode) {
      const own = { ANTHROPIC_BASE_URL: server.url(mode), ANTHROPIC_API_KEY: 'sk-ant-scripted' }
      // One retry instead of ten: the refusals below would take minutes each.
      return { ...own, CLAUDE_CONFIG_DIR: join(home, '.claude'), CLAUDE_CODE_MAX_RETRIES: '1' }
    },
  },
  {
    harness: pi,
    folder: join(import.meta.dirname, 'pi'),
    package: '@earendil-works/pi-coding-agent',
    configure(home, server, mode) {
      const folder = join(home, '.pi', 'agent')
      mkdirSync(folder, { recursive: true })
      const cost = { input: 1, output: 2, cacheRead: 0.1, cacheWrite: 0 }
      const own = { ...model, reasoning: false, input: ['text'], cost, contextWindow: 100_000, maxTokens: 8_000 }
      const provider = { baseUrl: `${server.url(mode)}/v1`, api: 'openai-completions', apiKey: '$OPENAI_API_KEY' }
      const providers = { scripted: { ...provider, models: [own] } }
      writeFileSync(join(folder, 'models.json'), JSON.stringify({ providers }))
      const settings = { defaultProvider: 'scripted', defaultModel: model.id }
      writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))
      return { OPENAI_API_KEY: 'sk-scripted' }
    },
  },
  {
    harness: geminiCli,
    folder: join(import.meta.dirname, 'gemini-cli'),
    package: '@google/gemini-cli',
    conversesUntrusted: true,
    loadsLater: true,
    patienceMs: 15_000,
    configure(home, server, mode) {
      const folder = join(home, '.gemini')
      mkdirSync(folder, { recursive: true })
      const auth = { selectedType: 'gemini-api-key' }
      const settings = { privacy: { usageStatisticsEnabled: false }, security: { auth } }
      writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))
      // A model named here is asked at once; otherwise a small one is asked first which model fits.
      const own = { GEMINI_API_KEY: 'scripted', GEMINI_MODEL: 'gemini-3.1-pro-preview' }
      return { ...own, GOOGLE_GEMINI_BASE_URL: server.url(mode) }
    },
  },
  {
    harness: opencode,
    folder: join(import.meta.dirname, 'opencode'),
    package: 'opencode-ai',
    patienceMs: 25_000,
    nightly: true,
    configure(home, server, mode) {
      const folder = join(home, '.config', 'opencode')
      mkdirSync(folder, { recursive: true })
      const limit = { context: 100_000, output: 8_000 }
      const own = { name: model.name, tool_call: true, limit, cost: { input: 1, output: 2, cache_read: 0.1 } }
      const options = { baseURL: `${server.url(mode)}/v1`, apiKey: '{env:OPENAI_API_KEY}' }
      const provider = { npm: '@ai-sdk/openai-compatible', options, models: { [model.id]: own } }
      const name = `scripted/${model.id}`
      const config = {
        model: name,
        small_model: name,
        enabled_providers: ['scripted'],
        provider: { scripted: provider },
      }
      writeFileSync(join(folder, 'opencode.json'), JSON.stringify(config))
      // The list of models would be fetched; the pinned binary brings one.
      return { OPENAI_API_KEY: 'sk-scripted', OPENCODE_DISABLE_MODELS_FETCH: '1' }
    },
  },
]

/** The server's kind of OpenAI API, for agents that take any such provider. */
const model = { id: 'scripted-model', name: 'Scripted' }

/** The version that the peer's package.json pins. */
export function pinnedVersion(peer: Peer): string {
  const manifest: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(peer.folder, 'package.json'), 'utf8'),
  )
  return manifest.dependencies[peer.package] ?? 'unknown'
}

/** As the peers that speak for Codex need it. Plugins are off because they look a code host up at start. */
export function codexConfig(baseUrl: string): string {
  return `model = "gpt-5-codex"
model_provider = "scripted"
[features]
plugins = false
[model_providers.scripted]
name = "scripted"
base_url = "${baseUrl}"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
`
}
