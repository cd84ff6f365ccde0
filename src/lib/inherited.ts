// Open files that this process was started with and did not ask for: whatever it starts would have them, too.

import { closeSync, readdirSync, readFileSync } from 'node:fs'
import { processEnv } from './env.ts'

/** Of a descriptor that ends with exec; as the kernel writes it in fdinfo, octal. */
const closesOnExec = 0o2_000_000

/**
 * Closes what a program would inherit from this process beyond its standard streams: a shell's `63<file`, a pipe of whoever started us. Node
 * itself marks the low numbers and all that it opens. Linux alone says which are which; elsewhere nothing is closed. Gives what it closed.
 */
export function closeInherited(): readonly number[] {
  const channel = Number(processEnv().NODE_CHANNEL_FD ?? -1)
  const found = open().filter((fd) => fd > 2 && fd !== channel && isInherited(fd))
  for (const fd of found) closeSync(fd)
  return found
}

function open(): readonly number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number)
  } catch {
    return [] // not Linux
  }
}

function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & closesOnExec) === 0
  } catch {
    return false // the one that listed the folder
  }
}
