// Logs are events: a constant lower-case message, data in fields, ids always, secrets never. JSON lines on stderr.

import { destination, type Logger, pino } from 'pino'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>

/** `level` is `CAPSTAN_LOG` (`debug`, `info`, `warn`, `error`, `silent`); what looks like a token is cut out wherever it stands. */
export function makeLog(level: string, bindings: Record<string, unknown> = {}): Logger {
  const redact = {
    paths: ['token', 'secret', 'key', '*.token', '*.secret', '*.key', 'headers.authorization'],
    censor: '[redacted]',
  }
  return pino(
    { level, base: bindings, redact, formatters: { level: (label) => ({ level: label }) } },
    destination({ dest: 2, sync: true }),
  )
}

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
