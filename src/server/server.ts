// The control plane in one process: composes store, faces and loops; `startServer` is the door.

import { mkdirSync } from 'node:fs'
import type { Server as HttpServer } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { openDirectoryBlobs } from '../blob/directory.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../lib/log.ts'
import { openStore } from '../store/open.ts'
import type { Note } from '../store/port.ts'
import { Auth } from './auth.ts'
import { Dispatch } from './dispatch.ts'
import { makeGuard } from './guard.ts'
import { makeHandlers } from './handlers.ts'
import { Link, linkPath } from './link.ts'
import { addLinkRoutes } from './link-http.ts'
import type { ListenOptions } from './listen.ts'
import { addressOf, closeHttp, listen, makeHttpServer, requireListenable } from './listen.ts'
import { Live } from './live.ts'
import type { LocalAccess } from './local-access.ts'
import { makeSignInCode, prepareLocalAccess } from './local-access.ts'
import type { McpFace } from './mcp.ts'
import { addMcp } from './mcp.ts'
import type { Metrics } from './metrics.ts'
import { makeMetrics } from './metrics.ts'
import type { Plane } from './plane.ts'
import { describeFailure } from './problem-response.ts'
import { disconnectSilent, runReaper } from './reaper.ts'
import { readForFollowers, teamOfTask } from './service/tasks.ts'
import { endOfEvents, eventsAfter } from './service/transcript.ts'
import type { ServerSettings } from './settings.ts'
import { defaultSettings } from './settings.ts'
import { TeamLive } from './team-live.ts'
import { relayBeatMs, Terminals, terminalTask } from './terminals.ts'
import { makeListener, makeWeb } from './web.ts'

export interface ServerOptions extends ListenOptions {
  /** A SQLite file's path, or postgres://… */
  readonly database: string
  /** Holds blobs and the local tokens; made 0700 when missing. */
  readonly dataDir: string
  readonly settings?: Partial<ServerSettings>
  /** Shown to daemons, callers and pages. */
  readonly version: string
  readonly clock: Clock
  readonly log: Log
}

export interface RunningServer {
  /** Where programs on this machine reach it. */
  readonly url: string
  readonly port: number
  /** The first team's id. */
  readonly teamId: string
  /** Scopes admin and user; also in `<dataDir>/token`. */
  readonly token: string
  /** Scope daemon; also in `<dataDir>/daemon-token`. */
  readonly daemonToken: string
  /** Signs one browser in, once; made anew at each start. */
  readonly signInUrl: string
  /** Another link, when that one was used. */
  makeSignInUrl(): Promise<string>
  /** Graceful: answers under way finish, daemons and followers are told to come back, all is stored. Twice is once. */
  close(): Promise<void>
}

/** Starts everything; resolves once requests are answered. Throws Problem when it cannot, with nothing left running. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  await requireListenable(options)
  await using stack = new AsyncDisposableStack()
  const plane = await openPlane(options, stack)
  const access = await prepareLocalAccess(plane, options.dataDir)
  const faces = makeFaces(plane, access)
  const { server, guard, mcp } = makeDoor(options, plane, faces)
  const port = await listen(server, options.listen)
  const url = addressOf(options, port)
  guard.current = makeGuard({ ...guardOptions(options), port })
  const stop = startLoops(plane, faces)
  const close = () => closeAll(plane, faces, { server, mcp, stop })
  stack.defer(close)
  const makeSignInUrl = async () => {
    const code = await makeSignInCode(plane, access.teamId)
    return `${options.publicUrl?.replace(/\/+$/, '') ?? url}/sign-in/${code}`
  }
  const signInUrl = await makeSignInUrl()
  plane.log.info({ url, store: plane.store.dialect }, 'server listens')
  const running = stack.move()
  let closing: Promise<void> | null = null
  return {
    url,
    port,
    teamId: access.teamId,
    token: access.token,
    daemonToken: access.daemonToken,
    signInUrl,
    makeSignInUrl,
    close: () => {
      closing ??= running.disposeAsync()
      return closing
    },
  }
}

async function openPlane(options: ServerOptions, stack: AsyncDisposableStack): Promise<Plane> {
  const { clock, log, dataDir, database, version } = options
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const blobs = await openDirectoryBlobs(join(dataDir, 'blobs'))
  const store = await openStore({ url: database, clock })
  stack.defer(() => store.close())
  const plane = { store, blobs, clock, settings: { ...defaultSettings, ...options.settings }, log, version }
  // Alone on its database, a server that starts has no daemon connected, whatever a crash left written.
  if (store.dialect === 'sqlite') await disconnectSilent(plane, 0)
  return plane
}

/** What hears notes and answers the outside. */
interface Faces {
  readonly auth: Auth
  readonly dispatch: Dispatch
  readonly link: Link
  readonly live: Live
  readonly team: TeamLive
  readonly metrics: Metrics
  readonly terminals: Terminals
}

function makeFaces(plane: Plane, access: LocalAccess): Faces {
  const auth = new Auth(plane, access.teamId)
  const dispatch = new Dispatch(plane)
  const source = {
    events: (_: string, taskId: string, after: { attempt: number; seq: number }, limit: number) =>
      eventsAfter(plane, taskId, after, limit),
    end: (_: string, taskId: string) => endOfEvents(plane, taskId),
    task: (teamId: string, taskId: string) => readForFollowers(plane, teamId, taskId),
  }
  const failed = (error: unknown) => plane.log.warn({ err: error }, 'a stream could not be read')
  const live = new Live(source, plane.settings.followBufferBytes, failed)
  const teamOf = (taskId: string) => teamOfTask(plane, taskId)
  const team = new TeamLive({ teamOf }, plane.settings.followBufferBytes, failed)
  const metrics = makeMetrics(plane.store, {
    connectedDaemons: () => link.connected,
    waitingClaims: () => dispatch.waiting,
    followers: () => live.readers + team.readers,
  })
  const terminals = new Terminals({
    plane,
    auth,
    has: (daemonId) => link.has(daemonId),
    order: (daemonId, order) => link.order(daemonId, order),
  })
  const link: Link = new Link({ plane, auth, dispatch, metrics, terminals })
  return { auth, dispatch, link, live, team, metrics, terminals }
}

function guardOptions({ listen: { host }, tls, publicUrl }: ServerOptions) {
  return { host, tls: tls !== undefined, publicUrl: publicUrl ?? null }
}

function makeDoor(options: ServerOptions, plane: Plane, faces: Faces) {
  const { auth, metrics, live, team, link, terminals } = faces
  // The port is known only once it listens; nobody can ask before that.
  const guard = { current: makeGuard({ ...guardOptions(options), port: options.listen.port }) }
  const handlers = makeHandlers(plane, live, team)
  const parts = { plane, auth, metrics, handlers, trustProxy: options.trustProxy === true }
  const web = {
    secure: options.tls !== undefined || options.publicUrl?.startsWith('https:') === true,
    openMetrics: options.publicUrl === undefined && options.trustProxy !== true,
  }
  const app = makeWeb(parts, web)
  addLinkRoutes(app, link, plane)
  const mcp = addMcp(app, parts)
  const handle = makeListener(app, () => guard.current, parts, web)
  const server = makeHttpServer(options, plane.settings, handle)
  server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy()) // a peer that hangs up during its handshake
    const refuse = (error: unknown) => refuseUpgrade(socket, describeFailure(error, plane.log))
    const path = request.url?.split('?')[0]
    const method = request.method ?? 'GET'
    const refusal = guard.current.check({ method, headers: request.headers, upgrade: true })
    const terminal = terminalTask(request.url)
    if (refusal !== null) refuse(refusal)
    else if (terminal !== null) terminals.upgrade(terminal, request, socket, head).catch(refuse)
    else if (path !== linkPath) socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    else link.upgrade(request, socket, head).catch(refuse)
  })
  return { server, guard, mcp }
}

function refuseUpgrade(socket: Duplex, body: { readonly status: number; readonly title: string }): void {
  const text = JSON.stringify(body)
  socket.end(
    `HTTP/1.1 ${body.status} ${body.title}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  )
}

/** Starts what runs by itself; gives how to stop it. */
function startLoops(plane: Plane, { auth, dispatch, link, live, team, terminals }: Faces): () => Promise<void> {
  const over = new AbortController()
  const { signal } = over
  const deaf = plane.store.listen((note: Note) => {
    for (const face of [auth, dispatch, link, live, team, terminals]) face.hear(note)
  })
  const every = (ms: number, act: () => void) => repeat(plane.clock, { ms, signal }, act)
  const loops = [
    auth.run(signal),
    dispatch.run(signal),
    runReaper(plane, signal),
    every(plane.settings.pingMs, () => {
      link.ping()
      terminals.ping()
    }),
    every(relayBeatMs, () => terminals.beat()),
    every(plane.settings.streamBeatMs, () => {
      live.beat()
      team.beat()
      // Only between replicas can a note get lost.
      if (plane.store.dialect === 'sqlite') return
      live.relook()
      team.relook()
    }),
  ]
  return async () => {
    over.abort()
    deaf()
    await Promise.all(loops)
  }
}

async function repeat(
  clock: Clock,
  { ms, signal }: { ms: number; signal: AbortSignal },
  act: () => void,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(ms, signal).catch(() => {}) // the abort
    if (!signal.aborted) act()
  }
}

interface Door {
  readonly server: HttpServer
  readonly mcp: McpFace
  readonly stop: () => Promise<void>
}

/** In order: no new work, answers to what waits, the sockets, then the loops. The store closes after this. */
async function closeAll(plane: Plane, faces: Faces, { server, mcp, stop }: Door): Promise<void> {
  const timeoutMs = plane.settings.closeTimeoutMs
  faces.dispatch.close()
  faces.live.close()
  faces.team.close()
  faces.terminals.close()
  mcp.close()
  const links = faces.link.close(timeoutMs)
  await closeHttp(server, timeoutMs)
  faces.terminals.terminate()
  await links
  await stop()
  await faces.auth.flush()
}
