// The one place that says how words reach a task's agent.

import type { TaskView } from '../../src/protocol/task.ts'
import { cache, server } from '../data/server.ts'

/** Goes on in a copy: a new branch, a copy of the conversation; this task stays as it is. Gives the new task. */
export async function fork(task: TaskView, text: string): Promise<string> {
  const body = { prompt: text, continueFrom: { task: task.id, mode: 'fork' as const } }
  const made = await server.call('createTask', { body, idempotencyKey: crypto.randomUUID() })
  return made.id
}

export interface Words {
  readonly text: string
  /** How many comments on lines are in it. */
  readonly comments: number
  /** To the agent at work, not after it. */
  readonly now: boolean
}

/**
 * Sends the message: to the agent at work, or as the next task of its session. With comments on its lines, a result under review is rejected
 * too, so that the board tells what became of it. Gives the task to look at then.
 */
export async function sendBack(task: TaskView, { text, comments, now }: Words): Promise<string> {
  const { task: next } = await server.call('sendMessage', {
    params: { id: task.id },
    body: now ? { text, now } : { text },
    idempotencyKey: crypto.randomUUID(),
  })
  if (comments > 0 && task.state === 'completed' && task.verdict === 'pending')
    await server.call('rejectTask', { params: { id: task.id }, body: { message: text.slice(0, 4_000) } })
  await cache.invalidateQueries({ queryKey: ['task', task.id] })
  return next.id
}
