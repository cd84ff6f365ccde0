// Listening to the team: one connection at a time, begun again when a person signs in.

import type { TeamNews } from '../../src/client/team.ts'
import { followTeam } from '../../src/client/team.ts'

export interface Stream {
  /** Connects anew: after a sign-in, or when the machine woke up. */
  again(): void
  /** Hears nothing until `again`. */
  rest(): void
}

/** Why a stream is down that must not be tried again by itself. */
export const signedOut = 'signed out'

/** Listens until the page or worker ends. Without a session it waits for `again`. */
export function listen(tell: (news: TeamNews) => void): Stream {
  let current = new AbortController()
  const begin = async (signal: AbortSignal) => {
    try {
      for await (const news of followTeam({ url: location.origin, token: null }, { signal }))
        if (!signal.aborted) tell(news)
    } catch {
      // The session is over; the page asks for another and then says `again`.
      if (!signal.aborted) tell({ type: 'down', because: signedOut })
    }
  }
  void begin(current.signal)
  return {
    again: () => {
      current.abort()
      current = new AbortController()
      void begin(current.signal)
    },
    rest: () => current.abort(),
  }
}
