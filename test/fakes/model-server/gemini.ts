// The scripted model behind Gemini's generateContent and streamGenerateContent.

import type { ServerResponse } from 'node:http'
import type { Mode, Refusal } from './script.ts'
import { commandOf, fileInput, finalText, nextStep, tokens } from './script.ts'
import { asArray, asObject, sendJson } from './stream.ts'

type Json = Readonly<Record<string, unknown>>

export function refuseGemini(response: ServerResponse, refusal: Refusal): void {
  const error = { code: refusal.status, message: refusal.message, status: refusal.gemini, details: refusal.details }
  sendJson(response, refusal.status, { error }, refusal.headers)
}

/** `streaming`: by `streamGenerateContent?alt=sse`. What asks for JSON (the CLI's router of models) gets JSON. */
export function answerGemini(response: ServerResponse, body: Json, how: { mode: Mode; streaming: boolean }): void {
  const { mode, streaming } = how
  const parts = wantsJson(body) ? [{ text: routed }] : partsOf(body, mode)
  if (!streaming) {
    sendJson(response, 200, { candidates: [candidate(parts, 'STOP')], usageMetadata, modelVersion })
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  if (mode === 'cut') {
    response.write('data: {"candidates":[', () => response.destroy())
    return
  }
  if (mode === 'hang') {
    response.write(':\n\n')
    return
  }
  for (const part of parts.slice(0, -1)) response.write(chunk({ candidates: [candidate([part], null)] }))
  response.end(chunk({ candidates: [candidate(parts.slice(-1), 'STOP')], usageMetadata, modelVersion }))
}

const modelVersion = 'gemini-scripted'

const routed = JSON.stringify({ complexity_reasoning: 'One simple step.', complexity_score: 10 })

const usageMetadata = {
  promptTokenCount: tokens.input,
  cachedContentTokenCount: tokens.cached,
  candidatesTokenCount: tokens.output,
  totalTokenCount: tokens.input + tokens.output,
}

function chunk(data: Json): string {
  return `data: ${JSON.stringify(data)}\r\n\r\n`
}

function candidate(parts: readonly Json[], finishReason: 'STOP' | null): Json {
  return { index: 0, content: { role: 'model', parts }, ...(finishReason === null ? {} : { finishReason }) }
}

function partsOf(body: Json, mode: Mode): readonly Json[] {
  const step = nextStep(mode, toolOf(body), answersTool(body))
  if (step.kind === 'text') return [{ text: finalText.slice(0, 6) }, { text: finalText.slice(6) }]
  const shell = { command: commandOf(mode), description: 'Write one line to a file' }
  const args = step.tool === 'write_file' ? fileInput('file_path') : shell
  return [{ functionCall: { name: step.tool, args } }]
}

function wantsJson(body: Json): boolean {
  return asObject(body.generationConfig).responseMimeType === 'application/json'
}

function toolOf(body: Json): string | null {
  const declared = asArray(body.tools).flatMap((tool) => asArray(asObject(tool).functionDeclarations))
  const names = declared.map((tool) => asObject(tool).name)
  return ['run_shell_command', 'write_file'].find((name) => names.includes(name)) ?? null
}

function answersTool(body: Json): boolean {
  const last = asObject(asArray(body.contents).at(-1))
  return asArray(last.parts).some((part) => asObject(part).functionResponse !== undefined)
}
