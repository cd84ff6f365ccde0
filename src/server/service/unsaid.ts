// Words for an agent at work that came too late for it: they become the next message of its session, once.

import { isOpen } from '../../core/attempt.ts'
import { Problem } from '../../core/problem.ts'
import { makeId } from '../../lib/ids.ts'
import type { FromServerBody } from '../../protocol/link.ts'
import { taskOfAttempt } from '../../store/attempts.ts'
import { takeWords, wordsUnheard } from '../../store/messages.ts'
import type { TaskRecord } from '../../store/port.ts'
import type { Caller, Plane } from '../plane.ts'
import { createOnce } from './task-draft.ts'

/**
 * Makes the words of the daemon's message `seq` a task that goes on from the one they were for; the message goes with it, so that a repeat
 * changes nothing. The words are those that were stored here: a daemon can only give back what it was given.
 */
export async function keepUnsaid(plane: Plane, daemonId: string, seq: number): Promise<void> {
  const id = makeId('task', plane.clock.now())
  try {
    await plane.store.run(function* (tx) {
      const words = yield* takeWords(tx, daemonId, seq)
      const task = words === null ? null : yield* taskOfAttempt(tx, words.attemptId)
      // Who cancelled a task does not want what was said to it to begin another.
      if (words === null || task === null || task.task.status.state === 'cancelled') return
      const body = { prompt: words.text, continueFrom: { task: task.task.id, mode: 'extend' as const } }
      yield* createOnce(tx, { id, caller: callerOf(words, task), body, idempotencyKey: null })
    })
  } catch (error) {
    // A database that is away refuses nothing: the words stay where they are, and whoever gave them back does so again.
    if (!(error instanceof Problem) || error.status >= 500) throw error
    // A session that was closed meanwhile takes no more: the words stand in the transcript.
    plane.log.warn(
      { daemonId, seq, reason: error.detail },
      'words that were not said could not be kept as the next message',
    )
    await plane.store.run((tx) => takeWords(tx, daemonId, seq))
  }
}

function callerOf({ by }: FromServerBody<'message'>, { teamId }: TaskRecord): Caller {
  return { actor: by, tokenId: '', teamId, scopes: [], role: 'member', account: null, operator: false }
}

/**
 * What no daemon has acknowledged since `before` although the attempt is over: its host went away with it. Gives how many. Words that
 * cannot be kept now are logged and stay for the next time: they hold up no others.
 */
export async function keepUnheard(
  plane: Plane,
  { before, limit }: { readonly before: number; readonly limit: number },
): Promise<number> {
  const over = await plane.store.read(function* (tx) {
    const old = yield* wordsUnheard(tx, before, limit)
    const found: typeof old = []
    for (const words of old) {
      const task = yield* taskOfAttempt(tx, words.attemptId)
      const attempt = task?.attempts.find((each) => each.attempt.id === words.attemptId)
      if (attempt === undefined || !isOpen(attempt.attempt)) found.push(words)
    }
    return found
  })
  let kept = 0
  for (const { daemonId, seq } of over) {
    try {
      await keepUnsaid(plane, daemonId, seq)
      kept += 1
    } catch (error) {
      plane.log.error({ err: error, daemonId, seq }, 'words that were not heard stay until the next housekeeping')
    }
  }
  return kept
}
