// The one place that says how words reach a task's agent.

import type { TaskView } from '../../src/protocol/task.ts'
import { cache, server } from '../data/server.ts'
import { randomId } from '../parts/random-id.ts'

/** Words that went out and were not seen to arrive: sent again they have the same name, and the server takes them once. */
const underway = new Map<string, string>()

async function once<T>(what: string, send: (idempotencyKey: string) => Promise<T>): Promise<T> {
  const key = underway.get(what) ?? randomId()
  underway.set(what, key)
  const sent = await send(key)
  underway.delete(what)
  return sent
}

/** Goes on in a copy: a new branch, a copy of the conversation; this task stays as it is. Gives the new task. */
export async function fork(task: TaskView, text: string): Promise<string> {
  const body = { prompt: text, continueFrom: { task: task.id, mode: 'fork' as const } }
  const made = await once(`fork ${task.id} ${text}`, (idempotencyKey) =>
    server.call('createTask', { body, idempotencyKey }),
  )
  return made.id
}

/** Says the same again to an agent that knows of the earlier conversation by a summary only. Gives the new task. */
export async function handOver({ id, prompt, continueFrom }: TaskView): Promise<TaskView> {
  const body = { prompt, continueFrom: { task: id, mode: continueFrom?.mode ?? 'extend', handoff: true } }
  return once(`hand over ${id}`, (idempotencyKey) => server.call('createTask', { body, idempotencyKey }))
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
  if (now) {
    // Without a key: the server keeps nothing of words that were said, and refuses one.
    await server.call('sendMessage', { params: { id: task.id }, body: { text, now: true } })
    return task.id
  }
  const next = await once(`send ${task.id} ${text}`, async (idempotencyKey) => {
    const params = { id: task.id }
    const sent = await server.call('sendMessage', { params, body: { text }, idempotencyKey })
    if (comments > 0 && task.state === 'completed' && task.verdict === 'pending')
      await server.call('rejectTask', { params, body: { message: text.slice(0, 4_000) } })
    return sent.task
  })
  await cache.invalidateQueries({ queryKey: ['task', task.id] })
  return next.id
}
