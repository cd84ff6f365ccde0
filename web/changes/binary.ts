// Binary files inside a patch, as `git diff --binary` writes them: base85 of zlib; pure but for the inflating, and never trusting what it reads.

/** One side of a binary change. `delta`: only its difference from the other side is in the patch, so it cannot be shown. */
export interface Side {
  readonly how: 'literal' | 'delta'
  /** Of the file for a literal, of the difference for a delta; bytes. */
  readonly bytes: number
  readonly lines: readonly string[]
}

export interface BinaryChange {
  readonly old: Side | null
  readonly new: Side | null
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~'
const values = new Map([...digits].map((digit, value) => [digit, value]))
/** A larger picture is not shown: what an agent made may be a bomb. */
export const shownBytes = 16_000_000

/** The part of a file's patch from `GIT binary patch` on: the new side first, then the old. Null: the patch has no bytes of it. */
export function readBinary(head: readonly string[]): BinaryChange | null {
  const at = head.indexOf('GIT binary patch')
  if (at === -1) return null
  const sides: { how: 'literal' | 'delta'; bytes: number; lines: string[] }[] = []
  for (const line of head.slice(at + 1)) {
    const start = /^(literal|delta) (\d+)$/.exec(line)
    if (start !== null)
      sides.push({ how: start[1] === 'delta' ? 'delta' : 'literal', bytes: Number(start[2]), lines: [] })
    else if (line !== '') sides.at(-1)?.lines.push(line)
  }
  return { new: sides[0] ?? null, old: sides[1] ?? null }
}

/** The bytes of a literal. Throws when they are not what the patch says they are. */
export async function bytesOf(side: Side): Promise<Uint8Array<ArrayBuffer>> {
  if (side.how === 'delta') throw new Error('the patch has only what differs from the other one')
  if (side.bytes > shownBytes) throw new Error(`${side.bytes} bytes are more than is shown`)
  const inflated = new Blob([decode(side.lines)]).stream().pipeThrough(new DecompressionStream('deflate')).getReader()
  const bytes = new Uint8Array(side.bytes)
  for (let at = 0; ; ) {
    const { done, value } = await inflated.read()
    if (done && at === side.bytes) return bytes
    if (done || at + value.length > side.bytes) throw new Error('the patch has other bytes than it says')
    bytes.set(value, at)
    at += value.length
  }
}

/** Each line: a letter for its count of bytes (A … Z, a … z: 1 … 52), then five digits for each four bytes. */
function decode(lines: readonly string[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(lines.reduce((sum, line) => sum + countOf(line), 0))
  let at = 0
  for (const line of lines) {
    const end = Math.min(bytes.length, at + countOf(line))
    for (let i = 1; i + 5 <= line.length && at < end; i += 5) {
      const word = wordOf(line.slice(i, i + 5))
      for (let shift = 24; shift >= 0 && at < end; shift -= 8) {
        bytes[at] = (word / 2 ** shift) & 255
        at += 1
      }
    }
  }
  return bytes.slice(0, at)
}

function countOf(line: string): number {
  const letter = line.charCodeAt(0)
  return Math.max(0, letter >= 97 ? letter - 70 : letter - 64)
}

function wordOf(five: string): number {
  let word = 0
  for (const digit of five) {
    const value = values.get(digit)
    if (value === undefined) throw new Error(`${JSON.stringify(digit)} is no digit of a binary patch`)
    word = word * 85 + value
  }
  return word
}

const pictures: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  ico: 'image/x-icon',
  svg: 'image/svg+xml',
}

/** The media type of a picture that a browser shows, by the file's name; null: none. */
export function pictureType(path: string): string | null {
  return pictures[/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ''] ?? null
}
