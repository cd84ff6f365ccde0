// What a run's proxy refused, told in its transcript while it goes on: a run that fails for a host that is not allowed says so by itself.

import { z } from 'zod'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import { messageOf } from '../../lib/error-text.ts'
import { writePlain } from '../../lib/plain-file.ts'
import { deniedPath } from '../sandbox/bubblewrap.ts'
import type { BoxUse } from '../sandbox/port.ts'
import type { RunDeps } from './deps.ts'

const denialLine = z.object({ target: z.string(), why: z.string() })

/** The agent waits for nobody here, so seconds do. */
const lookMs = 1_000

/** Tells each refusal once, soon after it happened; a crash between telling and noting may tell it twice. `stop` tells the last ones. */
export function tellDenials(
  deps: Pick<RunDeps, 'clock' | 'log'>,
  runDir: string,
  tell: (messages: readonly string[]) => void,
): { stop(): Promise<void> } {
  const over = new AbortController()
  const watching = watch(deps, over.signal, () => tellNew(runDir, 'agent', tell))
  return {
    stop: async () => {
      over.abort()
      await watching
    },
  }
}

async function watch(deps: Pick<RunDeps, 'clock' | 'log'>, signal: AbortSignal, look: () => void): Promise<void> {
  for (let last = false; !last; ) {
    last = signal.aborted
    try {
      look()
    } catch (error) {
      deps.log.warn({ error: messageOf(error) }, 'denied hosts not told')
    }
    if (!last) await deps.clock.sleep(lookMs, signal).catch(() => {}) // over: one more look
  }
}

/** Tells what came since the last time. */
export function tellNew(runDir: string, use: BoxUse, tell: (messages: readonly string[]) => void): void {
  const path = deniedPath(runDir, use)
  const text = readFileIfThere(path)
  if (text === null) return
  const from = Number(readFileIfThere(`${path}.told`) ?? 0)
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole.length <= from) return
  tell(
    whole
      .slice(from)
      .split('\n')
      .filter((line) => line !== '')
      .map(sentence),
  )
  writePlain(`${path}.told`, String(whole.length))
}

function sentence(line: string): string {
  const { target, why } = denialLine.parse(JSON.parse(line))
  return `sandbox: a connection was refused: ${target} ${why}`
}
