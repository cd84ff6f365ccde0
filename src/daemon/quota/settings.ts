// The [quota] table of daemon.toml.

import { parse } from 'smol-toml'
import { z } from 'zod'
import { Problem } from '../../core/problem.ts'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import { messageOf } from '../../lib/error-text.ts'

export interface QuotaSettings {
  /** `park`: a bill that was not paid is waited out like a spent quota. `fail`: somebody has to pay it first. */
  readonly billing: 'fail' | 'park'
}

const table = z.strictObject({ billing: z.enum(['fail', 'park']).optional() })

/** Reads the table; without it a bill fails the task. Throws `configuration` naming the key and what it must be. */
export function readQuotaSettings(path: string): QuotaSettings {
  const text = readFileIfThere(path)
  const read = table.safeParse(text === null ? {} : (parsed(path, text).quota ?? {}))
  if (read.success) return { billing: read.data.billing ?? 'fail' }
  throw new Problem('configuration', `${path}, [quota]: ${z.prettifyError(read.error).replaceAll('\n', ' ')}`)
}

function parsed(path: string, text: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (cause) {
    throw new Problem('configuration', `${path} is not TOML: ${messageOf(cause).split('\n')[0]}`, { cause })
  }
}
