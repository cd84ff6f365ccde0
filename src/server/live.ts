// Followers of tasks over SSE: subscribe, mark, replay, dedupe. What is new is read and framed once for all readers of a task.

import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TranscriptEvent } from '../protocol/events.ts'
import type { TaskView } from '../protocol/task.ts'
import type { Note } from '../store/port.ts'
import type { Framed, Position } from './follower.ts'
import { Follower, isAfter, parsePosition } from './follower.ts'

/** How the streams read: what they ask of the store. */
export interface LiveSource {
  events(teamId: string, taskId: string, after: Position, limit: number): Promise<readonly TranscriptEvent[]>
  /** The place of the last event that is stored. */
  end(teamId: string, taskId: string): Promise<Position>
  /** The task as readers see it, and whether anything more can happen in its transcript. */
  task(teamId: string, taskId: string): Promise<Told>
}

/** A task as its readers are told of it. */
export interface Told {
  readonly view: TaskView
  readonly over: boolean
}

export interface Following {
  readonly teamId: string
  readonly taskId: string
  readonly lastEventId: string | null
}

interface Topic {
  readonly teamId: string
  readonly taskId: string
  /** Readers that have caught up; those that replay are not in here yet. */
  readonly attached: Set<Follower>
  readers: number
  position: Position
  newEvents: boolean
  newState: boolean
  /** How often the task has changed since the first reader came: tells whether a state that was read is still the last one. */
  states: number
  pumping: boolean
}

/** Before every event. */
const start: Position = { attempt: 0, seq: 0 }
/** Events read at a time; each may be 64 KiB of output. */
const pageSize = 200

export class Live {
  readonly #source: LiveSource
  readonly #bufferBytes: number
  readonly #failed: (error: unknown) => void
  readonly #topics = new Map<string, Topic>()
  readonly #followers = new Set<Follower>()

  constructor(source: LiveSource, bufferBytes: number, failed: (error: unknown) => void) {
    this.#source = source
    this.#bufferBytes = bufferBytes
    this.#failed = failed
  }

  get readers(): number {
    return this.#followers.size
  }

  /** Takes over a response. The caller has checked that the task is the team's. Returns how to end it. */
  follow(response: ServerResponse, { teamId, taskId, lastEventId }: Following): () => void {
    const follower = new Follower(response, parsePosition(lastEventId), this.#bufferBytes)
    const topic = this.#topicOf(teamId, taskId)
    topic.readers += 1
    this.#followers.add(follower)
    follower.onClose(() => this.#leave(topic, follower))
    this.#replay(topic, follower).catch((error: unknown) => {
      this.#failed(error)
      follower.end('') // the reader comes back with its last event id
    })
    return () => follower.end('')
  }

  hear(note: Note): void {
    if (note.kind !== 'events' && note.kind !== 'task') return
    const topic = this.#topics.get(note.taskId)
    if (topic === undefined) return
    if (note.kind === 'events') topic.newEvents = true
    else changed(topic)
    this.#wake(topic)
  }

  /** Keeps idle streams open through proxies. */
  beat(): void {
    for (const follower of this.#followers) follower.write(': beat\n\n')
  }

  /** Looks again at every followed task: for stores whose notes can get lost. */
  relook(): void {
    for (const topic of this.#topics.values()) {
      topic.newEvents = true
      changed(topic)
      this.#wake(topic)
    }
  }

  close(): void {
    for (const follower of this.#followers) follower.end('')
  }

  #topicOf(teamId: string, taskId: string): Topic {
    const known = this.#topics.get(taskId)
    if (known !== undefined) return known
    const topic: Topic = {
      teamId,
      taskId,
      attached: new Set(),
      readers: 0,
      position: start,
      newEvents: false,
      newState: false,
      states: 0,
      pumping: false,
    }
    this.#topics.set(taskId, topic)
    return topic
  }

  #leave(topic: Topic, follower: Follower): void {
    this.#followers.delete(follower)
    topic.attached.delete(follower)
    topic.readers -= 1
    if (topic.readers === 0) this.#topics.delete(topic.taskId)
  }

  /**
   * Reads what the follower missed, then joins it to the others without a hole between. It is told the task's state alone: a thousand that
   * come one after the other must not each be told of all the others' coming.
   */
  async #replay(topic: Topic, follower: Follower): Promise<void> {
    await this.#clamp(topic, follower)
    let told: Told | null = null
    let states = topic.states
    while (!follower.over) {
      const events = await this.#source.events(topic.teamId, topic.taskId, follower.position, pageSize)
      if (events.length > 0) {
        const framed = events.map(frame)
        follower.writeEvents(framed, join(framed))
        await follower.drained()
        continue
      }
      if (told === null) {
        // Read before the last look at the events: when it says that all is over, they are all.
        states = topic.states
        told = await this.#source.task(topic.teamId, topic.taskId)
        continue
      }
      if (topic.attached.size === 0 && isAfter(follower.position, topic.position)) topic.position = follower.position
      // The others have moved on since that look: look again before joining them, and let everybody else have a turn.
      if (isAfter(topic.position, follower.position)) {
        await nextTurn()
        continue
      }
      topic.attached.add(follower)
      topic.newEvents = true // what came between the look and the joining
      if (topic.states === states) tell([follower], told)
      else topic.newState = true
      this.#wake(topic)
      return
    }
  }

  /**
   * A reader may name any place. One beyond the end, taken as it is, would hide the events before it from this reader and, as the topic's
   * place, from all others.
   */
  async #clamp(topic: Topic, follower: Follower): Promise<void> {
    if (!isAfter(follower.position, start)) return
    const end = await this.#source.end(topic.teamId, topic.taskId)
    if (isAfter(follower.position, end)) follower.position = end
  }

  #wake(topic: Topic): void {
    if (topic.pumping || topic.attached.size === 0) return
    topic.pumping = true
    void this.#pump(topic)
      .catch((error: unknown) => {
        this.#failed(error)
        for (const follower of topic.attached) follower.end('')
      })
      .finally(() => {
        topic.pumping = false
        if (topic.newEvents || topic.newState) this.#wake(topic)
      })
  }

  async #pump(topic: Topic): Promise<void> {
    while ((topic.newEvents || topic.newState) && topic.attached.size > 0) {
      const state = topic.newState
      topic.newState = false
      // The state is read before the events: when it says that all is over, the events that follow are all.
      const told = state ? await this.#source.task(topic.teamId, topic.taskId) : null
      topic.newEvents = false
      await this.#pumpEvents(topic)
      if (told !== null) tell(topic.attached, told)
    }
  }

  async #pumpEvents(topic: Topic): Promise<void> {
    while (topic.attached.size > 0) {
      const events = await this.#source.events(topic.teamId, topic.taskId, topic.position, pageSize)
      const last = events.at(-1)
      if (last === undefined) return
      const framed = events.map(frame)
      const shared = join(framed)
      for (const follower of topic.attached) follower.writeEvents(framed, shared)
      topic.position = { attempt: last.attempt, seq: last.seq }
      if (events.length < pageSize) return
    }
  }
}

function changed(topic: Topic): void {
  topic.newState = true
  topic.states += 1
}

function tell(followers: Iterable<Follower>, { view, over }: Told): void {
  const data = `event: task\ndata: ${JSON.stringify(view)}\n\n`
  for (const follower of followers) {
    follower.write(data)
    if (over) follower.end(`event: end\ndata: ${JSON.stringify({ state: view.state })}\n\n`)
  }
}

function frame(event: TranscriptEvent): Framed {
  const { attempt, seq } = event
  return {
    position: { attempt, seq },
    text: `id: ${attempt}.${seq}\nevent: transcript\ndata: ${JSON.stringify(event)}\n\n`,
  }
}

function join(framed: readonly Framed[]): Buffer {
  return Buffer.from(framed.map((each) => each.text).join(''))
}
