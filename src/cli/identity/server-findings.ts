// What doctor sees of the server and, through it, of this host's daemon and its agent CLIs.

import type { Client } from '../../client/client.ts'
import { Problem } from '../../core/problem.ts'
import type { DaemonView } from '../../protocol/fleet.ts'
import type { Connection } from '../connection.ts'
import { clientOf, readConnection } from '../connection.ts'
import type { Context } from '../context.ts'
import { daemonHere } from '../data-dir.ts'
import type { Finding } from '../render/findings.ts'
import { harnessText } from '../render/host.ts'

const askMs = 5_000

export async function serverFindings(dataDir: string, context: Context): Promise<readonly Finding[]> {
  const connection = known(context)
  if ('state' in connection) return [connection]
  const client = await clientOf(context.env, connection, askMs)
  const [server, token] = await serverAndToken(client, context)
  if (server.state === 'fail' || token?.state === 'fail') return token === null ? [server] : [server, token]
  const hosts = await daemons(client, context)
  const here = daemonHere(dataDir)
  return [server, ...(token === null ? [] : [token]), ...daemonFindings(hosts, here)]
}

function known(context: Context): Connection | Finding {
  try {
    return readConnection(context)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { what: 'server', state: 'fail', detail: error.detail, remedy: error.remedy }
  }
}

/** A token that is refused proves at least that the server is there. */
async function serverAndToken(
  client: Client,
  { version, signal }: Context,
): Promise<readonly [Finding, Finding | null]> {
  const reached = { what: 'server', state: 'ok', remedy: null } as const
  try {
    const { server, actor, team, scopes } = await client.call('whoami', { signal })
    const detail = `${client.url}, Capstan ${server.version} on ${server.store}`
    const token = {
      what: 'token',
      state: 'ok',
      detail: `${actor}, team ${team.name}, ${scopes.join(', ')}`,
      remedy: null,
    } as const
    if (server.version === version) return [{ ...reached, detail }, token]
    return [
      { ...reached, state: 'warn', detail: `${detail}; this is ${version}`, remedy: 'upgrade the older side' },
      token,
    ]
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const failed = { state: 'fail', detail: error.detail, remedy: error.remedy } as const
    if (error.code === 'not_connected' || error.code === 'unavailable') return [{ ...failed, what: 'server' }, null]
    return [
      { ...reached, detail: client.url },
      { ...failed, what: 'token' },
    ]
  }
}

async function daemons(client: Client, { signal }: Context): Promise<readonly DaemonView[]> {
  try {
    return (await client.call('listDaemons', { signal })).items
  } catch (error) {
    if (error instanceof Problem) return [] // a daemon's own token may not list them
    throw error
  }
}

function daemonFindings(hosts: readonly DaemonView[], here: string | null): readonly Finding[] {
  const host = hosts.find(({ id }) => id === here)
  if (host === undefined) {
    const connected = hosts.filter((each) => each.connected)
    const detail = `none runs here; ${connected.length} of ${hosts.length} known are connected`
    return [
      {
        what: 'daemon',
        state: connected.length > 0 ? 'info' : 'warn',
        detail,
        remedy: 'capstan up, or: capstan daemon',
      },
    ]
  }
  return [daemonFinding(host), ...harnessFindings(host)]
}

function daemonFinding(host: DaemonView): Finding {
  const what = 'daemon'
  if (!host.connected)
    return {
      what,
      state: 'fail',
      detail: `${host.name} is not connected`,
      remedy: 'look at its log, or start it again',
    }
  if (host.draining)
    return { what, state: 'warn', detail: `${host.name} takes no work`, remedy: `capstan daemon undrain ${host.name}` }
  return { what, state: 'ok', detail: `${host.name}, ${host.running} of ${host.maxAgents} at work`, remedy: null }
}

/** One agent CLI that is ready is enough; what the others lack is told, not counted. */
function harnessFindings(host: DaemonView): readonly Finding[] {
  const agents = host.harnesses.filter(({ name }) => name !== 'shell')
  const ready = agents.some((each) => each.ready)
  return agents.map((each) => {
    const state = each.ready ? 'ok' : ready ? 'info' : 'warn'
    if (each.ready) return { what: 'agent', state, detail: harnessText(each), remedy: null }
    // Every adapter says what is wrong, and after a colon what to do.
    const [problem = '', ...rest] = (each.problem ?? 'not ready').split(': ')
    return {
      what: 'agent',
      state,
      detail: `${each.name}: ${problem}`,
      remedy: rest.length === 0 ? null : rest.join(': '),
    }
  })
}
