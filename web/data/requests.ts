// What agents ask people: the open requests of the team, oldest first.

import { useQuery } from '@tanstack/react-query'
import type { Output } from '../../src/protocol/operations.ts'
import { cache, server } from './server.ts'

export type OpenRequest = Output<'listRequests'>['items'][number]

const queryKey = ['requests', 'open'] as const

export function useOpenRequests() {
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await server.call('listRequests', { query: { limit: 200 }, signal })).items,
  })
}

export interface Answer {
  readonly optionId?: string
  readonly text?: string
}

/** Answers once; the request leaves the inbox at once, as the server's word is final. */
export async function answer(request: OpenRequest, given: Answer): Promise<void> {
  await server.call('answerRequest', { params: { id: request.id }, body: given })
  cache.setQueryData<OpenRequest[]>(queryKey, (open) => open?.filter((each) => each.id !== request.id))
}
