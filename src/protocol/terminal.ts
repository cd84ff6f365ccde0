// The terminal of an interactive run on its way between daemon, server and whoever watches. Live: nothing of it is stored or sent again.

import { z } from 'zod'

/** What a watcher is sent at first, and again after it fell behind, bytes. */
export const terminalBacklogBytes = 262_144
/** Bytes of output in one message of a daemon, at most. */
export const terminalChunkBytes = 32_768
/** Bytes that a watcher may type, or paste, at once. */
export const terminalInputBytes = 65_536

const size = {
  cols: z.number().int().min(2).max(500),
  rows: z.number().int().min(2).max(300),
}
export type TerminalSize = { readonly cols: number; readonly rows: number }
const base64 = z.string().max(Math.ceil((terminalInputBytes * 4) / 3) + 4)

/**
 * Server → daemon. `stream` names one time of watching: a daemon forgets it when the link goes down, and the server opens another. `input` has
 * a seq per stream, from 1; a seq that came already is left out.
 */
export const terminalOrder = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('open'), attemptId: z.string(), stream: z.string(), ...size }),
  z.object({
    kind: z.literal('input'),
    attemptId: z.string(),
    stream: z.string(),
    seq: z.number().int(),
    data: base64,
    by: z.string(),
  }),
  z.object({ kind: z.literal('resize'), attemptId: z.string(), stream: z.string(), ...size }),
  z.object({ kind: z.literal('close'), attemptId: z.string(), stream: z.string() }),
])
export type TerminalOrder = z.infer<typeof terminalOrder>

/** Daemon → server: output, in order; the next is sent when this one was answered. */
export const terminalOutput = {
  input: z.object({
    attemptId: z.string(),
    stream: z.string(),
    data: z
      .string()
      .max(Math.ceil((terminalChunkBytes * 4) / 3) + 4)
      .describe('base64; may be empty'),
    end: z.string().max(500).nullable().describe('Why nothing follows; null: more may follow'),
    size: z.object(size).nullable().optional().describe('Of the window, when watching begins'),
  }),
  reply: z.object({ open: z.boolean().describe('False: nobody watches, send no more') }),
} as const

/** What a watcher is told between the bytes, as JSON text. */
export const terminalNote = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), attempt: z.number().int(), input: z.boolean().describe('It may type') }),
  z.object({ type: z.literal('reset'), reason: z.string().describe('What follows begins anew: clear the screen') }),
  z.object({ type: z.literal('size'), ...size }).describe('Of the window, which somebody else has chosen'),
  z.object({ type: z.literal('end'), reason: z.string() }),
])
export type TerminalNote = z.infer<typeof terminalNote>

/** What a watcher says beside what it types, as JSON text. */
export const watcherNote = z.object({ type: z.literal('resize'), ...size })
