// The host's own harnesses: the `[harness.NAME]` tables of daemon.toml.

import { parse } from 'smol-toml'
import { Problem } from '../../core/problem.ts'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import { messageOf } from '../../lib/error-text.ts'
import { objectOf } from './json.ts'

/** The tables by name; none when there is no file. Throws `configuration` when it is not TOML. */
export function customTables(path: string): Readonly<Record<string, unknown>> {
  const text = readFileIfThere(path)
  if (text === null) return {}
  try {
    return objectOf(parse(text).harness) ?? {}
  } catch (cause) {
    throw new Problem('configuration', `${path} is not TOML: ${messageOf(cause).split('\n')[0]}`, { cause })
  }
}
