// Runs a scripted agent as a real process and gives back what the daemon would read of it: lines and exit facts.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExitFacts, Line } from '../../src/daemon/harness/port.ts'
import { exec } from '../../src/lib/exec.ts'

export interface Played {
  readonly lines: readonly Line[]
  readonly exit: ExitFacts
}

/** A transcript as a test writes it: the lines, and how the process ends. */
export interface Transcript {
  readonly lines: readonly Line[]
  readonly end: { readonly exit: number } | { readonly kill: string }
}

export async function playAgent(transcript: Transcript): Promise<Played> {
  const folder = await mkdtemp(join(tmpdir(), 'capstan-agent-'))
  try {
    const file = join(folder, 'transcript')
    await writeFile(file, scriptOf(transcript))
    const agent = join(import.meta.dirname, 'agent.ts')
    const ran = await exec(process.execPath, [agent, file], { env: {}, timeoutMs: 20_000 })
    const lines = [...linesOf(ran.stdout.toString('utf8'), 'stdout'), ...linesOf(ran.stderr, 'stderr')]
    return { lines, exit: { code: ran.code, signal: ran.signal } }
  } finally {
    await rm(folder, { recursive: true })
  }
}

function scriptOf(transcript: Transcript): string {
  const verbs = transcript.lines.map((line) => `${line.stream === 'stdout' ? 'out' : 'err'} ${line.text}`)
  const end = 'exit' in transcript.end ? `exit ${transcript.end.exit}` : `kill ${transcript.end.kill}`
  return [...verbs, end].join('\n')
}

export function linesOf(text: string, stream: Line['stream']): readonly Line[] {
  return text
    .replace(/\n$/, '')
    .split('\n')
    .filter((line, _index, all) => all.length > 1 || line !== '')
    .map((line) => ({ stream, text: line }))
}
