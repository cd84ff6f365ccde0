// What a run's proxy refused, told in its transcript while it goes on: a run that fails for a host that is not allowed says so by itself.

import { z } from 'zod'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import { writePlain } from '../../lib/plain-file.ts'
import { deniedPath } from '../sandbox/bubblewrap.ts'
import type { BoxUse } from '../sandbox/port.ts'

const denialLine = z.object({ target: z.string(), why: z.string() })

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
