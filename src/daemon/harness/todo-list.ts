// An agent's list of what it means to do, as the tools of several CLIs give it.

import type { EventBody } from '../../protocol/events.ts'
import { oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { objectsOf, textOf } from './json.ts'

type Plan = Extract<EventBody, { type: 'plan' }>

/** `todos`: objects whose words are their `content` or `description`. What was given up (`cancelled`) is left out; `blocked` waits. */
export function todoPlan(todos: unknown): Plan {
  const open = objectsOf(todos).filter((todo) => todo.status !== 'cancelled')
  return { type: 'plan', items: open.slice(0, 200).map(itemOf) }
}

function itemOf(todo: Json): Plan['items'][number] {
  const text = oneLine(textOf(todo.content) ?? textOf(todo.description) ?? '', 500)
  const { status } = todo
  return { text, status: status === 'completed' || status === 'in_progress' ? status : 'pending' }
}
