// The only way out of a sandbox: an HTTP proxy that dials listed hosts at the addresses it has checked, and writes down what it refused.

import { lookup } from 'node:dns/promises'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { allowedBy, type Judged, type NetworkRule, readTarget, refusedAddress, type Target } from './network-rules.ts'

export interface Denial {
  readonly target: string
  readonly why: string
}

export interface ProxyOptions {
  readonly rules: readonly NetworkRule[]
  /** Must not throw. */
  onDenied(denial: Denial): void
  readonly bounds?: ProxyBounds
}

export interface ProxyBounds {
  /** At once; further ones are closed unheard. */
  readonly connections: number
  /** A client has so long to say what it wants, ms. */
  readonly headersMs: number
  /** Of two ends that speak to each other, one that has left waits so long for the silence of the other, ms. */
  readonly halfOpenMs: number
}

/** Package managers open some dozens; an answer that is thought about for an hour is none that is half open. */
const usual: ProxyBounds = { connections: 512, headersMs: 60_000, halfOpenMs: 120_000 }
/** A host that does not answer for so long is not there, ms. */
const connectMs = 20_000
/** For a refusal to be read, ms. */
const farewellMs = 1_000
/** Of one name; each is tried for as long. */
const maxAddresses = 8
/** A peer that went away without a word is noticed by the kernel some time after this, ms. */
const keepAliveMs = 60_000
/** What a client names is shown to people: as much of it as a name can have. */
const maxShown = 260

/** The proxy, not listening yet. TLS is not opened: what an allowed host does with the data is beyond it. */
export function makeProxy(options: ProxyOptions): Server {
  const bounds = options.bounds ?? usual
  const server = createServer({ connectionsCheckingInterval: Math.ceil(bounds.headersMs / 2) }, (incoming, answer) => {
    forward(options, incoming, answer).catch(() => answer.destroy())
  })
  server.on('connect', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    tunnel(options, incoming, { socket, head, halfOpenMs: bounds.halfOpenMs }).catch(() => socket.destroy())
  })
  server.on('clientError', (_error, socket) => {
    options.onDenied({ target: 'a request that is not HTTP', why: 'cannot be read' })
    farewell(socket, '400 Bad Request')
  })
  // an agent's long answer is no idle connection
  server.requestTimeout = 0
  server.headersTimeout = bounds.headersMs
  server.maxConnections = bounds.connections
  server.on('drop', () =>
    options.onDenied({ target: `more than ${bounds.connections} connections`, why: 'are too many' }),
  )
  return server
}

/** Whoever does not leave then is put out. */
function farewell(socket: Duplex, words: string): void {
  if (socket.writable) socket.end(`HTTP/1.1 ${words}\r\nconnection: close\r\n\r\n`)
  const late = setTimeout(() => socket.destroy(), farewellMs)
  socket.once('close', () => clearTimeout(late))
}

interface Tunnel {
  readonly socket: Duplex
  readonly head: Buffer
  readonly halfOpenMs: number
}

async function tunnel(
  options: ProxyOptions,
  incoming: IncomingMessage,
  { socket, head, halfOpenMs }: Tunnel,
): Promise<void> {
  const dialled = await dial(options, incoming.url ?? '', null)
  if (!dialled.ok) {
    farewell(socket, `${dialled.why}\r\nx-capstan-denied: 1`)
    return
  }
  const upstream = dialled.value
  if (socket.destroyed) {
    upstream.destroy() // the client did not wait
    return
  }
  const close = () => {
    upstream.destroy()
    socket.destroy()
  }
  const halfOpen = () => upstream.setTimeout(halfOpenMs, close)
  for (const each of [upstream, socket]) each.on('error', close).on('close', close).on('end', halfOpen)
  if (socket.readableEnded) halfOpen() // while the host was dialled
  socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
  if (head.length > 0) upstream.write(head)
  upstream.pipe(socket).pipe(upstream)
}

/** These speak of one connection, not of the request; RFC 9110, 7.6.1. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

async function forward(options: ProxyOptions, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
  const [, authority = '', path = '/'] = /^http:\/\/([^/?#]*)(.*)$/i.exec(incoming.url ?? '') ?? []
  const dialled = await dial(options, authority, 80)
  if (!dialled.ok) {
    answer.writeHead(Number(dialled.why.slice(0, 3)), { 'x-capstan-denied': '1', connection: 'close' })
    answer.end(`${dialled.why.slice(4)}\n`)
    return
  }
  if (answer.destroyed) {
    dialled.value.destroy() // the client did not wait
    return
  }
  const kept = passedOn(incoming.headers).filter(([name]) => name !== 'host')
  const framed = incoming.headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' }
  const upstream = request({
    createConnection: () => dialled.value,
    method: incoming.method,
    path: path.startsWith('/') ? path : `/${path}`,
    // the host that was checked, whatever the client's own header says
    headers: { ...Object.fromEntries(kept), ...framed, host: authority },
    setHost: false,
  })
  const close = () => {
    upstream.destroy()
    answer.destroy()
  }
  upstream.on('error', close)
  answer.on('close', () => upstream.destroy())
  upstream.on('response', (response) => {
    answer.writeHead(response.statusCode ?? 502, Object.fromEntries(passedOn(response.headers)))
    response.on('error', close).pipe(answer)
  })
  incoming.on('error', close).pipe(upstream)
}

/** Without those of one connection, and those that the sender calls so: but never without the length, or a body would be read as a request. */
function passedOn(headers: IncomingMessage['headers']): [string, string | string[] | undefined][] {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  return Object.entries(headers).filter(
    ([name]) => !hopByHop.has(name) && (!named.includes(name) || name === 'content-length'),
  )
}

/** A connection to the target, or the status line that says why there is none. */
async function dial(options: ProxyOptions, authority: string, defaultPort: number | null): Promise<Judged<Socket>> {
  const shown = JSON.stringify(authority.slice(0, maxShown)).slice(1, -1)
  const refuse = (why: string): Judged<Socket> => {
    options.onDenied({ target: shown, why })
    return { ok: false, why: '403 Forbidden by the sandbox' }
  }
  const target = readTarget(authority, defaultPort)
  if (!target.ok) return refuse(target.why)
  const rule = allowedBy(options.rules, target.value)
  if (!rule.ok) return refuse(rule.why)
  const addresses = await addressesOf(target.value)
  if (addresses.length === 0) return { ok: false, why: '502 The host has no address' }
  for (const address of addresses) {
    const why = refusedAddress(address, rule.value)
    if (why !== null) return refuse(why)
  }
  for (const address of addresses) {
    const socket = await connected(address, target.value.port)
    if (socket !== null) return { ok: true, value: socket }
  }
  return { ok: false, why: '502 The host does not answer' }
}

/** Resolved once: what was checked is what is dialled. */
async function addressesOf({ host }: Target): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host]
  try {
    return (await lookup(host, { all: true })).slice(0, maxAddresses).map(({ address }) => address)
  } catch {
    return [] // no such name, or no resolver
  }
}

function connected(host: string, port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectMs, keepAlive: true, keepAliveInitialDelay: keepAliveMs })
    const fail = () => {
      socket.destroy()
      resolve(null)
    }
    socket.once('error', fail)
    socket.once('timeout', fail)
    socket.once('connect', () => {
      socket.off('error', fail).off('timeout', fail)
      socket.setTimeout(0)
      socket.on('error', () => socket.destroy()) // until the tunnel listens itself
      resolve(socket)
    })
  })
}
