// The listening socket: plain or TLS, with time limits for slow clients, refusals in words, and a close that lets answers finish.

import { readFileSync } from 'node:fs'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Server as SocketServer } from 'node:net'
import { createServer as createSocketServer } from 'node:net'
import { Problem } from '../core/problem.ts'
import { isLoopback, urlHost } from './guard.ts'
import type { ServerSettings } from './settings.ts'

export interface ListenOptions {
  /** Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  /** The address people and daemons use when a proxy stands in front. */
  readonly publicUrl?: string | undefined
  /** A proxy in front terminates TLS. */
  readonly trustProxy?: boolean | undefined
  /** Plain HTTP beyond loopback, on purpose. */
  readonly insecure?: boolean | undefined
}

/** Throws `configuration` for addresses on which tokens would travel in the clear, and for a public URL that is none. */
export function refuseUnsafe({ listen, tls, publicUrl, trustProxy, insecure }: ListenOptions): void {
  if (publicUrl !== undefined && !/^https?:$/.test(URL.parse(publicUrl)?.protocol ?? ''))
    throw new Problem('configuration', `--public-url ${JSON.stringify(publicUrl)} is not an http or https URL`)
  const proxied = publicUrl !== undefined && trustProxy === true
  if (isLoopback(listen.host) || tls !== undefined || proxied || insecure === true) return
  const remedy = 'give --tls-cert and --tls-key, or --public-url with --trust-proxy behind a proxy, or --insecure'
  throw new Problem('configuration', `plain HTTP on ${listen.host} would show tokens to the network; ${remedy}`)
}

/** Makes the HTTP server; it does not listen yet. */
export function makeHttpServer(options: ListenOptions, settings: ServerSettings, handle: RequestListener): Server {
  const limits = {
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    // How often Node looks for connections that are too slow; its default of 30 s would make the limits longer.
    connectionsCheckingInterval: Math.max(100, Math.min(settings.headersTimeoutMs, settings.requestTimeoutMs) / 4),
    keepAliveTimeout: 65_000, // longer than the 60 s of common proxies, so that it is they who close
    maxHeaderSize: 16_384,
  }
  if (options.tls === undefined) return createServer(limits, handle)
  const { cert, key } = options.tls
  return createTlsServer({ ...limits, cert: readPem(cert, '--tls-cert'), key: readPem(key, '--tls-key') }, handle)
}

/** Listens; gives the port. Throws `configuration` naming port and remedy when it cannot. */
export function listen(server: SocketServer, { host, port }: ListenOptions['listen']): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(error, host, port)))
    server.listen({ host, port }, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

/**
 * Throws what `listen` would, before anything is opened or made: a start that cannot listen leaves nothing behind. Also reads the TLS files.
 */
export async function requireListenable(options: ListenOptions): Promise<void> {
  refuseUnsafe(options)
  if (options.tls !== undefined) {
    readPem(options.tls.cert, '--tls-cert')
    readPem(options.tls.key, '--tls-key')
  }
  const probe = createSocketServer((socket) => socket.destroy())
  await listen(probe, options.listen)
  await new Promise<void>((resolve) => probe.close(() => resolve()))
}

/** Stops accepting and waits for answers under way, up to the timeout; then cuts what is left. */
export async function closeHttp(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // A connection that becomes idle while we wait is not closed by Node itself.
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  const cut = setTimeout(() => server.closeAllConnections(), timeoutMs)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}

export function addressOf({ listen: { host }, tls }: ListenOptions, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : urlHost(host)
  return `${tls === undefined ? 'http' : 'https'}://${reachable}:${port}`
}

function cannotListen(error: NodeJS.ErrnoException, host: string, port: number): Problem {
  if (error.code === 'EADDRINUSE') {
    const detail = `port ${port} on ${host} is in use by another program; choose another with --port N or --listen HOST:PORT`
    return new Problem('configuration', detail, { cause: error })
  }
  if (error.code === 'EACCES') {
    const detail = `port ${port} on ${host} needs more rights than this user has; choose one above 1023 with --port`
    return new Problem('configuration', detail, { cause: error })
  }
  return new Problem('configuration', `cannot listen on ${host}:${port}: ${error.message}`, { cause: error })
}

function readPem(path: string, flag: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new Problem('configuration', `${flag} ${path} cannot be read: ${said}`, { cause })
  }
}
