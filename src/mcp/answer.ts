// What a tool answers: JSON as text and as structure, patches and bytes as text within a size, problems with their code and remedy.

import type { CallToolResult } from '@modelcontextprotocol/server'
import { Problem } from '../core/problem.ts'

/** More text than this fills a model's window with one call. Characters. */
const maxText = 262_144

/** An object that the operation answered. Throws `too_large` when it is more than a model should be handed at once. */
export function jsonAnswer(value: unknown): CallToolResult {
  const text = JSON.stringify(value)
  if (text.length > maxText) {
    const detail = `the answer has ${text.length} characters and a tool may give ${maxText}; ask for less with limit and cursor`
    throw new Problem('too_large', detail)
  }
  const structured = typeof value === 'object' && value !== null && !Array.isArray(value)
  return {
    content: [{ type: 'text', text }],
    ...(structured ? { structuredContent: value as Record<string, unknown> } : {}), // checked: an object
  }
}

export function textAnswer(text: string): CallToolResult {
  return { content: [{ type: 'text', text }] }
}

/** A patch or a blob. What is beyond the size is left out, and the answer says so. Throws `unsupported_media_type` for what is not text. */
export function bytesAnswer(bytes: Uint8Array): CallToolResult {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    const detail = `these are ${bytes.length} bytes that are not text; fetch them over REST`
    throw new Problem('unsupported_media_type', detail, { cause })
  }
  if (text.length <= maxText) return textAnswer(text)
  const left = text.length - maxText
  return {
    content: [
      { type: 'text', text: text.slice(0, maxText) },
      { type: 'text', text: `The last ${left} of ${text.length} characters are left out; REST gives all of it.` },
    ],
  }
}

/** A refusal that the model can act on: what failed, with the value, and what to do. */
export function problemAnswer(problem: Problem): CallToolResult {
  const { code, status, remedy, instance, message } = problem
  const detail = problem.detail === '' ? message : problem.detail
  return {
    content: [{ type: 'text', text: `${code}: ${detail}\n${remedy}` }],
    structuredContent: { code, status, detail, remedy, ...(instance === undefined ? {} : { instance }) },
    isError: true,
  }
}
