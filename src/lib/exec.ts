// The one place that runs other programs (the supervisor starts agents by the same door): no shell, a timeout always, the group ended with it.

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { canSpawn, Spawner } from './spawner.ts'

/** Another user to run a program as; only root can. It gets no further groups. */
export interface RunUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

export interface ExecOptions {
  readonly cwd?: string
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly input?: string | Uint8Array
  /** An open file that the child reads or writes instead; for what is too large to be held. The caller closes it. */
  readonly stdinFile?: number
  readonly stdoutFile?: number
  /** After this the child's process group gets SIGKILL, ms. */
  readonly timeoutMs: number
  /** Standard output beyond this is dropped and `truncated` is set. Default 16 MiB. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
  readonly user?: RunUser | null | undefined
}

export interface ExecResult {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  /** The last 64 KiB. */
  readonly stderr: string
  readonly timedOut: boolean
  readonly truncated: boolean
}

const stderrTail = 65_536

/** Runs a program to its end. Rejects only if it cannot be started (ENOENT, EACCES) or `signal` aborts. */
export async function exec(file: string, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
  options.signal?.throwIfAborted()
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env as NodeJS.ProcessEnv,
    detached: true,
    stdio: [options.stdinFile ?? 'pipe', options.stdoutFile ?? 'pipe', 'pipe'],
    ...ids(options.user),
  }) // ProcessEnv is the same shape, writable
  const out = new Collected(options.maxBytes ?? 16_777_216)
  let stderr = Buffer.alloc(0)
  let timedOut = false
  child.stdout?.on('data', (chunk: Buffer) => out.add(chunk))
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-stderrTail)
  })
  child.stdin?.on('error', () => {}) // a child that exits before reading its input is judged by its exit code
  child.stdin?.end(options.input ?? '')
  const timer = setTimeout(() => {
    timedOut = true
    killGroup(child)
  }, options.timeoutMs)
  const abort = () => killGroup(child)
  options.signal?.addEventListener('abort', abort, { once: true })
  try {
    const [code, signal] = await ended(child)
    options.signal?.throwIfAborted()
    return { code, signal, stdout: out.bytes(), stderr: stderr.toString('utf8'), timedOut, truncated: out.truncated }
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', abort)
  }
}

/**
 * Starts a program in a session of its own that outlives this process; its output goes to a file. Returns the pid, or throws when it
 * cannot be started.
 */
export async function startDetached(
  file: string,
  args: readonly string[],
  options: {
    readonly cwd: string
    readonly env: Readonly<Record<string, string | undefined>>
    readonly logPath: string
    readonly user?: RunUser | null | undefined
  },
): Promise<number> {
  const log = openSync(options.logPath, 'a', 0o600)
  try {
    const { user, ...plain } = options
    const request = { file, args, ...plain }
    if (user == null && canSpawn(request)) return await spawner.spawn(request)
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env as NodeJS.ProcessEnv,
      detached: true,
      stdio: ['ignore', log, log],
      ...ids(options.user),
    }) // same shape, writable
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('spawn', () => resolve(child.pid ?? 0))
    })
    child.unref()
    return pid
  } finally {
    closeSync(log)
  }
}

/** Started when first needed. It belongs to the process as the page tables do that it spares: it ends with it, and needs no owner. */
const spawner = new Spawner(() =>
  spawn('/bin/sh', ['-s'], { cwd: '/', env: {}, detached: true, stdio: ['pipe', 'pipe', 'ignore'] }),
)

/** Runs a program on this terminal and waits: for editors, pagers and git as the user would run them. */
export async function execOnTerminal(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string },
): Promise<number> {
  const child = spawn(file, args, { cwd: options.cwd, stdio: 'inherit' })
  const [code] = await ended(child)
  return code ?? 1
}

function ids(user: RunUser | null | undefined): { uid?: number; gid?: number } {
  return user == null ? {} : { uid: user.uid, gid: user.gid }
}

class Collected {
  readonly #chunks: Buffer[] = []
  readonly #max: number
  #size = 0
  truncated = false

  constructor(max: number) {
    this.#max = max
  }

  add(chunk: Buffer): void {
    const room = this.#max - this.#size
    if (chunk.length > room) this.truncated = true
    if (room <= 0) return
    const kept = chunk.subarray(0, room)
    this.#chunks.push(kept)
    this.#size += kept.length
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}

/** A child that escaped the group may hold the pipes open after the program's end: its output is not waited for longer than this, ms. */
const pipesMs = 1_000

function ended(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve([code, signal]))
    child.once('exit', () => {
      const cut = setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, pipesMs)
      child.once('close', () => clearTimeout(cut))
    })
  })
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // ESRCH: it has ended meanwhile
  }
}
