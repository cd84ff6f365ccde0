// Standard input as text, for --prompt-file - and --token-stdin.

import { text } from 'node:stream/consumers'

/** All of it. An abort of the signal ends the wait with its reason. */
export async function readStdin(signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return Promise.race([text(process.stdin), aborted])
}
