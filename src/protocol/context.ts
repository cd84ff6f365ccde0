// What an agent is told and given beside its prompt: pieces of text that reach it in one of four ways, and files; and how its model is to think.

import { z } from 'zod'
import { thinkingLevels } from '../core/thinking.ts'
import { limits } from './names.ts'

/** How a piece reaches the agent; see docs/profiles.md. */
export const contextBinding = z.enum(['skill', 'context_inline', 'prompt_prefix', 'user_inline'])
export type ContextBinding = z.infer<typeof contextBinding>

export const contextEntry = z.strictObject({
  slug: z
    .string()
    .min(1)
    .max(64, 'a slug has at most 64 characters')
    .regex(
      /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/,
      'lower-case letters, digits and dashes; begins and ends with a letter or digit',
    )
    .describe('Its name, once among the others'),
  binding: contextBinding
    .optional()
    .describe(
      'skill: a skill that the agent may use; context_inline: among its instructions; prompt_prefix: before the prompt; user_inline (default): after the prompt',
    ),
  description: z.string().min(1).max(1_000).optional().describe('Of a skill: when the agent is to use it'),
  text: z
    .string()
    .min(1)
    .superRefine((text, context) => {
      const bytes = byteLength(text)
      if (bytes <= limits.contextBytes) return
      context.addIssue({ code: 'custom', message: `has ${bytes} bytes; the limit is ${limits.contextBytes} bytes` })
    })
    .describe('At most 64 KiB'),
})
export type ContextEntry = z.infer<typeof contextEntry>

export const contextList = z
  .array(contextEntry)
  .max(limits.contexts)
  .superRefine((entries, context) => {
    const twice = firstTwice(entries.map(({ slug }) => slug))
    if (twice !== null) context.addIssue({ code: 'custom', message: `the slug "${twice}" is there twice: rename one` })
    for (const [i, { binding, description }] of entries.entries()) {
      if (description === undefined || binding === 'skill') continue
      context.addIssue({ code: 'custom', message: 'only a skill has a description', path: [i, 'description'] })
    }
  })

/** A file that was uploaded before, by its content id. */
export const attachment = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Za-z0-9_][A-Za-z0-9._ @+-]*$/, 'a file’s name of letters, digits, spaces and . _ @ + -; no folder')
    .refine((text) => !/[. ]$/.test(text), 'a file’s name ends with neither a dot nor a space'),
  cid: z.string().regex(/^sha256-[0-9a-f]{64}$/, 'a content id: sha256- and 64 hex digits'),
})
export type Attachment = z.infer<typeof attachment>

export const attachmentList = z
  .array(attachment)
  .max(limits.attachments)
  .superRefine((files, context) => {
    const twice = firstTwice(files.map(({ name }) => name.toLowerCase())) // one folder holds them, on macOS too
    if (twice !== null) context.addIssue({ code: 'custom', message: `the name "${twice}" is there twice: rename one` })
  })

export const thinkingLevel = z.enum(thinkingLevels)

/** How a model is to be used. Each CLI can do some of it; what it cannot is told on the attempt. */
export const tuning = {
  provider: z
    .string()
    .max(64)
    .regex(/^[a-z0-9][a-z0-9._-]*$/, 'lower-case letters, digits, dots, dashes and underscores')
    .optional()
    .describe('Whose model it is, as the agent CLI calls it'),
  thinkingLevel: thinkingLevel.optional(),
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().min(0).max(1).optional(),
  topK: z.number().int().min(1).max(1_000_000).optional(),
  maxOutputTokens: z.number().int().min(1).max(10_000_000).optional(),
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length
}

function firstTwice(names: readonly string[]): string | null {
  return names.find((each, i) => names.indexOf(each) !== i) ?? null
}
