// tmux on the daemon's own socket: a terminal that outlives the daemon, and nothing more. What became of a run never comes from here.

import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import { exec } from '../../lib/exec.ts'

export interface Size {
  readonly cols: number
  readonly rows: number
}

export interface TmuxOptions {
  readonly program: string
  readonly stateDir: string
  readonly clock: Clock
}

/** Of a Unix socket's address; a longer path is cut in silence, and then another socket is spoken to. */
const longestSocketPath = 107
const timeoutMs = 10_000
/** Keeps the server alive, and is what its command line shows for ever: the first command of a tmux server does. */
const keeper = 'capstan'
/** A server that is just going away refuses the next session; it is gone within this. */
const againMs = 100
const tries = 10

/**
 * Panes: the agent's own keys, no status line, nothing that a program in it could make tmux do. Not `window-size manual` for all: tmux 3.3a then
 * crashes at the next session (measured); resizing a window sets it for that one.
 */
const settings = [
  'set -g status off',
  'set -g prefix None',
  'set -g prefix2 None',
  'set -g mouse off',
  'set -g history-limit 2000',
  'set -g default-terminal xterm-256color',
  'set -g destroy-unattached off',
  'set -g allow-rename off',
  'set -g remain-on-exit on',
  'set -s escape-time 0',
  'set -s set-clipboard off',
]

export class Tmux {
  readonly #options: TmuxOptions
  readonly #socket: string
  /** One command after the other: a start must not meet the end of the server. */
  #turn: Promise<unknown> = Promise.resolve()

  /** Throws `configuration` when the data folder's path is too long for a socket. */
  constructor(options: TmuxOptions) {
    this.#options = options
    this.#socket = join(options.stateDir, 'tmux')
    const bytes = Buffer.byteLength(this.#socket)
    if (bytes <= longestSocketPath) return
    const limit = `${this.#socket} has ${bytes} bytes, and a socket's path has at most ${longestSocketPath}`
    throw new Problem('configuration', `interactive runs need a shorter data folder: ${limit}; choose one with --data`)
  }

  /** Runs `argv` in a new session; one of that name is ended before. The command line is seen by every user of the host. */
  start(name: string, argv: readonly string[], { cols, rows, cwd }: Size & { readonly cwd: string }): Promise<void> {
    return this.#alone(async () => {
      await this.#endOne(name)
      for (let n = 1; ; n += 1) {
        try {
          await this.#serve()
          const size = ['-x', String(cols), '-y', String(rows)]
          const session = ['new-session', '-d', '-s', name, ...size, '-c', cwd, '--', ...argv]
          await this.#must([...session, ';', 'set-option', '-t', `=${name}:`, 'remain-on-exit', 'on'])
          return
        } catch (error) {
          if (n === tries || !(await this.#isAbsent(name))) throw error
          await this.#options.clock.sleep(againMs)
        }
      }
    })
  }

  /** The sessions there are, but the keeper; empty when there is no server. Throws when that could not be seen: a failed look says nothing. */
  sessions(): Promise<ReadonlySet<string>> {
    return this.#alone(() => this.#sessions())
  }

  /** Ends a session, and the server with the last one. Nothing happens when it is gone. */
  end(name: string): Promise<void> {
    return this.#alone(async () => {
      await this.#endOne(name)
      if ((await this.#sessions()).size === 0) await this.#run(['kill-session', '-t', `=${keeper}`])
    })
  }

  /** Bytes as they are typed. They travel by standard input: a command line would show them to every user of the host. */
  async type(name: string, bytes: Uint8Array): Promise<void> {
    const lines: string[] = []
    for (let from = 0; from < bytes.length; from += 1_024) {
      const codes = [...bytes.subarray(from, from + 1_024)].map((byte) => byte.toString(16).padStart(2, '0'))
      lines.push(`send-keys -t =${name}: -H ${codes.join(' ')}\n`)
    }
    await this.#alone(() => this.#must(['source-file', '-'], lines.join('')))
  }

  async resize(name: string, { cols, rows }: Size): Promise<void> {
    await this.#alone(() => this.#must(['resize-window', '-t', `=${name}:`, '-x', String(cols), '-y', String(rows)]))
  }

  /** Of the window as it is. Throws when there is no such session. */
  async size(name: string): Promise<Size> {
    const shown = ['display-message', '-p', '-t', `=${name}:`, '#{window_width} #{window_height}']
    const { code, text, said } = await this.#alone(() => this.#run(shown))
    const [cols = 0, rows = 0] = text.trim().split(' ').map(Number)
    if (code !== 0 || !(cols > 0 && rows > 0)) throw new Error(`tmux told no size of ${name}: ${said}`)
    return { cols, rows }
  }

  async #serve(): Promise<void> {
    if ((await this.#run(['has-session', '-t', `=${keeper}`])).code === 0) return
    const keep = ['new-session', '-d', '-s', keeper, '--', 'tail', '-f', '/dev/null']
    await this.#must([...keep, ...settings.flatMap((each) => [';', ...each.split(' ')])])
  }

  async #sessions(): Promise<ReadonlySet<string>> {
    const seen = await this.#run(['list-sessions', '-F', '#{session_name}'])
    if (seen.code !== 0 && !isNoServer(seen.said)) throw new Error(`tmux could not list its sessions: ${seen.said}`)
    const names = seen.code === 0 ? seen.text.split('\n').filter((each) => each !== '' && each !== keeper) : []
    return new Set(names)
  }

  async #isAbsent(name: string): Promise<boolean> {
    return !(await this.#sessions()).has(name)
  }

  async #endOne(name: string): Promise<void> {
    const { code, said } = await this.#run(['kill-session', '-t', `=${name}`])
    if (code !== 0 && !isNoServer(said) && !said.includes("can't find session"))
      throw new Error(`tmux could not end the session ${name}: ${said}`)
  }

  async #must(args: readonly string[], input = ''): Promise<void> {
    const { code, said } = await this.#run(args, input)
    if (code !== 0) throw new Error(`tmux ${args[0]} failed: ${said === '' ? `exit code ${code}` : said}`)
  }

  async #run(args: readonly string[], input = ''): Promise<{ code: number | null; text: string; said: string }> {
    const { program } = this.#options
    // What the server starts with is in the environment of every pane: nothing of the daemon's own.
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin', HOME: '/', SHELL: '/bin/sh', TERM: 'dumb' }
    const flags = ['-S', this.#socket, '-f', '/dev/null', '-u']
    const { code, stdout, stderr } = await exec(program, [...flags, ...args], { cwd: '/', env, input, timeoutMs })
    return { code, text: stdout.toString('utf8'), said: stderr.trim() }
  }

  #alone<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => {}) // told to whoever asked for it
    return done
  }
}

/** In the words of tmux 3: nobody listens, or the socket is not there, or it went away while it was asked. */
function isNoServer(said: string): boolean {
  return /no server running|error connecting to .*(No such file|Connection refused)|server exited|lost server/i.test(
    said,
  )
}
