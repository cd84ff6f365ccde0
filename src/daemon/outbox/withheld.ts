// What leaves this host of an attempt where its owner keeps words back: policy.toml, upload.events. Numbers and kinds go, text stays.

import type { AttemptReason } from '../../core/reason.ts'
import type { EventBody, NumberedEvent } from '../../protocol/events.ts'
import type { FromDaemonBody } from '../../protocol/link.ts'
import type { Evidence } from '../../protocol/task.ts'
import type { OutboxKind } from '../journal/outbox-rows.ts'
import type { Upload } from '../policy.ts'

/** In place of every text. */
export const keptWords = 'kept on the host'

/** Reasons whose sentence the daemon makes of numbers, names of programs and its own rules; others may quote an agent, a file or a command. */
const plainReasons: ReadonlySet<AttemptReason> = new Set([
  'policy_refused',
  'harness_unavailable',
  'repo_not_allowed',
  'relay_unavailable',
  'timed_out',
  'stalled',
  'max_turns_exceeded',
  'max_tokens_exceeded',
  'max_cost_exceeded',
  'max_bash_timeouts_exceeded',
  'no_changes',
  'cancelled',
])

/** The message as it may go. Every row of the outbox passes here, so that nothing needs to remember the policy where it is made. */
export function withheld<K extends OutboxKind>(upload: Upload, body: FromDaemonBody<K>): FromDaemonBody<K> {
  if (upload.events === 'full') return body
  const { events: how } = upload
  const shorn: Record<string, unknown> = { ...body }
  if ('events' in body) shorn.events = body.events.map((event) => eventAsAllowed(event, how))
  if ('evidence' in body) shorn.evidence = body.evidence === null ? null : shornEvidence(body.evidence)
  if ('output' in body) delete shorn.output
  if ('detail' in body && !('reason' in body && plainReasons.has(body.reason))) shorn.detail = keptWords
  if ('withheld' in body) shorn.withheld = [...body.withheld, 'events']
  if ('options' in body) {
    shorn.title = keptWords
    shorn.body = {}
    shorn.options = body.options.map((option) => ({ ...option, label: option.grants ?? keptWords }))
  }
  return shorn as FromDaemonBody<K> // the same fields, with other texts
}

/** One event without its text; the numbers stay without a hole. `none`: not even what kind it was. */
export function eventAsAllowed(event: NumberedEvent, how: 'headers' | 'none'): NumberedEvent {
  const { seq, at } = event
  return { ...(how === 'none' ? hint(event) : header(event)), seq, at }
}

/** What the load of an account is counted by goes in any case. */
function hint(event: EventBody): EventBody {
  return event.type === 'usage' ? usageOf(event) : { type: 'notice', message: keptWords }
}

function header(event: EventBody): EventBody {
  switch (event.type) {
    case 'text':
    case 'thinking':
      return { type: event.type, text: keptWords, ...parentOf(event) }
    case 'tool_start':
      return { type: 'tool_start', id: event.id, name: event.name, input: null, title: event.name, ...parentOf(event) }
    case 'tool_end': {
      const { id, ok, exitCode } = event
      return {
        type: 'tool_end',
        id,
        ok,
        output: '',
        ...(exitCode === undefined ? {} : { exitCode }),
        ...parentOf(event),
      }
    }
    case 'turn_end':
      return { type: 'turn_end' }
    case 'plan':
      return { type: 'plan', items: event.items.map(({ status }) => ({ text: keptWords, status })) }
    case 'usage':
      return usageOf(event)
    case 'request':
      return { type: 'request', requestId: event.requestId, kind: event.kind, title: keptWords }
    case 'retry':
      return { type: 'retry', tries: event.tries, delayMs: event.delayMs, class: event.class, message: keptWords }
    case 'error':
      return {
        type: 'error',
        class: event.class,
        message: keptWords,
        ...(event.fatal === undefined ? {} : { fatal: event.fatal }),
      }
    case 'notice':
      return { type: 'notice', message: keptWords }
    case 'raw':
      return { type: 'raw', stream: event.stream, line: keptWords }
  }
}

function usageOf(event: EventBody & { readonly type: 'usage' }): EventBody {
  const { usage, costUsd, estimate } = event
  return { type: 'usage', usage, costUsd, ...(estimate === undefined ? {} : { estimate }) }
}

function parentOf({ parent }: { readonly parent?: string | undefined }): { parent?: string } {
  return parent === undefined ? {} : { parent }
}

/** Counts and ids; no path, no output. */
function shornEvidence(evidence: Evidence): Evidence {
  return {
    ...evidence,
    diffWithheld: evidence.diffWithheld === null ? null : keptWords,
    checks: evidence.checks.map((check) => ({ ...check, command: keptWords, outputTail: '' })),
    nestedRepos: evidence.nestedRepos.map(() => keptWords),
  }
}
