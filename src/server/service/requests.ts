// Requests: look at what agents ask, and answer it once.

import { Problem } from '../../core/problem.ts'
import type { RequestView } from '../../protocol/request-operations.ts'
import type { RequestQuery, RequestRecord } from '../../store/requests.ts'
import { getRequest, answerRequest as storeAnswer, listRequests as storedRequests } from '../../store/requests.ts'
import type { AskedOf } from '../handler.ts'
import type { Plane } from '../plane.ts'
import { requireTask } from './tasks.ts'

const defaultPage = 50

interface Page {
  readonly items: RequestView[]
  readonly nextCursor: string | null
}

export async function listRequests(plane: Plane, { caller, query }: AskedOf<'listRequests'>): Promise<Page> {
  const { task: taskId, limit = defaultPage, ...rest } = query
  return pageOf(plane, { ...rest, teamId: caller.teamId, taskId, limit })
}

/** Throws `not_found` unless the task is the caller's team's. */
export async function listTaskRequests(
  plane: Plane,
  { caller, params, query }: AskedOf<'listTaskRequests'>,
): Promise<Page> {
  const { teamId } = caller
  await plane.store.read((tx) => requireTask(tx, teamId, params.id))
  return pageOf(plane, { ...query, limit: query.limit ?? defaultPage, teamId, taskId: params.id, state: 'any' })
}

/** Throws `not_found` also when the request is another team's. */
export async function readRequest(plane: Plane, teamId: string, id: string): Promise<RequestView> {
  return viewRequest(await plane.store.read((tx) => getRequest(tx, teamId, id)), id)
}

/** Throws `invalid_state` when it is not open any more, `invalid_request` when it does not take such an answer. */
export async function answerRequest(
  plane: Plane,
  { caller, params, body }: AskedOf<'answerRequest'>,
): Promise<RequestView> {
  const answer = { optionId: body.optionId ?? null, text: body.text ?? null, by: caller.actor }
  const answered = await plane.store.run((tx) => storeAnswer(tx, caller.teamId, params.id, answer))
  return viewRequest(answered, params.id)
}

async function pageOf(plane: Plane, query: RequestQuery): Promise<Page> {
  const { records, nextCursor } = await plane.store.read((tx) => storedRequests(tx, query))
  return { items: records.map((record) => viewRequest(record, record.id)), nextCursor }
}

function viewRequest(record: RequestRecord | null, id: string): RequestView {
  if (record === null) throw new Problem('not_found', `there is no request ${JSON.stringify(id)}`)
  const { taskId, attemptId, daemonId, kind, title, body, options, state, createdAt, expiresAt, answer } = record
  return {
    id: record.id,
    taskId,
    attemptId,
    daemonId,
    kind,
    title,
    body: { ...body },
    options: options.map((option) => ({ ...option, grants: option.grants ?? 'other' })), // an older daemon does not say
    state,
    createdAt,
    expiresAt,
    answer,
  }
}
