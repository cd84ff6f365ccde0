// The audit log: what is written into it, and reading it.

import { Problem } from '../../core/problem.ts'
import type { AuditLine } from '../../protocol/audit.ts'
import type { Operation, OperationName } from '../../protocol/operations.ts'
import { addAuditLine, auditLines } from '../../store/audit.ts'
import type { AskedOf } from '../handler.ts'
import type { Caller, Plane } from '../plane.ts'

const defaultPage = 50

/** Left out: tasks say themselves who made them, and uploads change nothing for anybody. */
const silent: ReadonlySet<OperationName> = new Set(['createTask', 'putBlob', 'uploadBlob'])

export interface Call {
  readonly caller: Caller
  readonly name: OperationName
  readonly operation: Pick<Operation, 'method' | 'scope'>
  readonly params: Readonly<Record<string, string>>
  /** What it answered: of that only the id of what it made is kept. */
  readonly answer: unknown
}

/** Writes down a call that succeeded. Resolves once it is durable: nobody is told of a change that the log does not have. */
export async function recordCall(plane: Plane, { caller, name, operation, params, answer }: Call): Promise<void> {
  if (operation.method === 'GET' || operation.scope === 'daemon' || silent.has(name)) return
  const target = Object.values(params)[0] ?? idOf(answer)
  await plane.store.run((tx) => addAuditLine(tx, caller.teamId, { actor: caller.actor, operation: name, target }))
}

function idOf(answer: unknown): string | null {
  const made = typeof answer === 'object' && answer !== null && 'id' in answer ? answer.id : null
  return typeof made === 'string' ? made : null
}

/** Throws `invalid_request` for a cursor of another list. */
export async function listAudit(
  plane: Plane,
  { caller, query }: AskedOf<'listAudit'>,
): Promise<{ items: AuditLine[]; nextCursor: string | null }> {
  const { cursor, limit = defaultPage } = query
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
    const said = JSON.stringify(cursor)
    throw new Problem('invalid_request', `cursor ${said} is not one this server gave; leave it out to start again`)
  }
  const before = cursor === undefined ? null : Number(cursor)
  const lines = await plane.store.read((tx) => auditLines(tx, caller.teamId, { before, limit: limit + 1 }))
  const items = lines.slice(0, limit)
  return { items, nextCursor: lines.length > limit ? String(items.at(-1)?.seq) : null }
}
