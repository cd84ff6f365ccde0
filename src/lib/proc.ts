// The process table: who runs, whose child it is, and whether a pid is still the process it was.

import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { exec } from './exec.ts'

export interface ProcessInfo {
  readonly pid: number
  readonly ppid: number
  readonly pgid: number
  /** 0 where the system does not tell (macOS). */
  readonly session: number
  /** Tells a process from a later one with the same pid. Linux: clock ticks since boot; else `ps -o lstart` in UTC. */
  readonly startTime: string
  readonly uid: number
  /** The first letter of its state: `Z` and `X` are dead. */
  readonly state: string
}

const linux = process.platform === 'linux'
const psTimeoutMs = 10_000
const psEnv = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC0' }
const psColumns = 'pid=,ppid=,pgid=,uid=,state=,lstart='

/** Every process that is alive (zombies are not). Throws when the table cannot be read: a failed look is not an empty table. */
export async function listProcesses(): Promise<readonly ProcessInfo[]> {
  if (!linux) return await psList(['-axo', psColumns])
  const found: ProcessInfo[] = []
  for (const name of readdirSync('/proc')) {
    const first = name.charCodeAt(0)
    if (first < 48 || first > 57) continue
    const info = readProcess(Number(name))
    if (info !== null) found.push(info)
  }
  return found
}

/** The process with this pid, or null when none lives. Throws when it cannot be looked up. */
export async function findProcess(pid: number): Promise<ProcessInfo | null> {
  if (pid <= 0) return null
  if (linux) return readProcess(pid)
  return (await psList(['-o', psColumns, '-p', String(pid)]))[0] ?? null
}

/** True when `pid` lives and is the process that started at `startTime`. Throws when it cannot be looked up. */
export async function isAlive(pid: number, startTime: string): Promise<boolean> {
  return startTime !== '' && (await findProcess(pid))?.startTime === startTime
}

/** Those of `candidates` whose environment, as they were executed with, has `name=value`. What may not be read is left out. */
export async function carriers(
  candidates: readonly ProcessInfo[],
  name: string,
  value: string,
): Promise<readonly ProcessInfo[]> {
  if (!linux) return await psCarriers(candidates, `${name}=${value}`)
  const entry = Buffer.from(`${name}=${value}\0`)
  const uid = process.getuid?.() ?? 0
  return candidates.filter((each) => (uid === 0 || each.uid === uid) && holds(readProc(each.pid, 'environ'), entry))
}

/** The arguments a process was started with, joined by spaces; empty when it is gone or may not be read. */
export async function commandLine(pid: number): Promise<string> {
  if (linux) return readProc(pid, 'cmdline')?.toString('utf8').replaceAll('\0', ' ').trim() ?? ''
  return (await ps(['-ww', '-o', 'command=', '-p', String(pid)])).trim()
}

/** Names this boot of the host; empty where the system has none. After a reboot no recorded pid means anything. */
export function bootId(): string {
  if (!linux) return ''
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return '' // hidden in some containers; then pid and start time must do
  }
}

/** A start time as a number that grows with time; only for comparing two of the same host. */
export function startOrder(startTime: string): number {
  return /^\d+$/.test(startTime) ? Number(startTime) : Date.parse(`${startTime} UTC`) / 1_000
}

/**
 * Sends a signal if the process is still the one that was seen, looked up anew right before. True when it was sent; false when it is
 * gone or belongs to somebody we may not signal.
 */
export async function signalProcess(seen: ProcessInfo, signal: NodeJS.Signals): Promise<boolean> {
  if (!(await isAlive(seen.pid, seen.startTime))) return false
  try {
    process.kill(seen.pid, signal)
    return true
  } catch (error) {
    if (codeOf(error) === 'ESRCH' || codeOf(error) === 'EPERM') return false
    throw error
  }
}

/** A line of `stat` has a name of 16 bytes and some fifty numbers. */
const statLine = Buffer.alloc(4_096)

/** Source of the fields: proc(5). The name in parentheses may hold anything, so the fields are counted from its last `)`. */
function readProcess(pid: number): ProcessInfo | null {
  const read = readStat(pid)
  if (read === null) return null
  const { text, uid } = read
  const [state = '', ppid, pgid, session, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  if (state === 'Z' || state === 'X') return null
  return {
    pid,
    ppid: Number(ppid),
    pgid: Number(pgid),
    session: Number(session),
    startTime: rest[15] ?? '',
    uid,
    state,
  }
}

/** In as few calls as can be: all processes of the host are looked at when a run ends, and the next step waits for it. */
function readStat(pid: number): { readonly text: string; readonly uid: number } | null {
  try {
    const file = openSync(`/proc/${pid}/stat`, 'r')
    try {
      const size = readSync(file, statLine, 0, statLine.length, 0)
      return { text: statLine.toString('latin1', 0, size), uid: fstatSync(file).uid }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    return gone(error)
  }
}

function readProc(pid: number, file: string): Buffer | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`)
  } catch (error) {
    return gone(error)
  }
}

/** Null when the process has ended or may not be read; everything else is a failed look and is thrown. */
function gone(error: unknown): null {
  if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(codeOf(error))) return null
  throw error
}

function holds(environ: Buffer | null, entry: Buffer): boolean {
  if (environ === null) return false
  if (environ.subarray(0, entry.length).equals(entry)) return true
  return environ.includes(Buffer.concat([Buffer.from([0]), entry]))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

async function ps(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await exec('ps', args, { env: psEnv, timeoutMs: psTimeoutMs })
  // ps says 1 and nothing else when no process matched.
  if (code !== 0 && (stdout.length > 0 || stderr !== '' || code !== 1)) {
    throw new Error(`ps ${args.join(' ')} failed with exit code ${code}: ${stderr.trim()}`)
  }
  return stdout.toString('utf8')
}

async function psList(args: readonly string[]): Promise<readonly ProcessInfo[]> {
  const lines = (await ps(args)).split('\n')
  return lines.flatMap((line) => {
    const [pid, ppid, pgid, uid, state = '', ...start] = line.trim().split(/\s+/)
    if (pid === undefined || start.length === 0 || state.startsWith('Z')) return []
    return [
      {
        pid: Number(pid),
        ppid: Number(ppid),
        pgid: Number(pgid),
        session: 0,
        startTime: start.join(' '),
        uid: Number(uid),
        state: state.charAt(0),
      },
    ]
  })
}

/** macOS shows the environment behind the arguments with -E, for processes of the same user. */
async function psCarriers(candidates: readonly ProcessInfo[], entry: string): Promise<readonly ProcessInfo[]> {
  const lines = (await ps(['-Eww', '-axo', 'pid=,command='])).split('\n')
  const pids = new Set(
    lines.filter((line) => `${line} `.includes(` ${entry} `)).map((line) => Number.parseInt(line.trim(), 10)),
  )
  return candidates.filter((each) => pids.has(each.pid))
}
