// The one client of the page: its own origin, the session's cookie.

import { QueryClient } from '@tanstack/react-query'
import { makeClient } from '../../src/client/client.ts'
import { Problem } from '../../src/core/problem.ts'

export const server = makeClient({ url: location.origin, token: null })

export const cache = new QueryClient({
  defaultOptions: {
    queries: {
      // The stream says what changed; nothing goes stale by the clock.
      staleTime: Infinity,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      retry: (count, error) => count < 2 && !(error instanceof Problem && error.status < 500),
    },
  },
})

/** What a failure says to a person. */
export function saidBy(error: unknown): string {
  if (error instanceof Problem) return error.detail
  return error instanceof Error ? error.message : String(error)
}

export function isSignedOut(error: unknown): boolean {
  return error instanceof Problem && error.code === 'unauthorized'
}
