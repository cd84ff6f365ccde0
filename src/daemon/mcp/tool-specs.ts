// The tools of a run, as its agent sees them.

import { z } from 'zod'
import type { Assignment } from '../../protocol/link.ts'
import { agentTaskCreate } from '../../protocol/task.ts'
import { hostExecInput } from '../hostexec/host-exec.ts'

export type ToolName = 'submit_output' | 'ask_human' | 'report_progress' | 'task_create' | 'host_exec'

export interface RunToolSpec {
  readonly name: ToolName
  readonly description: string
  readonly inputSchema: { readonly type: 'object'; readonly [key: string]: unknown }
}

export const askInput = z.strictObject({
  question: z.string().trim().min(1).max(10_000).describe('What to decide, with what a person must know to decide it'),
  options: z
    .array(z.string().trim().min(1).max(200))
    .max(20)
    .optional()
    .describe('Answers to choose from; none: free text'),
})

export const progressInput = z
  .strictObject({
    message: z.string().trim().min(1).max(2_000).optional().describe('One line: what was done, what comes next'),
    plan: z
      .array(
        z.strictObject({ text: z.string().min(1).max(500), status: z.enum(['pending', 'in_progress', 'completed']) }),
      )
      .max(100)
      .optional()
      .describe('All steps, each time'),
  })
  .refine(({ message, plan }) => message !== undefined || plan !== undefined, 'give a message, a plan, or both')

/** `tasks`: the agent may create tasks. `hostExec`: the programs that it may ask to have started on the host. */
export function specsOf(
  { task }: Assignment,
  { tasks, hostExec }: { readonly tasks: boolean; readonly hostExec: readonly string[] },
): readonly RunToolSpec[] {
  const specs: RunToolSpec[] = [
    {
      name: 'submit_output',
      description: submitWords(task),
      inputSchema: {
        type: 'object',
        properties: { output: embedded(task.outputSchema) },
        required: ['output'],
        additionalProperties: false,
      },
    },
    {
      name: 'ask_human',
      description:
        'Asks a person and waits for the answer, which may take hours. Only for what you cannot find out or decide yourself.',
      inputSchema: schemaOf(askInput),
    },
    {
      name: 'report_progress',
      description: 'Tells those who watch how far the task is. A line now and then, not every step.',
      inputSchema: schemaOf(progressInput),
    },
  ]
  if (hostExec.length > 0)
    specs.push({
      name: 'host_exec',
      description: `Runs a program on the host, outside the sandbox, with the host's network and credentials: ${hostExec.join(', ')}. Only for what cannot be done here, such as git push, git fetch or gh pr create. What no rule allows is asked of a person, which may take hours.`,
      inputSchema: schemaOf(hostExecInput),
    })
  if (!tasks) return specs
  const description =
    'Creates another task, done by another agent after or beside this one; it does not wait for it. What is left out is as in this task.'
  return [...specs, { name: 'task_create', description, inputSchema: schemaOf(agentTaskCreate) }]
}

function submitWords({ expect, outputSchema }: Assignment['task']): string {
  const needed = expect === 'output' ? 'This task is complete only with an output. ' : ''
  const schema = outputSchema === null ? 'Any JSON. ' : `It must fit this JSON Schema: ${JSON.stringify(outputSchema)} `
  return `Hands in the result of the task as JSON. ${needed}${schema}Called again, the last valid one counts.`
}

/** A schema with references into itself means nothing inside another; then it stands in the description alone. */
function embedded(schema: Assignment['task']['outputSchema']): object {
  if (schema === null || /"\$(ref|id|anchor|dynamicRef|schema)"/.test(JSON.stringify(schema))) return {}
  return schema
}

function schemaOf(schema: z.ZodType): RunToolSpec['inputSchema'] {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return { ...json, type: 'object' }
}
