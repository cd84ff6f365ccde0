// Where a run's MCP server lies: a folder that holds the bridge and its directions, and a socket whose path the system can take.

import { createHash, createHmac } from 'node:crypto'
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { writeFileAtomic } from '../../lib/atomic-file.ts'
import type { RunUser } from '../../lib/exec.ts'
import { codeFile } from '../../lib/package-files.ts'
import type { McpBridge } from '../harness/port.ts'

/** sun_path without its NUL: 103 bytes on macOS, 107 on Linux. */
const longestSocketPath = 103

/** In a checkout Node strips the types of a copy too, if its name says that it has some. */
const source = codeFile('daemon/mcp/bridge')
const script = { source, name: `bridge.m${extname(source).slice(1)}` }

export interface McpPlace {
  /**
   * Beside the runs, not in the run's folder, which is the agent's with --run-as: the daemon writes here, and would follow what an agent put
   * in its way. The agent only reads. The bridge is a copy: an upgrade that replaces the package while it works does not take it away.
   */
  readonly folder: string
  readonly script: string
  readonly socket: string
  /** What the bridge reads: `{socket, token}`. */
  readonly directions: string
  /** `{"mcpServers": …}`, for CLIs that read such a file. */
  readonly config: string
  /** A script writes its output there, as JSON. Its folder is the agent's; the daemon only reads there. */
  readonly output: string
}

export function placeOf(runDir: string): McpPlace {
  const folder = join(dirname(dirname(runDir)), 'mcp', basename(runDir))
  return {
    folder,
    script: join(folder, script.name),
    socket: socketOf(folder),
    directions: join(folder, 'bridge.json'),
    config: join(folder, 'config.json'),
    output: join(runDir, 'tmp', 'output.json'),
  }
}

/** How a CLI starts the bridge. The token is not in it: whoever may read the folder may read the token. */
export function bridgeOf(runDir: string): McpBridge {
  const { folder, script: path } = placeOf(runDir)
  return { name: 'capstan', command: process.execPath, args: [path, folder], env: {} }
}

/** What a sandbox must show, to read alone, so that the bridge works in it. A socket can be used all the same. */
export function readableOf(runDir: string): readonly string[] {
  const { folder, socket } = placeOf(runDir)
  return [...new Set([folder, dirname(socket), process.execPath])]
}

/** Made anew by each start of the daemon, the same each time; worth nothing once the run's server is gone. */
export function tokenOf(key: string, attemptId: string): string {
  return createHmac('sha256', key).update(`mcp ${attemptId}`).digest('base64url')
}

/**
 * Writes what the bridge and the agent's CLI read, for the daemon's user, or for `user` too. Throws `workspace_failed` when somebody else
 * made the socket's folder.
 */
export function layOut(runDir: string, token: string, user: RunUser | null): McpPlace {
  const place = placeOf(runDir)
  mkdirSync(dirname(place.folder), { recursive: true, mode: 0o711 })
  mkdirSync(place.folder, { recursive: true, mode: 0o700 })
  if (dirname(place.socket) !== place.folder) makeOwn(dirname(place.socket))
  const { name, command, args } = bridgeOf(runDir)
  writeFileAtomic(place.script, readFileSync(script.source, 'utf8'))
  writeFileAtomic(place.directions, JSON.stringify({ socket: place.socket, token }))
  writeFileAtomic(place.config, JSON.stringify({ mcpServers: { [name]: { command, args } } }))
  for (const folder of new Set([place.folder, dirname(place.socket)])) lend(folder, 0o750, user)
  for (const file of [place.script, place.directions, place.config]) lend(file, 0o640, user)
  return place
}

/** Lets the group of the run's user in, while the file stays the daemon's. */
export function lend(path: string, mode: number, user: RunUser | null): void {
  if (user === null) return
  chownSync(path, userInfo().uid, user.gid)
  chmodSync(path, mode)
}

/** The run is over: nobody is to be led here any more. */
export function clearOut(runDir: string): void {
  const { folder, socket } = placeOf(runDir)
  rmSync(folder, { recursive: true, force: true })
  if (dirname(socket) !== folder) rmSync(dirname(socket), { recursive: true, force: true })
}

/** In the run's folder where its path is short enough, else in a folder of this user and run in the temporary folder. */
function socketOf(folder: string): string {
  const own = join(folder, 's')
  if (Buffer.byteLength(own) <= longestSocketPath) return own
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  return join(tmpdir(), `capstan-${userInfo().uid}-${hash}`, 's')
}

/** Anybody may make folders in the temporary folder: one that is not ours could hold a socket of somebody else. */
function makeOwn(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const seen = lstatSync(folder)
  if (seen.isDirectory() && seen.uid === userInfo().uid && (seen.mode & 0o027) === 0) return
  throw new Problem('workspace_failed', `${folder} is not a folder of this user alone; remove it`)
}
