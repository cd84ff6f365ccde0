// What an agent is told about its output: not every CLI shows its model the tools before it has decided that it is done.

import type { Assignment } from '../../protocol/link.ts'
import type { Harness } from '../harness/port.ts'

/** Added to the prompt of a task that is complete only with an output; nothing for a script, which is run as it is. */
export function outputWords(
  { expect, outputSchema }: Pick<Assignment['task'], 'expect' | 'outputSchema'>,
  { explicit }: Pick<Harness, 'explicit'>,
): string {
  if (expect !== 'output' || explicit) return ''
  const schema = outputSchema === null ? '' : `\nIt must fit this JSON Schema: ${JSON.stringify(outputSchema)}`
  return (
    '\n\nThis task is complete only when its result was handed in as JSON: call the tool submit_output of the MCP server ' +
    `capstan, or write the JSON to the file that the environment variable CAPSTAN_OUTPUT names.${schema}`
  )
}
