// What the scripted model says: one scenario per mode, without state, so that runs in parallel cannot disturb each other.

/** Taken from the first path segment: `http://127.0.0.1:PORT/MODE/…`. */
export const modes = ['write', 'text', 'rate-limit', 'quota', 'auth', 'failure', 'bad-model', 'hang', 'cut'] as const
export type Mode = (typeof modes)[number]

export function isMode(text: string): text is Mode {
  return (modes as readonly string[]).includes(text) // widened only to search it
}

/** The shell command that the model asks for in mode `write`. */
export const command = "printf 'written by the scripted model\\n' > peer-was-here.txt && cat peer-was-here.txt"
export const writtenFile = 'peer-was-here.txt'
export const writtenText = 'written by the scripted model\n'

/** The model's last words. */
export const finalText = 'Done: peer-was-here.txt holds one line.'

/** Tokens per answer; the sum over a run's answers is what the CLI should report. */
export const tokens = { input: 1200, cached: 200, output: 40 } as const

/** One step of the conversation: ask for a tool, or say the last words. */
export type Step = { readonly kind: 'tool'; readonly tool: string } | { readonly kind: 'text' }

/**
 * Stateless: a conversation whose newest entry is a tool's result gets the last words; otherwise the shell tool is asked for,
 * where one is offered (a request for a title or a summary offers none).
 */
export function nextStep(mode: Mode, tool: string | null, answersTool: boolean): Step {
  return mode === 'write' && tool !== null && !answersTool ? { kind: 'tool', tool } : { kind: 'text' }
}

export interface Refusal {
  readonly status: number
  /** The error's type, as each provider words it. */
  readonly anthropic: string
  readonly openai: string
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
}

/** How a mode refuses every request; null: it answers. */
export function refusalOf(mode: Mode): Refusal | null {
  switch (mode) {
    case 'rate-limit':
      return refusal(429, 'rate_limit_error', 'rate_limit_exceeded', 'Too many requests: slow down (scripted).')
    case 'quota':
      return {
        ...refusal(429, 'rate_limit_error', 'insufficient_quota', 'You exceeded your current quota (scripted).'),
        headers: { 'x-should-retry': 'false' },
      }
    case 'auth':
      return refusal(401, 'authentication_error', 'invalid_api_key', 'The key is not valid (scripted).')
    case 'failure':
      return refusal(500, 'api_error', 'server_error', 'The model server failed (scripted).')
    case 'bad-model':
      return refusal(
        404,
        'not_found_error',
        'model_not_found',
        'The model `no-such-model` does not exist or you do not have access to it.',
      )
    case 'write':
    case 'text':
    case 'hang':
    case 'cut':
      return null
  }
}

function refusal(status: number, anthropic: string, openai: string, message: string): Refusal {
  return { status, anthropic, openai, message, headers: {} }
}
