// The catalog of models: what is known of them, for people to look up and for warnings. It decides nothing: a model that is not in it runs as well.

import { z } from 'zod'
import { thinkingLevel } from './context.ts'
import { instant } from './names.ts'

const provider = z
  .string()
  .max(64)
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9._-]*$/i, 'letters, digits, dots, dashes and underscores')
const modelName = z
  .string()
  .max(200)
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9._:/@-]*$/i, 'letters, digits and . _ : / @ -')

export const modelCapabilities = z.strictObject({
  supportsTools: z.boolean().optional(),
  contextWindow: z.number().int().min(1).max(1_000_000_000).optional().describe('Tokens'),
  thinkingLevels: z.array(thinkingLevel).max(6).optional().describe('Those it has'),
})
const shown = {
  displayName: z.string().min(1).max(200).optional(),
  description: z.string().max(1_000).optional(),
  capabilities: modelCapabilities.optional(),
}
export const modelCreate = z.strictObject({ provider, name: modelName, ...shown })
/** What is not given stays; of the capabilities too. */
export const modelChange = z.strictObject({ provider: provider.optional(), name: modelName.optional(), ...shown })
export const modelQuery = z.strictObject({ provider: provider.optional() })

export const model = z.object({
  id: z.string(),
  provider: z.string(),
  name: z.string(),
  displayName: z.string(),
  description: z.string(),
  capabilities: modelCapabilities,
  global: z.boolean().describe('Comes with Capstan and is not to be changed'),
  createdAt: instant.nullable(),
  updatedAt: instant.nullable(),
})
export type ModelView = z.infer<typeof model>
