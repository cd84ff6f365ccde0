// What the page reads, each under the key by which the stream makes it read again.

import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import type { QueryIn } from '../../src/protocol/operations.ts'
import { server } from './server.ts'

export type BoardFilter = Omit<QueryIn<'getBoard'>, 'group' | 'cursor' | 'limit'>

export const whoami = queryOptions({
  queryKey: ['whoami'],
  queryFn: ({ signal }) => server.call('whoami', { signal }),
})

export function board(filter: BoardFilter) {
  return queryOptions({
    queryKey: ['board', filter],
    queryFn: ({ signal }) => server.call('getBoard', { query: filter, signal }),
    placeholderData: keepPreviousData,
  })
}

export function task(id: string) {
  return queryOptions({
    queryKey: ['task', id],
    queryFn: ({ signal }) => server.call('getTask', { params: { id }, signal }),
  })
}

/** What waits to be said in the task's session. Under the task's key: its changes are changes of the task. */
export function messages(id: string) {
  return queryOptions({
    queryKey: ['task', id, 'messages'],
    queryFn: async ({ signal }) => (await server.call('listMessages', { params: { id }, signal })).items,
  })
}

/** The conversation that a task is in. Refused where its agent told of none. */
export function session(taskId: string) {
  return queryOptions({
    queryKey: ['task', taskId, 'session'],
    queryFn: ({ signal }) => server.call('getSession', { params: { id: taskId }, signal }),
    // What comes later in it is no change of this task: it is read at each look.
    staleTime: 0,
  })
}

/** A patch never changes once its attempt has ended. */
export function patch(taskId: string, attempt: number) {
  return queryOptions({
    queryKey: ['patch', taskId, attempt],
    queryFn: ({ signal }) => server.patch(taskId, attempt, signal),
  })
}

export const daemons = queryOptions({
  queryKey: ['daemons'],
  queryFn: async ({ signal }) => (await server.call('listDaemons', { signal })).items,
  // load, memory and disk travel with heartbeats, which are no change
  refetchInterval: 15_000,
})

export const pools = queryOptions({
  queryKey: ['pools'],
  queryFn: async ({ signal }) => (await server.call('listPools', { signal })).items,
})

export const profiles = queryOptions({
  queryKey: ['profiles'],
  queryFn: async ({ signal }) => (await server.call('listProfiles', { signal })).items,
})

export const repos = queryOptions({
  queryKey: ['repos'],
  queryFn: async ({ signal }) => (await server.call('listRepos', { signal })).items,
})

export const members = queryOptions({
  queryKey: ['members'],
  queryFn: async ({ signal }) => (await server.call('listMembers', { signal })).items,
})

/** Known models, for suggestions. */
export const models = queryOptions({
  queryKey: ['models'],
  queryFn: async ({ signal }) => (await server.call('listModels', { signal })).items,
})

export const tokens = queryOptions({
  queryKey: ['tokens'],
  queryFn: async ({ signal }) => (await server.call('listTokens', { signal })).items,
})

/** `daemon`: of this host alone. */
export function jobs(state: 'active' | 'ended', daemon?: string) {
  const query = { state, limit: 50, ...(daemon === undefined ? {} : { daemon }) }
  return queryOptions({
    queryKey: ['jobs', state, daemon ?? null],
    queryFn: async ({ signal }) => (await server.call('listJobs', { query, signal })).items,
  })
}

export function stats(days: number) {
  return queryOptions({
    queryKey: ['stats', days],
    queryFn: ({ signal }) => server.call('getStats', { query: { days }, signal }),
    refetchInterval: 60_000,
    placeholderData: keepPreviousData,
  })
}
