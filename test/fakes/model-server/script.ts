// What the scripted model says: one scenario per mode, without state, so that runs in parallel cannot disturb each other.

/** Taken from the first path segment: `http://127.0.0.1:PORT/MODE/…`. */
export const modes = [
  'write',
  'text',
  'tool-hang',
  'tool-wait',
  'rate-limit',
  'quota',
  'auth',
  'failure',
  'bad-model',
  'hang',
  'cut',
] as const
export type Mode = (typeof modes)[number]

export function isMode(text: string): text is Mode {
  return (modes as readonly string[]).includes(text) // widened only to search it
}

/** The shell command that the model asks for in mode `write`. */
export const command = "printf 'written by the scripted model\\n' > peer-was-here.txt && cat peer-was-here.txt"
export const writtenFile = 'peer-was-here.txt'
export const writtenText = 'written by the scripted model\n'

/** In mode `tool-wait` the command waits for this file in HOME before it writes: a test lets it go on when it is ready. */
export const goFile = 'peer-may-go'
const waitingCommand = `until [ -e "$HOME/${goFile}" ]; do sleep 0.2; done; ${command}`

/** The command of mode `tool-hang` never ends; its words are odd enough to find the process by. */
export const endlessCommand = 'tail -f /dev/null --sleep-interval=4217'

export function commandOf(mode: Mode): string {
  if (mode === 'tool-hang') return endlessCommand
  return mode === 'tool-wait' ? waitingCommand : command
}

/** The modes in which the model asks for a tool. */
const toolModes: readonly Mode[] = ['write', 'tool-hang', 'tool-wait']

/** The model's last words. */
export const finalText = 'Done: peer-was-here.txt holds one line.'

/** Tokens per answer; the sum over a run's answers is what the CLI should report. */
export const tokens = { input: 1200, cached: 200, output: 40 } as const

/** The same file by a tool that writes files, for agents that may not use a shell; the names of the fields differ. */
export function fileInput(pathField: 'path' | 'filePath' | 'file_path'): Readonly<Record<string, string>> {
  return { [pathField]: writtenFile, content: writtenText }
}

/** One step of the conversation: ask for a tool, or say the last words. */
export type Step = { readonly kind: 'tool'; readonly tool: string } | { readonly kind: 'text' }

/**
 * Stateless: a conversation whose newest entry is a tool's result gets the last words; otherwise the shell tool, or one that writes files, is
 * asked for, where one is offered (a request for a title or a summary offers none).
 */
export function nextStep(mode: Mode, tool: string | null, answersTool: boolean): Step {
  const asks = toolModes.includes(mode) && tool !== null && !answersTool
  return asks ? { kind: 'tool', tool } : { kind: 'text' }
}

export interface Refusal {
  readonly status: number
  /** The error's type, as each provider words it. */
  readonly anthropic: string
  readonly openai: string
  readonly gemini: string
  /** Google's typed details. */
  readonly details: readonly object[]
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
}

/** How a mode refuses every request; null: it answers. */
export function refusalOf(mode: Mode): Refusal | null {
  switch (mode) {
    case 'rate-limit':
      return refusal([429, 'rate_limit_error', 'rate_limit_exceeded', 'RESOURCE_EXHAUSTED'], slowDown)
    case 'quota':
      return {
        ...refusal([429, 'rate_limit_error', 'insufficient_quota', 'RESOURCE_EXHAUSTED'], spent),
        headers: { 'x-should-retry': 'false' },
        details: [{ '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [dailyViolation] }],
      }
    case 'auth':
      return refusal([401, 'authentication_error', 'invalid_api_key', 'UNAUTHENTICATED'], badKey)
    case 'failure':
      return refusal([500, 'api_error', 'server_error', 'INTERNAL'], 'The model server failed (scripted).')
    case 'bad-model':
      return refusal([404, 'not_found_error', 'model_not_found', 'NOT_FOUND'], noModel)
    case 'write':
    case 'text':
    case 'tool-hang':
    case 'tool-wait':
    case 'hang':
    case 'cut':
      return null
  }
}

const slowDown = 'Too many requests: slow down (scripted).'
const spent = 'You exceeded your current quota (scripted).'
const badKey = 'The key is not valid (scripted).'
const noModel = 'The model `no-such-model` does not exist or you do not have access to it.'
const dailyViolation = { quotaId: 'GenerateRequestsPerDayPerProjectPerModel', quotaValue: '250' }

type Names = readonly [status: number, anthropic: string, openai: string, gemini: string]

function refusal([status, anthropic, openai, gemini]: Names, message: string): Refusal {
  return { status, anthropic, openai, gemini, message, headers: {}, details: [] }
}
