// One time of being watched: what a run's terminal shows on its way to the server, piece by piece, each sent when the one before was answered.

import { type FSWatcher, watch } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import type { Clock } from '../../core/clock.ts'
import type { FromDaemonBody, FromDaemonReply } from '../../protocol/link.ts'
import { terminalBacklogBytes, terminalChunkBytes } from '../../protocol/terminal.ts'
import { Wake } from '../wake.ts'
import { Harmless } from './harmless.ts'
import { Pieces } from './pieces.ts'

export interface StreamOptions {
  readonly attemptId: string
  readonly stream: string
  readonly runDir: string
  readonly clock: Clock
  /** Blackens secrets. */
  redact(text: string): string
  /** How much of a text's end may be the beginning of a secret, characters. */
  tail(text: string): number
  send(body: FromDaemonBody<'terminal'>): Promise<FromDaemonReply<'terminal'>>
}

/** Watching the folder tells at once; this only covers file systems that do not tell. */
const lookAgainMs = 1_000
/** What may be the beginning of a secret is not kept back longer: it is a prompt that waits for somebody, ms. */
const tailMs = 150
/** Read at a time. Blackening makes it longer, so it is well below what one message takes. */
const readBytes = terminalChunkBytes / 4
/** script(1) says when it began and when it ended; nobody typed that. */
const beginning = /^Script started on [^\n]*\n/
const ending = /\r?\n?Script done on [^\n]*\n?$/

/** Sends until `signal` aborts, the server wants no more, or the run is over: `ended` gives the reason that is told then. Rejects when the link is down. */
export async function streamTerminal(
  options: StreamOptions,
  { ended, signal }: { readonly ended: Promise<string>; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, runDir } = options
  const changed = new Wake()
  using _watching = wakeOnChange(runDir, changed)
  let over: string | null = null
  void ended.then((reason) => {
    over = reason
    changed.wake()
  })
  const text = new TerminalText(options, new Pieces(runDir, terminalBacklogBytes))
  while (!signal.aborted) {
    const last = over // before the read: what was written before the end is read
    const shown = text.next()
    if (shown !== '') {
      if (!(await sent(options, shown, null))) return
      continue
    }
    if (text.waits) await changed.wait(clock, tailMs, signal).catch(() => {}) // watched no more
    const rest = text.waits && !text.more ? text.rest() : ''
    if (rest !== '' && !(await sent(options, rest, null))) return
    if (last !== null && !text.more) {
      await sent(options, '', last)
      return
    }
    if (rest === '' && last === null && !text.more) await changed.wait(clock, lookAgainMs, signal).catch(() => {}) // watched no more
  }
}

/** True while the server wants more. */
async function sent(options: StreamOptions, text: string, end: string | null): Promise<boolean> {
  const { attemptId, stream } = options
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length || from === 0; from += terminalChunkBytes) {
    const data = bytes.subarray(from, from + terminalChunkBytes).toString('base64')
    const { open } = await options.send({ attemptId, stream, data, end })
    if (!open) return false
  }
  return true
}

/** Bytes of a terminal → text that may be shown. */
class TerminalText {
  readonly #options: Pick<StreamOptions, 'redact' | 'tail'>
  readonly #pieces: Pieces
  readonly #decoder = new StringDecoder('utf8')
  readonly #harmless = new Harmless()
  #first: boolean
  #held = ''
  #ahead: Buffer | null = null

  constructor(options: Pick<StreamOptions, 'redact' | 'tail'>, pieces: Pieces) {
    this.#options = options
    this.#pieces = pieces
    this.#first = pieces.whole
  }

  /** True when something is kept back. */
  get waits(): boolean {
    return this.#held !== ''
  }

  /** True when more was written meanwhile. */
  get more(): boolean {
    this.#ahead ??= this.#read()
    return this.#ahead !== null
  }

  next(): string {
    const bytes = this.#ahead ?? this.#read()
    this.#ahead = null
    if (bytes === null) return ''
    const raw = this.#decoder.write(bytes)
    const said = this.#first ? raw.replace(beginning, '') : raw
    this.#first = false
    const text = this.#held + this.#harmless.feed(said.replace(ending, '\r\n'))
    const back = this.#options.tail(text)
    this.#held = text.slice(text.length - back)
    return this.#options.redact(text.slice(0, text.length - back))
  }

  /** What was kept back. */
  rest(): string {
    const text = this.#options.redact(this.#held)
    this.#held = ''
    return text
  }

  #read(): Buffer | null {
    const bytes = this.#pieces.read(readBytes)
    return bytes.length === 0 ? null : Buffer.from(bytes)
  }
}

/** Without a watch the periodic look does it alone. */
function wakeOnChange(folder: string, changed: Wake): Disposable {
  let watcher: FSWatcher | null = null
  try {
    watcher = watch(folder, (_, name) => {
      if (name?.startsWith('terminal.') !== false) changed.wake()
    })
    watcher.on('error', () => watcher?.close())
  } catch {
    // no watch left on this host (EMFILE, ENOSPC), or the folder is gone
  }
  return { [Symbol.dispose]: () => watcher?.close() }
}
