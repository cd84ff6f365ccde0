// A person's own terminal while it is lent to an agent: raw, and given back as it was on every way out.

import type { Terminal } from '../terminal.ts'

export interface Keyboard extends Disposable {
  /** Aborted when the person leaves. */
  readonly left: AbortSignal
  /** Whoever takes what is typed; the last one does. */
  onTyped(take: (bytes: Buffer) => void): void
  /** Called at each change of the window's size. */
  onSize(take: (size: { readonly cols: number; readonly rows: number }) => void): void
  readonly size: { readonly cols: number; readonly rows: number }
  show(bytes: Uint8Array): void
  /** Words of Capstan's own, on a line of theirs. */
  say(words: string): void
  /** An empty screen: what follows begins anew. */
  clear(): void
}

/** Ctrl-], as terminals send it plainly and with the keyboard protocols that programs switch on. */
const leaving = ['\x1d', '\x1b[93;5u', '\x1b[27;5;93~']

/** What programs switch on and a person's shell does not want: other screen, mouse, focus, pastes, keys, colours, a hidden cursor. */
const back =
  '\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?2026l' +
  '\x1b[<u\x1b[>4;0m\x1b[?1l\x1b>\x1b[?6l\x1b[r\x1b[?7h\x1b[0m\x1b(B\x0f\x1b[?25h\x1b[0 q'

export function openKeyboard(terminal: Terminal): Keyboard {
  const { stdin, stdout } = process
  const left = new AbortController()
  let typed: (bytes: Buffer) => void = () => {}
  let sized: (size: Keyboard['size']) => void = () => {}
  let over = false
  const size = () => ({ cols: bounded(stdout.columns, 500), rows: bounded(stdout.rows, 300) })
  const onData = (bytes: Buffer) => {
    const text = bytes.toString('latin1')
    const at = Math.min(...leaving.map((keys) => text.indexOf(keys)).map((found) => (found < 0 ? Infinity : found)))
    if (at > 0) typed(at === Infinity ? bytes : bytes.subarray(0, at))
    if (at !== Infinity) left.abort()
  }
  const onResize = () => sized(size())
  const restore = () => {
    if (over) return
    over = true
    stdin.off('data', onData)
    stdout.off('resize', onResize)
    process.off('exit', restore)
    terminal.raw(back)
    stdin.setRawMode(false)
    stdin.pause()
  }
  process.on('exit', restore)
  stdin.setRawMode(true)
  stdin.on('data', onData)
  stdin.resume()
  stdout.on('resize', onResize)
  const say = (words: string) => terminal.raw(`\r\n\x1b[0;2m[capstan: ${words}]\x1b[0m\r\n`)
  return {
    left: left.signal,
    onTyped: (take) => {
      typed = take
    },
    onSize: (take) => {
      sized = take
    },
    get size() {
      return size()
    },
    show: (bytes) => terminal.raw(bytes),
    say,
    clear: () => terminal.raw('\x1b[0m\x1b[H\x1b[2J'),
    [Symbol.dispose]: restore,
  }
}

function bounded(size: number, most: number): number {
  return Math.max(2, Math.min(most, Number.isFinite(size) && size > 0 ? size : 80))
}
