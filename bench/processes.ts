// Other Node processes of a bench: each prints one line of JSON when it is ready, and ends when its standard input does.

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { within } from './measure.ts'
import { shipped } from './shipped.ts'

export interface Process<T> {
  /** What it said when it was ready. */
  readonly line: T
  readonly pid: number
  readonly child: ChildProcess
  /** Ends it and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

const readyMs = 60_000

/** Starts `file` (beside this one) with one JSON argument. */
export async function startProcess<T>(
  file: string,
  argument: unknown,
  flags: readonly string[] = [],
): Promise<Process<T>> {
  const path = shipped(fileURLToPath(new URL(file, import.meta.url)))
  const child = spawn(process.execPath, [...flags, path, JSON.stringify(argument)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('close', () => process.removeListener('exit', kill))
  const line = await within(readyMs, `${file} to be ready`, firstLine(child, file))
  return {
    line: JSON.parse(line) as T, // the caller names what the file prints
    pid: child.pid ?? 0,
    child,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal)
      const hard = setTimeout(kill, 15_000)
      await closed
      clearTimeout(hard)
    },
  }
}

/** In such a process: says that it is ready, and runs `end` at SIGTERM. */
export function ready(line: unknown, end: () => Promise<void>): void {
  const over = () => {
    void end().finally(() => process.exit(0))
  }
  process.once('SIGTERM', over)
  process.stdin.once('end', over)
  process.stdin.resume()
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** What the process was given. */
export function given<T>(): T {
  return JSON.parse(process.argv[2] ?? 'null') as T // startProcess wrote it
}

function firstLine(child: ChildProcess, file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
    })
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(`${file} ended with exit code ${code} before it was ready`)))
  })
}
