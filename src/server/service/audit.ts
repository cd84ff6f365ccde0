// The audit log: what is written into it, and reading it, with what the tasks tell of themselves if asked.

import { Problem } from '../../core/problem.ts'
import type { AuditLine } from '../../protocol/audit.ts'
import type { Operation, OperationName } from '../../protocol/operations.ts'
import type { AuditQuery } from '../../store/audit.ts'
import {
  auditLines,
  beginAuditLine,
  createdTasks,
  dropAuditLine,
  finishAuditLine,
  loggedEntries,
} from '../../store/audit.ts'
import type { AskedOf } from '../handler.ts'
import type { Caller, Plane } from '../plane.ts'

const defaultPage = 50

/** Left out: tasks say themselves who made them, and uploads change nothing for anybody. */
const silent: ReadonlySet<OperationName> = new Set(['createTask', 'putBlob', 'uploadBlob'])

/** Of a body these are written down: who may what, and which switch. Never texts, files, variables or commands. */
const told: ReadonlySet<string> = new Set([
  'name',
  'kind',
  'role',
  'scopes',
  'account',
  'team',
  'expiresAt',
  'connector',
  'provider',
  'harness',
  'model',
  'autonomy',
  'on',
  'optionId',
  'fromCheckpoint',
  'action',
  'tasks',
  'ids',
  'hold',
  'now',
])

export interface Call {
  readonly caller: Caller
  readonly name: OperationName
  readonly operation: Pick<Operation, 'method' | 'scope'>
  readonly params: Readonly<Record<string, string>>
  readonly body: unknown
  readonly address: string | null
}

/** A call's line in the log while it is under way. */
export interface Begun {
  /** It was done; `answer`: what it answered, of which only the id of what it made is kept. Resolves once that is durable. */
  done(answer: unknown): Promise<void>
  /** It was refused, and did nothing. */
  refused(): Promise<void>
}

/** Writes a call down before it changes anything: there is no change without a line. Resolves once it is durable; null: no line is due. */
export async function beginCall(
  plane: Plane,
  { caller, name, operation, params, body, address }: Call,
): Promise<Begun | null> {
  if (operation.method === 'GET' || operation.scope === 'daemon' || silent.has(name)) return null
  const target = Object.values(params)[0] ?? null
  const line = { actor: caller.actor, operation: name, target, detail: detailOf(body), address }
  const seq = await plane.store.run((tx) => beginAuditLine(tx, caller.teamId, line))
  return {
    done: (answer) => plane.store.run((tx) => finishAuditLine(tx, seq, target ?? idOf(answer))),
    refused: () => plane.store.run((tx) => dropAuditLine(tx, seq)),
  }
}

function detailOf(body: unknown): Record<string, unknown> | null {
  if (typeof body !== 'object' || body === null || body instanceof Uint8Array) return null
  const kept = Object.entries(body).filter(([key, value]) => told.has(key) && isShort(value))
  return kept.length === 0 ? null : Object.fromEntries(kept)
}

/** A list of more than this is told by nothing: whoever changed so many tasks at once finds it on each of them. */
const mostText = 1_000

function isShort(value: unknown): boolean {
  return value !== undefined && JSON.stringify(value).length <= mostText
}

function idOf(answer: unknown): string | null {
  const made = typeof answer === 'object' && answer !== null && 'id' in answer ? answer.id : null
  return typeof made === 'string' ? made : null
}

/** Newest first. Throws `invalid_request` for a cursor of another list. */
export async function listAudit(
  plane: Plane,
  { caller, query }: AskedOf<'listAudit'>,
): Promise<{ items: AuditLine[]; nextCursor: string | null }> {
  const { cursor, limit = defaultPage, with: more, ...only } = query
  const from = readCursor(cursor)
  const asked: Omit<AuditQuery, 'before'> = { ...only, limit: limit + 1 }
  const lines = await plane.store.read(function* (tx) {
    const calls = yield* auditLines(tx, caller.teamId, { ...asked, before: from.call })
    if (more === undefined) return calls
    const read = asked.target === undefined ? createdTasks : loggedEntries
    const ofTasks = yield* read(tx, caller.teamId, { ...asked, before: from.task })
    return merged(calls, ofTasks)
  })
  const items = lines.slice(0, limit)
  return { items, nextCursor: lines.length > limit ? nextCursor(items, from, more !== undefined) : null }
}

/**
 * Both newest first. Within a source the order of numbers stays, also where two replicas numbered lines in another order than their times:
 * the cursor counts by numbers, and would leave out what was moved behind it. Of the same millisecond a task's entry came after its call.
 */
function merged(calls: readonly AuditLine[], ofTasks: readonly AuditLine[]): AuditLine[] {
  const [call, task] = [calls.values(), ofTasks.values()]
  const lines: AuditLine[] = []
  let [ofCall, ofTask] = [call.next().value, task.next().value]
  while (ofCall !== undefined || ofTask !== undefined) {
    if (ofTask === undefined || (ofCall !== undefined && ofCall.at > ofTask.at)) {
      if (ofCall !== undefined) lines.push(ofCall)
      ofCall = call.next().value
    } else {
      lines.push(ofTask)
      ofTask = task.next().value
    }
  }
  return lines
}

/** How far each source was read: lines before these numbers. */
interface From {
  readonly call: number | null
  readonly task: number | null
}

/** `12`, or with tasks `12.34`; 0 stands for a source that was not begun. */
function readCursor(cursor: string | undefined): From {
  if (cursor === undefined) return { call: null, task: null }
  const [, call, task = '0'] = /^(\d{1,15})(?:\.(\d{1,15}))?$/.exec(cursor) ?? []
  if (call !== undefined) return { call: Number(call) || null, task: Number(task) || null }
  const said = JSON.stringify(cursor)
  throw new Problem('invalid_request', `cursor ${said} is not one this server gave; leave it out to start again`)
}

function nextCursor(items: readonly AuditLine[], from: From, both: boolean): string {
  const last = (source: AuditLine['source']) => items.findLast((line) => line.source === source)?.seq
  const call = last('call') ?? from.call ?? 0
  return both ? `${call}.${last('task') ?? from.task ?? 0}` : String(call)
}
