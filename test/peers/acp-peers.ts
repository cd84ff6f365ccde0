// Real agents that speak ACP, run as a user of Capstan would configure them in daemon.toml.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { acpHarness } from '../../src/daemon/harness/acp.ts'
import type { Harness } from '../../src/daemon/harness/port.ts'
import type { Peer } from './peers.ts'
import { codexConfig } from './peers.ts'

const codexTable = { protocol: 'acp', command: 'codex-acp', passEnv: ['CODEX_HOME', 'OPENAI_*'] }

export const codexAcp: Peer = {
  harness: acpHarness('codex-acp', codexTable) as Harness, // its states come only from itself
  folder: join(import.meta.dirname, 'codex-acp'),
  package: '@zed-industries/codex-acp',
  conversation: true,
  folders: ['.codex'],
  daemonToml: `[harness.codex-acp]
protocol = "acp"
command = "codex-acp"
passEnv = ["CODEX_HOME", "OPENAI_*"]
`,
  configure(home, server, mode) {
    const folder = join(home, '.codex')
    mkdirSync(folder, { recursive: true })
    // Else it asks only for what its sandbox stops, and the scripted model never asks to leave it.
    const asking = 'approval_policy = "untrusted"\nsandbox_mode = "workspace-write"\n'
    writeFileSync(join(folder, 'config.toml'), `${asking}${codexConfig(`${server.url(mode)}/v1`)}`)
    return { CODEX_HOME: folder, OPENAI_API_KEY: 'sk-scripted' }
  },
  // A sandbox in the sandbox is one namespace too many for its tools.
  boxed(home) {
    const path = join(home, '.codex', 'config.toml')
    writeFileSync(path, readFileSync(path, 'utf8').replace('workspace-write', 'danger-full-access'))
  },
}
