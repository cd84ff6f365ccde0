// A small shell that forks for a large process. A fork copies its parent's page tables: from a process of 1.6 GB that takes 60 ms and more,
// in which the event loop stands still, and from a fresh one still longer than the way through this shell of less than a megabyte.

import { existsSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'

export interface SpawnRequest {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Appended to; must be there. */
  readonly logPath: string
}

/** The part of a child process that is used here. */
interface Shell {
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  once(event: 'error', then: (error: Error) => void): unknown
  once(event: 'close', then: () => void): unknown
  kill(signal: 'SIGKILL'): boolean
  unref(): void
}

/** Starting a program is a matter of milliseconds; a host that needs this long has other troubles, ms. */
const answerMs = 15_000
/** A shell keeps a few bytes of each child it had; after so many it is replaced. */
const startsPerShell = 500
const setsid = ['/usr/bin/setsid', '/bin/setsid'].find((path) => existsSync(path)) ?? null
/** Names that a shell keeps for itself. */
const reserved = /^(PPID|UID|EUID|GROUPS|BASHOPTS|SHELLOPTS|BASH_VERSINFO)$/

/** Whether a shell can start it as asked; else the caller has to do it. */
export function canSpawn({ env, file, args }: SpawnRequest): boolean {
  const names = Object.keys(env).every((name) => /^[A-Za-z_]\w*$/.test(name) && !reserved.test(name))
  const words = [file, ...args, ...Object.values(env)].every((word) => word?.includes('\0') !== true)
  return setsid !== null && names && words
}

interface Waiting {
  readonly resolve: (pid: number) => void
  readonly reject: (error: Error) => void
}

/** One such shell. It ends when this process does, whichever way: its standard input is then at its end. */
export class Spawner {
  readonly #make: () => Shell
  #shell: Shell | null = null
  #starts = 0
  #waiting: Waiting[] = []

  /** `make` starts `/bin/sh -s` with pipes as standard input and output, nothing in its environment, and a folder that stays. */
  constructor(make: () => Shell) {
    this.#make = make
  }

  /** Starts a program in a session of its own; gives its pid. Rejects when it is not known whether it started. */
  async spawn(request: SpawnRequest): Promise<number> {
    const shell = this.#shell ?? this.#open()
    this.#starts += 1
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.#waiting.push({ resolve, reject })
    shell.stdin?.write(scriptOf(request))
    if (this.#starts >= startsPerShell) this.close()
    const late = setTimeout(() => shell.kill('SIGKILL'), answerMs)
    try {
      return await promise
    } finally {
      clearTimeout(late)
    }
  }

  /** Lets the shell end; what it started goes on. The next request starts another. */
  close(): void {
    this.#shell?.stdin?.end()
    this.#shell = null
  }

  #open(): Shell {
    const shell = this.#make()
    const waiting: Waiting[] = []
    let text = ''
    shell.stdout?.setEncoding('latin1').on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) waiting.shift()?.resolve(Number(line))
    })
    const over = (error?: Error) => {
      if (this.#shell === shell) this.#shell = null
      const said = error?.message ?? 'it ended'
      for (const each of waiting.splice(0)) each.reject(new Error(`the shell that starts programs failed: ${said}`))
    }
    shell.once('error', over)
    shell.once('close', () => over())
    shell.stdin?.on('error', () => {}) // its close tells
    for (const each of [shell, shell.stdin, shell.stdout] as { unref?: () => void }[]) each.unref?.() // pipes are sockets, which have it
    this.#shell = shell
    this.#starts = 0
    this.#waiting = waiting
    return shell
  }
}

/**
 * One command for the shell. The environment is set by words of the shell itself: as arguments of a program (`env A=b`) it would be
 * shown to every user of the host. The empty subshell at the end makes the shell wait for one child, and so reap all that have ended.
 */
function scriptOf({ file, args, cwd, env, logPath }: SpawnRequest): string {
  const set = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${quoted(value)}`]))
  const words = [setsid ?? '', file, ...args].map(quoted).join(' ')
  const exported = set.length === 0 ? '' : `export ${set.join(' ')}; `
  const begin = `cd ${quoted(cwd)} && unset OLDPWD PWD && { ${exported}exec ${words}; }`
  return `{ ${begin}; } </dev/null >>${quoted(logPath)} 2>&1 &\necho "$!"; ( : )\n`
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
