// How an interactive CLI gets its prompt: as a file that it may read, named by words that are no secret, because arguments are seen by everybody.

import type { Launch, RunInput } from './port.ts'

export interface PromptByFile {
  /** The input with the prompt's folder among those that may be read. */
  readonly input: RunInput
  readonly path: string
  /** For the command line. */
  readonly words: string
  readonly files: NonNullable<Launch['files']>
}

export function promptByFile(input: RunInput): PromptByFile {
  const { given, filesDir, prompt } = input
  const folder = `${filesDir}/task`
  const path = `${folder}/task.md`
  return {
    input: { ...input, given: { ...given, readable: [...given.readable, folder] } },
    path,
    words: `Your task is in the file ${path}: read it and carry it out.`,
    files: [{ name: 'task/task.md', text: prompt }],
  }
}

/** Ctrl-C, twice: the first stops what the agent does, or asks whether to leave. */
export const interruptTwice: readonly string[] = ['\u0003', '\u0003']
