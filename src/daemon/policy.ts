// What this host's owner forbids, from policy.toml. The server cannot switch on what is off here.

import { parse } from 'smol-toml'
import { z } from 'zod'
import { Problem } from '../core/problem.ts'
import { readFileIfThere } from '../lib/atomic-file.ts'

const policyFile = z.strictObject({
  allowShell: z.boolean().optional(),
  maxAutonomy: z.enum(['full', 'edit', 'ask']).optional(),
  harnesses: z.array(z.string()).optional(),
  upload: z.strictObject({ diff: z.boolean().optional() }).optional(),
})

export interface Policy {
  readonly allowShell: boolean
  readonly maxAutonomy: 'full' | 'edit' | 'ask'
  /** Null: every harness found. */
  readonly harnesses: readonly string[] | null
  readonly uploadDiff: boolean
}

/** Reads policy.toml; without it only the shell is forbidden, and only to a server on another machine. */
export function readPolicy(path: string, serverUrl: string): Policy {
  const text = readFileIfThere(path)
  const read = policyFile.safeParse(text === null ? {} : parseToml(path, text))
  if (!read.success) throw new Problem('configuration', `${path}: ${z.prettifyError(read.error).replaceAll('\n', ' ')}`)
  const { allowShell, maxAutonomy, harnesses, upload } = read.data
  return {
    allowShell: allowShell ?? isLoopback(serverUrl),
    maxAutonomy: maxAutonomy ?? 'full',
    harnesses: harnesses ?? null,
    uploadDiff: upload?.diff ?? true,
  }
}

const rank = { ask: 0, edit: 1, full: 2 } as const

/** The rule that forbids this run, or null. */
export function refusedBy(
  policy: Policy,
  asked: { harness: string; autonomy: 'full' | 'edit' | 'ask' },
): string | null {
  if (asked.harness === 'shell' && !policy.allowShell) return 'allowShell = false'
  if (policy.harnesses !== null && !policy.harnesses.includes(asked.harness)) return `harnesses lacks ${asked.harness}`
  if (rank[asked.autonomy] > rank[policy.maxAutonomy]) return `maxAutonomy = ${policy.maxAutonomy}`
  return null
}

function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)
}

function parseToml(path: string, text: string): unknown {
  try {
    return parse(text)
  } catch (cause) {
    throw new Problem(
      'configuration',
      `${path} is not TOML: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}
