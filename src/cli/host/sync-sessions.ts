// capstan daemon sync-sessions: uploads conversations of this host that the server lacks, so that other hosts can go on with them.

import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { makeHostProbe } from '../../daemon/harness/probe.ts'
import { makeRegistry } from '../../daemon/harness/registry.ts'
import { readSecretDir } from '../../daemon/harness/secret-dir.ts'
import { customTables } from '../../daemon/harness/tables.ts'
import { readPolicy } from '../../daemon/policy.ts'
import type { Synced } from '../../daemon/session/sync.ts'
import { seatFolders, syncSessions } from '../../daemon/session/sync.ts'
import { readIdentity } from '../../daemon/state-folder.ts'
import { camelValues } from '../../lib/config.ts'
import { makeRedactor, secretsAmong } from '../../lib/redact.ts'
import { clientOf, readConnection } from '../connection.ts'
import type { Context } from '../context.ts'
import { resolveDaemonOptions } from '../daemon-options.ts'
import { dataDirOf } from '../data-dir.ts'
import { bytes } from '../render/figures.ts'
import { tableLines } from '../render/table.ts'
import type { Given } from '../spec.ts'
import type { settingsOfDaemon, syncOptions } from './options.ts'

const uploadMs = 120_000

export async function syncHere({ options }: Given<typeof syncOptions>, context: Context): Promise<number> {
  const connection = readConnection(context)
  const { url, token, daemonToken } = connection
  if (!readPolicy(join(context.home, 'policy.toml'), url).upload.session)
    throw new Problem('policy_refused', "the host's policy.toml says upload.session = false")
  const dataDir = dataDirOf(context, options.data)
  const settings = camelValues<typeof settingsOfDaemon>(resolveDaemonOptions({}, context))
  const secrets = readSecretDir(settings.secretDir === undefined ? null : resolve(context.cwd, settings.secretDir))
  const client = await clientOf(context.env, { url, token: daemonToken ?? token }, uploadMs)
  const input = {
    client,
    harnesses: makeRegistry(customTables(join(context.home, 'daemon.toml'))),
    host: makeHostProbe(context.env, secrets, null),
    redact: makeRedactor(secretsAmong(context.env, secrets)),
    signal: context.signal,
    dryRun: options.dryRun ?? false,
    states: options.state ?? [],
    profile: options.profile ?? null,
    limit: options.limit ?? null,
  }
  const done: Synced[] = []
  for (const seat of seats(dataDir)) done.push(...(await syncSessions(input, seat)))
  if (context.json) context.terminal.json(done)
  else say(done, context)
  return 0
}

function seats(dataDir: string): { stateDir: string; key: string }[] {
  const folder = seatFolders(dataDir)
  if (!existsSync(folder))
    throw new Problem('configuration', `no daemon has run with the data folder ${dataDir}; name it with --data DIR`)
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .flatMap((stateDir) => {
      const identity = readIdentity(stateDir)
      return identity === null ? [] : [{ stateDir, key: identity.key }]
    })
}

function say(done: readonly Synced[], { terminal }: Context): void {
  const rows = done.map(({ taskId, n, state, harness, outcome, bytes: size }) => [
    taskId,
    String(n),
    state,
    harness ?? '',
    size === 0 ? '' : bytes(size),
    outcome === 'absent' ? 'not on this host any more, or cannot be carried' : outcome,
  ])
  if (rows.length === 0) {
    terminal.out('every conversation of this host is at the server')
    return
  }
  const table = { head: ['TASK', 'N', 'STATE', 'AGENT', 'SIZE', 'OUTCOME'], rows, flexible: 5, right: [1, 4] }
  terminal.out(...tableLines(table, terminal.width, terminal.style))
}
