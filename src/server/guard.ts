// Who may knock: the Host header must be one of this server's names, and a browser's request must come from its own pages.

import type { IncomingHttpHeaders } from 'node:http'
import { hostname, networkInterfaces } from 'node:os'
import { Problem } from '../core/problem.ts'

export interface Guard {
  /** Null: let it in. `upgrade`: a WebSocket handshake, which browsers send without preflight. */
  check(request: {
    readonly method: string
    readonly headers: IncomingHttpHeaders
    readonly upgrade: boolean
  }): Problem | null
}

export interface GuardOptions {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly publicUrl: string | null
}

/** Makes the guard for one listening address. Comparison is exact: name and port, so that DNS rebinding gets nowhere. */
export function makeGuard(options: GuardOptions): Guard {
  const { tls, publicUrl } = options
  const local = localHosts(options)
  const shown = publicUrl === null ? null : new URL(publicUrl)
  const hosts = new Set([...local, ...(shown === null ? [] : [shown.host])])
  const origins = new Set(local.map((host) => `${tls ? 'https' : 'http'}://${host}`))
  if (shown !== null) origins.add(shown.origin)
  return {
    check: ({ method, headers, upgrade }) => {
      const host = headers.host?.toLowerCase() ?? ''
      if (!hosts.has(host)) {
        const known = [...hosts].join(', ')
        return new Problem(
          'host_refused',
          `host ${JSON.stringify(host)} is not a name of this server, which answers to ${known}; give it with --public-url`,
        )
      }
      const origin = headers.origin
      const reads = !upgrade && (method === 'GET' || method === 'HEAD')
      if (reads || origin === undefined || origins.has(origin.toLowerCase())) return null
      return new Problem('origin_refused', `a page of ${JSON.stringify(origin)} may not drive this server`)
    },
  }
}

/** True for an address that only programs on this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** A host as it stands in a URL: IPv6 in brackets. */
export function urlHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

/** A server on all interfaces goes by each of their addresses and by the machine's name: none of them can be rebound by a stranger's DNS. */
function namesOf(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::' && host !== '[::]') return [urlHost(host).toLowerCase()]
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return [hostname().toLowerCase(), ...addresses.map(({ address }) => urlHost(address).toLowerCase())]
}

function localHosts({ host, port, tls }: GuardOptions): string[] {
  const names = [...new Set(['localhost', '127.0.0.1', '[::1]', ...namesOf(host)])]
  // A client leaves the scheme's own port out.
  const plain = port === (tls ? 443 : 80) ? names : []
  return [...names.map((name) => `${name}:${port}`), ...plain]
}
