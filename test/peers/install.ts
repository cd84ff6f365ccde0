// Installs the peers from their lock files, once per pinned version.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { processEnv } from '../../src/lib/env.ts'
import { exec } from '../../src/lib/exec.ts'
import type { Peer } from './peers.ts'
import { pinnedVersion } from './peers.ts'

/** Some hundred megabytes each, ms. */
const installMs = 600_000

export async function installPeer(peer: Peer): Promise<void> {
  if (installedVersion(peer) === pinnedVersion(peer)) return
  process.stderr.write(`installing ${peer.package} ${pinnedVersion(peer)}\n`)
  const args = ['ci', '--no-audit', '--no-fund']
  const done = await exec('npm', args, { cwd: peer.folder, env: processEnv(), timeoutMs: installMs })
  if (done.code !== 0) throw new Error(`npm ci in ${peer.folder} ended with exit code ${done.code}: ${done.stderr}`)
}

function installedVersion(peer: Peer): string | null {
  const manifest = join(peer.folder, 'node_modules', peer.package, 'package.json')
  const read: { version: string } | null = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : null
  return read?.version ?? null
}
