// The secrets folder: each file's name is a variable, its text the value.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'

/** More than any key or certificate chain; a larger file stands there by mistake. */
const maxBytes = 65_536

/**
 * Reads the folder anew at each call, so that a rotated secret reaches the next run. Dot files and folders are skipped, line ends at the
 * end are trimmed, a missing folder is empty. Throws `configuration` for a file that cannot be a variable.
 */
export function readSecretDir(folder: string | null): Record<string, string> {
  const secrets: Record<string, string> = {}
  for (const file of folder === null ? [] : filesOf(folder)) {
    const path = join(folder ?? '', file)
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!stat?.isFile()) continue
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(file)) {
      throw new Problem('configuration', `the secret ${path} is not named like a variable; rename it or remove it`)
    }
    if (stat.size > maxBytes) {
      throw new Problem('configuration', `the secret ${path} has ${stat.size} bytes; at most ${maxBytes} are taken`)
    }
    secrets[file] = readSecret(path)
  }
  return secrets
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw new Problem('configuration', `the secrets folder ${folder} cannot be read`, { cause: error })
  }
}

function readSecret(path: string): string {
  try {
    const text = readFileSync(path, 'utf8').replace(/[\r\n]+$/, '')
    if (!text.includes('\0')) return text
  } catch (error) {
    throw new Problem('configuration', `the secret ${path} cannot be read`, { cause: error })
  }
  throw new Problem('configuration', `the secret ${path} holds a zero byte, which no variable can`)
}
