// The product from outside: real `capstan` processes on folders of their own, real git. Everything ends with the test.

import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { DaemonView } from '../../src/protocol/fleet.ts'
import type { TaskView } from '../../src/protocol/task.ts'

const main = resolve(import.meta.dirname, 'capstan.ts')

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Up {
  readonly url: string
  readonly token: string
  readonly signInUrl: string
  readonly daemonId: string | null
  readonly dataDir: string
  readonly pid: number
}

/** A file that a process is started with, at a number that is beyond those which Node closes by itself. */
function farOff(file: number): ('ignore' | number)[] {
  return [...Array<'ignore'>(60).fill('ignore'), file]
}

/** One test's machine: a home, a data folder, and the processes started in it. */
export class World {
  readonly root = mkdtempSync(join(tmpdir(), 'capstan-journey-'))
  readonly home = join(this.root, 'home')
  readonly #children: ChildProcess[] = []
  readonly #logs: string[] = []

  constructor() {
    mkdirSync(this.home)
    writeFileSync(
      join(this.home, '.gitconfig'),
      '[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n',
    )
  }

  /** The environment of every process here: nothing of the host's own. */
  env(extra: Record<string, string> = {}): Record<string, string> {
    const path = `${join(import.meta.dirname, '../../node_modules/.bin')}:${process.env.PATH ?? ''}`
    return {
      PATH: path,
      HOME: this.home,
      LANG: 'C.UTF-8',
      TMPDIR: tmpdir(),
      CAPSTAN_HOME: join(this.home, '.capstan'),
      ...extra,
    }
  }

  /** A repository with one commit; `files` are its content. */
  async repo(name: string, files: Record<string, string> = { 'README.md': '# hello\n' }): Promise<string> {
    const path = join(this.root, name)
    mkdirSync(path, { recursive: true })
    await this.git(path, 'init', '-q')
    for (const [file, text] of Object.entries(files)) this.write(join(path, file), text)
    await this.git(path, 'add', '-A')
    await this.git(path, 'commit', '-q', '-m', 'first')
    return path
  }

  write(path: string, text: string | Uint8Array, mode?: number): void {
    mkdirSync(resolve(path, '..'), { recursive: true })
    writeFileSync(path, text)
    if (mode !== undefined) chmodSync(path, mode)
  }

  async git(cwd: string, ...args: string[]): Promise<string> {
    const ran = await this.run('git', args, { cwd })
    if (ran.code !== 0) throw new Error(`git ${args.join(' ')}: ${ran.stderr}`)
    return ran.stdout.trim()
  }

  run(
    file: string,
    args: readonly string[],
    options: { cwd?: string; input?: string | Uint8Array; env?: Record<string, string> } = {},
  ): Promise<Ran> {
    const child = spawn(file, args, { cwd: options.cwd ?? this.root, env: this.env(options.env), stdio: 'pipe' })
    child.stdin.on('error', () => {}) // it may exit before it reads
    child.stdin.end(options.input ?? '')
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    return new Promise((done, fail) => {
      child.once('error', fail)
      child.once('close', (code) =>
        done({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
      )
    })
  }

  /** `capstan …` as a person types it. */
  capstan(
    args: readonly string[],
    options: { cwd?: string; input?: string | Uint8Array; env?: Record<string, string> } = {},
  ): Promise<Ran> {
    return this.run(process.execPath, [main, ...args], options)
  }

  /** The same with `--json`; throws unless it exits 0 (or as told). */
  async json<T>(
    args: readonly string[],
    options: { cwd?: string; code?: number; input?: string; env?: Record<string, string> } = {},
  ): Promise<T> {
    const ran = await this.capstan([...args, '--json'], options)
    if (ran.code !== (options.code ?? 0))
      throw new Error(`capstan ${args.join(' ')} exited ${ran.code}: ${ran.stderr}${ran.stdout}`)
    return JSON.parse(ran.stdout) as T // the caller names the documented shape
  }

  /** Starts a verb that stays, and waits for the one line it prints when ready. */
  async start<T>(
    args: readonly string[],
    options: { cwd?: string; env?: Record<string, string>; inherits?: number } = {},
  ): Promise<{ line: T; child: ChildProcess; stop(signal?: NodeJS.Signals): Promise<number | null> }> {
    const child = spawn(process.execPath, [main, ...args, '--json'], {
      cwd: options.cwd ?? this.root,
      env: this.env(options.env),
      stdio: ['ignore', 'pipe', 'pipe', ...(options.inherits === undefined ? [] : farOff(options.inherits))],
    })
    this.#children.push(child)
    const closed = new Promise<number | null>((done) => child.once('close', (code) => done(code)))
    const at = this.#logs.push('') - 1
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#logs[at] += chunk.toString()
    })
    const line = await new Promise<string>((done, fail) => {
      let text = ''
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (text.includes('\n')) done(text.slice(0, text.indexOf('\n')))
      })
      void closed.then((code) =>
        fail(new Error(`capstan ${args.join(' ')} exited ${code} before it was ready: ${this.#logs[at]}`)),
      )
    })
    const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
      child.kill(signal)
      return closed
    }
    return { line: JSON.parse(line) as T, child, stop } // the caller names the documented shape
  }

  /** `capstan up` on a repository. */
  up(repo: string, args: readonly string[] = [], env: Record<string, string> = {}) {
    return this.start<Up>(['up', '--port', '0', '--data', join(this.root, 'data'), '--workspace', repo, ...args], {
      cwd: repo,
      env,
    })
  }

  /** Adds a task and waits for its end. */
  async finish(
    args: readonly string[],
    options: { cwd?: string; timeout?: string; input?: string } = {},
  ): Promise<TaskView> {
    const task = await this.json<TaskView>(['task', 'add', ...args], options)
    return this.wait(task.id, options.timeout)
  }

  async wait(id: string, timeout = '120s'): Promise<TaskView> {
    const ran = await this.capstan(['task', 'wait', id, '--timeout', timeout, '--json'])
    if (ran.code === 124)
      throw new Error(`${id} did not end within ${timeout}: ${(await this.capstan(['task', 'show', id])).stdout}`)
    return JSON.parse(ran.stdout) as TaskView // the contract for scripts
  }

  daemons(): Promise<DaemonView[]> {
    return this.json<DaemonView[]>(['daemon', 'ls'])
  }

  /** Looks until `look` gives something, at most `ms`. */
  async until<T>(what: string, look: () => Promise<T | null | undefined | false>, ms = 60_000): Promise<T> {
    for (const end = Date.now() + ms; Date.now() < end; await new Promise((done) => setTimeout(done, 50))) {
      const seen = await look()
      if (seen !== null && seen !== undefined && seen !== false) return seen
    }
    throw new Error(`not within ${ms} ms: ${what}\n${this.#logs.join('\n')}`)
  }

  /** Ends what was started here, by id; keeps the folder and says where when `failed`. */
  async end(failed: boolean): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await Promise.all(this.#children.map((child) => ended(child)))
    if (failed) console.error(`the failed test's folder: ${this.root}\n${this.#logs.join('\n').slice(-8_000)}`)
    else rmSync(this.root, { recursive: true, force: true })
  }
}

/** Processes alive that carry this world's path in their command line or environment. */
export function processesOf(root: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => (read(`/proc/${pid}/environ`) + read(`/proc/${pid}/cmdline`)).includes(root))
    .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it ended meanwhile, or is not ours
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const timer = setTimeout(() => child.kill('SIGKILL'), 90_000)
  await new Promise((done) => child.once('close', done))
  clearTimeout(timer)
}
