// What an attempt's transcript is made of: one union tells the whole life. Adapters make these; only the daemon numbers them.

import { z } from 'zod'

const text = z.string()

/** Tokens as the agent's model counted them. */
export const usage = z.object({
  inputTokens: z.number().int().nonnegative().describe('Input tokens not read from a cache'),
  outputTokens: z.number().int().nonnegative(),
  cacheReadTokens: z.number().int().nonnegative(),
  cacheWriteTokens: z.number().int().nonnegative(),
})
export type Usage = z.infer<typeof usage>

/** Why a model or a CLI failed, as far as the adapter can tell. */
export const errorClass = z.enum([
  'quota',
  'rate_limit',
  'auth',
  'billing',
  'model_invalid',
  'overloaded',
  'network',
  'context_full',
  'refused',
  'crashed',
])
export type ErrorClass = z.infer<typeof errorClass>

/** An event as an adapter makes it: without number, time or attempt. */
export const eventBody = z.discriminatedUnion('type', [
  // what the agent says
  z.object({ type: z.literal('text'), text: text.describe('Markdown from the agent'), parent: text.optional() }),
  z.object({ type: z.literal('thinking'), text, parent: text.optional() }),
  // what it does
  z.object({
    type: z.literal('tool_start'),
    id: text.describe('The same id as the tool_end'),
    name: text,
    input: z.unknown().describe('As the agent gave it'),
    title: text.describe('One line a person reads: the command, the path'),
    parent: text.optional().describe('The tool call of the agent that started this sub-agent'),
  }),
  z.object({
    type: z.literal('tool_end'),
    id: text,
    ok: z.boolean(),
    output: text.describe('Cut at 64 KiB; the raw log on the host has it all'),
    exitCode: z.number().int().nullable().optional(),
    parent: text.optional(),
  }),
  z.object({ type: z.literal('turn_end'), reason: text.optional() }),
  z.object({
    type: z.literal('plan'),
    items: z.array(z.object({ text, status: z.enum(['pending', 'in_progress', 'completed']) })),
  }),
  // what it costs
  z.object({ type: z.literal('usage'), usage, costUsd: z.number().nullable(), estimate: z.boolean().optional() }),
  // what needs a person, or went wrong
  z.object({
    type: z.literal('request'),
    requestId: text,
    kind: z.enum(['permission', 'question']),
    title: text,
    rule: text.optional().describe('The rule that approved it: nobody was asked'),
  }),
  z.object({
    type: z.literal('retry'),
    tries: z.number().int().describe('How often the CLI has tried by now'),
    limit: z.number().int().optional().describe('How often it will try at most, where it says so'),
    delayMs: z.number().nullable(),
    class: errorClass.nullable(),
    message: text,
  }),
  z.object({ type: z.literal('notice'), message: text, level: z.enum(['info', 'warning']).optional() }),
  z.object({ type: z.literal('error'), class: errorClass.nullable(), message: text, fatal: z.boolean().optional() }),
  // what the adapter does not know: kept, never dropped
  z.object({ type: z.literal('raw'), stream: z.enum(['stdout', 'stderr']), line: text }),
])
export type EventBody = z.infer<typeof eventBody>

/** An event as the daemon numbers it: seq 1…n within the attempt, without a hole. */
export const numberedEvent = z.intersection(
  z.object({ seq: z.number().int().positive(), at: z.number().int().describe('ms since the epoch, on the host') }),
  eventBody,
)
export type NumberedEvent = z.infer<typeof numberedEvent>

/** An event as readers see it. */
export const transcriptEvent = z.intersection(
  z.object({ attempt: z.number().int().positive().describe('The attempt’s number within its task') }),
  numberedEvent,
)
export type TranscriptEvent = z.infer<typeof transcriptEvent>

/** An output longer than this is cut in its event, in characters. */
export const maxToolOutput = 65_536
