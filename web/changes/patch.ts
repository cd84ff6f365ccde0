// A patch as git writes it → files, hunks and lines; pure, and never trusting what it reads.

import type { BinaryChange } from './binary.ts'
import { readBinary } from './binary.ts'

export interface PatchLine {
  readonly kind: ' ' | '+' | '-'
  readonly text: string
  readonly old: number | null
  readonly new: number | null
  /** The file's last line has no newline. */
  readonly bare?: true
}

export interface Hunk {
  readonly header: string
  readonly lines: readonly PatchLine[]
}

export interface PatchFile {
  /** The new path; the old one of a deleted file. */
  readonly path: string
  readonly oldPath: string
  readonly what: 'added' | 'deleted' | 'modified' | 'renamed' | 'copied'
  readonly binary: boolean
  /** Both sides of a binary file, where the patch has them. */
  readonly bytes: BinaryChange | null
  /** `100644 → 100755`; null: the same. */
  readonly mode: string | null
  readonly hunks: readonly Hunk[]
  readonly insertions: number
  readonly deletions: number
  /** A mark of the content: the same change has the same mark, in a later attempt too. */
  readonly mark: string
}

/** Reads a whole patch. What it does not understand of a file's head is left out; its lines never are. */
export function readPatch(text: string): PatchFile[] {
  if (text === '') return []
  return text
    .split(/^(?=diff --git )/m)
    .filter((part) => part.startsWith('diff --git '))
    .map(readFile)
}

function readFile(text: string): PatchFile {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  const first = lines.findIndex((line) => line.startsWith('@@ '))
  const head = lines.slice(0, first === -1 ? lines.length : first)
  const hunks = first === -1 ? [] : readHunks(lines.slice(first))
  const all = hunks.flatMap((hunk) => hunk.lines)
  return {
    ...pathsOf(head),
    binary: head.some((line) => line.startsWith('Binary files ') || line === 'GIT binary patch'),
    bytes: readBinary(head),
    mode: modeOf(head),
    hunks,
    insertions: all.filter((line) => line.kind === '+').length,
    deletions: all.filter((line) => line.kind === '-').length,
    mark: markOf(text.slice(text.indexOf('\n')).replace(/^index .*$/m, '')),
  }
}

function pathsOf(head: readonly string[]): Pick<PatchFile, 'path' | 'oldPath' | 'what'> {
  const after = (prefix: string) => {
    const line = head.find((each) => each.startsWith(prefix))
    return line === undefined ? null : unquote(line.slice(prefix.length))
  }
  const [a, b] = gitPaths(head[0] ?? '')
  const oldPath = after('rename from ') ?? after('copy from ') ?? strip(after('--- ')) ?? a
  const path = after('rename to ') ?? after('copy to ') ?? strip(after('+++ ')) ?? b
  if (after('new file mode ') !== null) return { path, oldPath: path, what: 'added' }
  if (after('deleted file mode ') !== null) return { path: oldPath, oldPath, what: 'deleted' }
  if (after('rename to ') !== null) return { path, oldPath, what: 'renamed' }
  if (after('copy to ') !== null) return { path, oldPath, what: 'copied' }
  return { path, oldPath, what: 'modified' }
}

/** `a/x` → `x`; null for /dev/null. */
function strip(path: string | null): string | null {
  return path === null || path === '/dev/null' ? null : path.replace(/^[ab]\//, '')
}

/** The two names of `diff --git a/x b/x`: needed only where nothing else names the file (binary files, modes), and then they are equal. */
function gitPaths(line: string): [string, string] {
  const rest = line.slice('diff --git '.length)
  const quoted = /^"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"$/.exec(rest)
  if (quoted !== null) return [unquote(`"${quoted[1]}"`).slice(2), unquote(`"${quoted[2]}"`).slice(2)]
  const half = (rest.length - 1) / 2
  return [rest.slice(2, half), rest.slice(half + 3)]
}

/** git quotes names with control characters, quotes and, unless told otherwise, bytes beyond ASCII. */
function unquote(name: string): string {
  const plain = name.replace(/\t$/, '')
  if (!plain.startsWith('"')) return plain
  const escapes: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, a: 7, b: 8, f: 12, v: 11 }
  const bytes: number[] = []
  const encoder = new TextEncoder()
  for (const [, octal, letter, text] of plain.slice(1, -1).matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/gs)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8))
    else if (letter !== undefined) bytes.push(escapes[letter] ?? letter.charCodeAt(0))
    else bytes.push(...encoder.encode(text))
  }
  return new TextDecoder().decode(new Uint8Array(bytes))
}

function modeOf(head: readonly string[]): string | null {
  const from = head.find((line) => line.startsWith('old mode '))?.slice(9)
  const to = head.find((line) => line.startsWith('new mode '))?.slice(9)
  return from === undefined || to === undefined ? null : `${from} → ${to}`
}

function readHunks(lines: readonly string[]): Hunk[] {
  const hunks: { header: string; lines: PatchLine[] }[] = []
  let old = 0
  let fresh = 0
  for (const line of lines) {
    const start = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line)
    const hunk = hunks.at(-1)
    if (start !== null) {
      old = Number(start[1])
      fresh = Number(start[2])
      hunks.push({ header: line.slice(start[0].length).trim(), lines: [] })
    } else if (hunk === undefined) continue
    else if (line.startsWith('\\')) bare(hunk.lines)
    else {
      const kind = line[0] === '+' || line[0] === '-' ? line[0] : ' '
      hunk.lines.push({ kind, text: line.slice(1), old: kind === '+' ? null : old, new: kind === '-' ? null : fresh })
      if (kind !== '+') old += 1
      if (kind !== '-') fresh += 1
    }
  }
  return hunks
}

function bare(lines: PatchLine[]): void {
  const last = lines.at(-1)
  if (last !== undefined) lines[lines.length - 1] = { ...last, bare: true }
}

/** FNV-1a, twice with different starts: enough to tell whether a change is the one that was looked at. */
function markOf(text: string): string {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x01000193) ^ (b >>> 15)
  }
  return (a >>> 0).toString(36) + (b >>> 0).toString(36)
}

/** The same hunks without changes of whitespace alone: those lines become context. */
export function withoutWhitespace(hunks: readonly Hunk[]): Hunk[] {
  return hunks
    .map((hunk) => ({ ...hunk, lines: runsOf(hunk.lines).flatMap(settle) }))
    .filter((hunk) => hunk.lines.some((line) => line.kind !== ' '))
}

function settle(run: readonly PatchLine[]): readonly PatchLine[] {
  const gone = run.filter((line) => line.kind === '-')
  const come = run.filter((line) => line.kind === '+')
  if (gone.length !== come.length || gone.length === 0) return run
  const same = gone.every((line, i) => squeezed(line.text) === squeezed(come[i]?.text ?? ''))
  return same ? come.map((line, i) => ({ ...line, kind: ' ' as const, old: gone[i]?.old ?? null })) : run
}

function squeezed(text: string): string {
  return text.replace(/\s+/g, '')
}

/** Lines in runs: context lines, and blocks of removals with the additions that follow them. */
export function runsOf(lines: readonly PatchLine[]): PatchLine[][] {
  const runs: PatchLine[][] = []
  for (const line of lines) {
    const run = runs.at(-1)
    const last = run?.at(-1)
    const joins =
      last !== undefined && (last.kind === ' ') === (line.kind === ' ') && !(last.kind === '+' && line.kind === '-')
    if (joins) run?.push(line)
    else runs.push([line])
  }
  return runs
}

/** Where two lines differ: everything between what they begin and end with alike. */
export function differing(a: string, b: string): { readonly a: [number, number]; readonly b: [number, number] } {
  const limit = Math.min(a.length, b.length)
  let start = 0
  while (start < limit && a[start] === b[start]) start += 1
  let end = 0
  while (end < limit - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1
  return { a: [start, a.length - end], b: [start, b.length - end] }
}
