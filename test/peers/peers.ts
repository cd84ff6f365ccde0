// The real agent CLIs that are tried: where each is installed, and how it is pointed at the scripted model server.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { claudeCode } from '../../src/daemon/harness/claude-code.ts'
import { codex } from '../../src/daemon/harness/codex.ts'
import type { Harness } from '../../src/daemon/harness/port.ts'
import type { Mode } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'

export interface Peer {
  readonly harness: Harness
  /** The folder with its own package.json and lock file. */
  readonly folder: string
  readonly package: string
  /** Writes its configuration below `home` and returns the variables that its user would have set. */
  configure(home: string, server: ModelServer, mode: Mode): Readonly<Record<string, string>>
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
    configure(home, server, mode) {
      const own = { ANTHROPIC_BASE_URL: server.url(mode), ANTHROPIC_API_KEY: 'sk-ant-scripted' }
      // One retry instead of ten: the refusals below would take minutes each.
      return { ...own, CLAUDE_CONFIG_DIR: join(home, '.claude'), CLAUDE_CODE_MAX_RETRIES: '1' }
    },
  },
]

/** The version that the peer's package.json pins. */
export function pinnedVersion(peer: Peer): string {
  const manifest: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(peer.folder, 'package.json'), 'utf8'),
  )
  return manifest.dependencies[peer.package] ?? 'unknown'
}

/** Plugins are off because they look a code host up at start. */
function codexConfig(baseUrl: string): string {
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
