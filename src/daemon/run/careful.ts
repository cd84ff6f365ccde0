// An adapter as a conversation uses it: what it cannot take, whatever it is, costs that line, answer or word, and not the run.

import type { EventBody } from '../../protocol/events.ts'
import type { Answer, Brief, Harness, Line, Reduced } from '../harness/port.ts'

/** All of it gives the state as it was, and says what is lost, when the adapter fails or has no such function. */
export interface Careful {
  /** A line of the agent; else it is told as it is. */
  line(state: unknown, line: Line): Reduced<unknown>
  answer(state: unknown, answer: Answer): Reduced<unknown>
  /** Words of a person; `refused` when the agent will not hear them. */
  message(state: unknown, text: string): Reduced<unknown>
}

export function careful(harness: Harness, brief: Brief): Careful {
  return {
    line: (state, line) => {
      const raw: EventBody = { type: 'raw', stream: line.stream, line: line.text }
      return orElse(state, raw, () => harness.reduce(state, line, brief))
    },
    answer: (state, answer) => {
      const lost = warning('the answer could not be given to the agent')
      return orElse(state, lost, () => harness.answer?.(state, answer, brief))
    },
    message: (state, text) => {
      const lost = warning('this agent takes no words while it works')
      const reduced = orElse(state, lost, () => harness.message?.(state, text, brief))
      return reduced.events[0] === lost ? { ...reduced, refused: true } : reduced
    },
  }
}

function orElse(state: unknown, instead: EventBody, act: () => Reduced<unknown> | undefined): Reduced<unknown> {
  try {
    return act() ?? { state, events: [instead] }
  } catch {
    return { state, events: [instead] }
  }
}

function warning(message: string): EventBody {
  return { type: 'notice', level: 'warning', message }
}
