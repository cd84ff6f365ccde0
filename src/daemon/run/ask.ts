// An agent's ask as it goes to a person: an id that a restarted daemon makes again, nothing longer than a page, no secrets.

import { createHash } from 'node:crypto'
import type { Redactor } from '../../lib/redact.ts'
import { redactEvent } from '../../lib/redact.ts'
import { defaultRequestTimeoutMs } from '../../protocol/fleet.ts'
import type { Assignment, FromDaemonBody } from '../../protocol/link.ts'
import { boundedInput, cut, exactLine, oneLine } from '../harness/cut.ts'
import type { Ask, AskOption } from '../harness/port.ts'

/** Of a request's body as JSON. What a person is to decide upon must be readable. */
const maxBodyBytes = 65_536
const maxOptions = 50
/** Crockford's base 32: letters and digits of all our ids. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** The same for the same ask, whichever start of the daemon makes it. `times`: how often the attempt has used this key. */
export function requestIdOf(attemptId: string, key: string, times: number): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([attemptId, key, times]))
    .digest()
  return `req_${Array.from(hash.subarray(0, 26), (byte) => alphabet.charAt(byte % 32)).join('')}`
}

/** The message for the server. Ids of options stay as they are: the answer names them. */
export function requestOf(
  { attemptId, epoch, profile }: Pick<Assignment, 'attemptId' | 'epoch' | 'profile'>,
  asked: { readonly ask: Ask; readonly requestId: string; readonly redact: Redactor },
): FromDaemonBody<'request'> {
  const { ask, requestId, redact } = asked
  return {
    attemptId,
    epoch,
    requestId,
    kind: ask.kind,
    title: titleOf(ask, redact),
    body: boundedBody(redactEvent(ask.body, redact)),
    options: shownOptions(ask, redact),
    openForMs: profile?.settings.requestTimeoutMs ?? defaultRequestTimeoutMs,
  }
}

export function titleOf({ title }: Pick<Ask, 'title'>, redact: Redactor): string {
  return exactLine(redact(title), 500)
}

export function shownOptions({ options }: Pick<Ask, 'options'>, redact: Redactor): AskOption[] {
  return options.slice(0, maxOptions).map(({ id, label, grants }) => ({ id, label: oneLine(redact(label)), grants }))
}

/** The whole body, or its beginning and end with a remark that it is not all. */
function boundedBody(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const text = JSON.stringify(body)
  if (Buffer.byteLength(text) <= maxBodyBytes) return { ...body }
  const remark = `shortened: ${text.length} characters are too many to show; the log on the host has them all`
  const shorter = { shortened: remark, ...(boundedInput(body) as Record<string, unknown>) } // an object stays one
  return Buffer.byteLength(JSON.stringify(shorter)) <= maxBodyBytes
    ? shorter
    : { shortened: remark, beginning: cut(text, 12_288) }
}
