// What a run hands in: checked against its task's schema, by a call or at the end by its file. The last one that fits holds.

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { messageOf } from '../../lib/error-text.ts'
import { misfits } from '../../lib/json-schema.ts'
import type { Assignment } from '../../protocol/link.ts'
import { limits } from '../../protocol/names.ts'
import type { KeptOutput } from '../journal/calls.ts'
import { placeOf } from './place.ts'

type Schema = Assignment['task']['outputSchema']

/** Null when the output may be handed in, else sentences for whoever can mend it. */
export async function faultsOf(schema: Schema, output: unknown): Promise<readonly string[] | null> {
  if (output === undefined || output === null) return ['there is no output']
  const bytes = Buffer.byteLength(JSON.stringify(output))
  if (bytes > limits.outputBytes) return [`it has ${bytes} bytes as JSON; the limit is ${limits.outputBytes}`]
  return schema === null ? null : await misfits(schema, output)
}

export interface HandedIn {
  /** Null: nothing that fits was handed in. */
  readonly output: unknown
  /** Why the file does not count; null: it does, or there was none. */
  readonly ignored: string | null
}

/** At the end of the agent: what it handed in by a call (`kept`) or by its file, the newer one that fits. */
export async function handedIn(runDir: string, schema: Schema, kept: KeptOutput | null): Promise<HandedIn> {
  const file = readOutputFile(placeOf(runDir).output)
  const before = { output: kept?.output ?? null, ignored: null }
  if (file === null || (kept !== null && kept.at > file.at)) return before
  const wrong = 'wrong' in file ? [file.wrong] : await faultsOf(schema, file.output)
  if (wrong === null && 'output' in file) return { output: file.output, ignored: null }
  return { ...before, ignored: `the output in $CAPSTAN_OUTPUT does not count: ${(wrong ?? []).join('; ')}` }
}

type OutputFile = { readonly at: number } & ({ readonly output: unknown } | { readonly wrong: string })

/** Null when there is none. The agent made it: links are not followed, pipes not waited for, and its size is looked at first. */
function readOutputFile(path: string): OutputFile | null {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    return code === 'ENOENT' || code === 'ENOTDIR' ? null : { at: 0, wrong: `it cannot be read (${code})` }
  }
  try {
    const seen = fstatSync(file)
    const { size, mtimeMs: at } = seen
    // A second name could be that of a file which the agent may not read.
    if (!seen.isFile() || seen.nlink !== 1) return { at, wrong: 'it is not a file of its own' }
    if (size === 0) return null
    if (size > limits.outputBytes * 2) return { at, wrong: `it has ${size} bytes; the limit is ${limits.outputBytes}` }
    return { at, ...parsed(readFileSync(file, 'utf8')) }
  } finally {
    closeSync(file)
  }
}

function parsed(text: string): { readonly output: unknown } | { readonly wrong: string } {
  try {
    return { output: JSON.parse(text) }
  } catch (error) {
    return { wrong: `it is not JSON: ${messageOf(error)}` }
  }
}
