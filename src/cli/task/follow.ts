// A task shown as it happens, until it ends. Ctrl-C stops the showing, not the task.

import type { Client } from '../../client/client.ts'
import type { Followed } from '../../client/follow.ts'
import type { TaskView } from '../../protocol/task.ts'
import type { Context } from '../context.ts'
import { exitCodes } from '../exit.ts'
import { outcomeLines } from '../render/outcome.ts'
import { progressLines } from '../render/progress.ts'
import type { Shown } from '../render/transcript.ts'
import { nothingShown, tell } from '../render/transcript.ts'

/** After this a task that is still in the queue is asked why, ms. Most are claimed sooner. */
const askWhyAfterMs = 1_500

/** Shows transcript and outcome; with --json the events as NDJSON and the final task as the last line. Answers the exit code. */
export async function followToEnd(client: Client, task: TaskView, context: Context): Promise<number> {
  if (!context.json) context.terminal.out(context.terminal.style.dim(task.id))
  try {
    await follow(client, task, context)
  } catch (error) {
    if (context.signal.aborted) sayItGoesOn(task.id, context)
    throw error
  }
  const final = await client.call('getTask', { params: { id: task.id }, signal: context.signal })
  if (context.json) context.terminal.json(final)
  else context.terminal.out('', ...outcomeLines(final, context.terminal))
  return exitCodeOfTask(final)
}

/** 0 completed, 1 failed or expired, 3 cancelled, 124 not ended. */
export function exitCodeOfTask(task: TaskView): number {
  switch (task.state) {
    case 'completed':
      return exitCodes.ok
    case 'failed':
    case 'expired':
      return exitCodes.taskFailed
    case 'cancelled':
      return exitCodes.taskCancelled
    case 'waiting':
    case 'queued':
    case 'preparing':
    case 'running':
    case 'parked':
      return exitCodes.timedOut
  }
}

export function sayItGoesOn(id: string, { terminal }: Context): void {
  terminal.note('', `the task goes on; see it again with: capstan task logs ${id} -f`)
}

async function follow(client: Client, task: TaskView, context: Context): Promise<void> {
  const screen = new Screen(context)
  const ended = new AbortController()
  const asking = askWhy(client, { task, screen, context, ended: ended.signal })
  try {
    for await (const followed of client.follow(task.id, { signal: context.signal })) screen.show(followed)
  } finally {
    ended.abort()
    await asking
  }
}

interface Question {
  readonly task: TaskView
  readonly screen: Screen
  readonly context: Context
  readonly ended: AbortSignal
}

/** Nobody may fit the task: say so instead of showing nothing for ever. */
async function askWhy(client: Client, { task, screen, context, ended }: Question): Promise<void> {
  try {
    await context.clock.sleep(askWhyAfterMs, ended)
    const now = await client.call('getTask', { params: { id: task.id }, signal: ended })
    if (screen.idle) screen.show({ type: 'task', task: now })
  } catch {
    // ended meanwhile, or the server is away: the stream itself tells of that
  }
}

/** What has been written so far, and what comes next. */
class Screen {
  readonly #context: Context
  #shown: Shown = nothingShown
  #lastProgress: string | null = null
  #idle = true
  #lost = false

  constructor(context: Context) {
    this.#context = context
  }

  /** Nothing has been shown yet. */
  get idle(): boolean {
    return this.#idle
  }

  show(followed: Followed): void {
    if (followed.type === 'reconnecting') {
      this.#sayLost(followed.because)
      return
    }
    this.#lost = false
    if (followed.type === 'task') this.#showProgress(followed.task)
    else if (this.#context.json) this.#context.terminal.json(followed.event)
    else {
      const { shown, lines } = tell(this.#shown, followed.event, this.#context.terminal)
      this.#shown = shown
      this.#idle = false
      this.#context.terminal.out(...lines)
    }
  }

  /** Said once; whatever comes next shows that the server is back. */
  #sayLost(because: string): void {
    if (this.#lost) return
    this.#lost = true
    this.#context.terminal.note(`${because}; trying again, nothing is lost`)
  }

  #showProgress(task: TaskView): void {
    if (this.#context.json) return
    const lines = progressLines(task, this.#context.clock.now(), this.#context.terminal)
    const said = lines.join('\n')
    if (said === '' || said === this.#lastProgress) return
    this.#lastProgress = said
    this.#idle = false
    this.#context.terminal.out(...lines)
  }
}
