// An index file without starting git: how many entries it has, whether any is a submodule, and one that has none.

import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

/** Source of all offsets: git's Documentation/gitformat-index.txt. */
const headBytes = 12
/** Of an entry with SHA-1: stat data 40 (the mode at 24), id 20, flags 2. */
const fixedBytes = 62
const modeAt = 24
const flagsAt = 60
const extendedFlag = 0x4000
const longName = 0xfff
const gitlink = 0o160000

/** What git writes for an empty index: version 2, no entries, the SHA-1 of that. */
export function emptyIndex(): Buffer {
  const head = Buffer.from('DIRC\0\0\0\x02\0\0\0\0', 'latin1')
  return Buffer.concat([head, createHash('sha1').update(head).digest()])
}

/** The tree without entries. Git knows it by heart: it need not lie in any store. */
export const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

/** How many entries an index lists; 0 for a file that is too short. */
export function entriesIn(indexFile: string): number {
  const head = Buffer.alloc(headBytes)
  const file = openSync(indexFile, 'r')
  try {
    return readSync(file, head) < headBytes ? 0 : head.readUInt32BE(8)
  } finally {
    closeSync(file)
  }
}

/** Whether an entry is a submodule; null: this file is of a form that is not read here (SHA-256, version 4), ask git. */
export function hasGitlinks(indexFile: string): boolean | null {
  const bytes = readFileSync(indexFile)
  if (bytes.length < headBytes || bytes.toString('latin1', 0, 4) !== 'DIRC') return null
  if (bytes.readUInt32BE(4) > 3) return null
  let at = headBytes
  for (let left = bytes.readUInt32BE(8); left > 0; left -= 1) {
    if (at + fixedBytes > bytes.length) return null
    const mode = bytes.readUInt32BE(at + modeAt)
    if (mode === gitlink) return true
    if (!plainModes.has(mode)) return null // misread: ids of another length
    const flags = bytes.readUInt16BE(at + flagsAt)
    const nameAt = at + fixedBytes + ((flags & extendedFlag) === 0 ? 0 : 2)
    const short = flags & longName
    const end = short < longName ? nameAt + short : bytes.indexOf(0, nameAt)
    if (end === -1 || bytes[end] !== 0) return null
    at += (end - at + 8) & ~7 // padded with 1 to 8 zeros to a multiple of eight
  }
  return false
}

const plainModes: ReadonlySet<number> = new Set([0o100644, 0o100755, 0o120000])
