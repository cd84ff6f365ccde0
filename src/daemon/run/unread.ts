// Which words the agent took and surely did not read, once it is gone.

import type { Words } from '../journal/talk.ts'

/**
 * Those that the adapter still holds, and those after which the agent said nothing any more. `given`: all of the run, oldest first; `reached`:
 * where the agent's output ends, bytes.
 */
export function unreadWords(given: readonly Words[], held: readonly string[], reached: number): readonly Words[] {
  const left = [...given]
  const unread = held.flatMap((text) => {
    const at = left.findLastIndex((words) => words.text === text)
    return at === -1 ? [] : left.splice(at, 1)
  })
  return [...unread, ...left.filter(({ at }) => at >= reached)]
}
