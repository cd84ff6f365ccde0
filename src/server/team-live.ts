// What changes in a team, over SSE: ids only, gathered for a moment. What changed is read by ordinary operations, so nothing is told twice or lost.

import type { ServerResponse } from 'node:http'
import type { Note } from '../store/port.ts'
import { Follower } from './follower.ts'

export interface TeamSource {
  /** The team of a task; null: there is no such task. */
  teamOf(taskId: string): Promise<string | null>
}

interface Gathered {
  readonly tasks: Set<string>
  readonly events: Set<string>
  fleet: boolean
  all: boolean
}

interface Team {
  readonly followers: Set<Follower>
  gathered: Gathered
  /** Ends the wait for more. */
  timer: NodeJS.Timeout | null
}

/** A person sees no difference below this, and a busy team's changes become a few frames a second. */
const gatherMs = 120
/** More than these in one frame mean: read everything again. */
const namedLimit = 500
/** Tasks whose team is remembered: events name no team. */
const rememberedTasks = 10_000

export class TeamLive {
  readonly #source: TeamSource
  readonly #bufferBytes: number
  readonly #failed: (error: unknown) => void
  readonly #teams = new Map<string, Team>()
  readonly #teamOf = new Map<string, string>()

  constructor(source: TeamSource, bufferBytes: number, failed: (error: unknown) => void) {
    this.#source = source
    this.#bufferBytes = bufferBytes
    this.#failed = failed
  }

  get readers(): number {
    return [...this.#teams.values()].reduce((sum, team) => sum + team.followers.size, 0)
  }

  /** Takes over a response; says `ready` once nothing can be missed any more. Returns how to end it. */
  follow(response: ServerResponse, teamId: string): () => void {
    const follower = new Follower(response, { attempt: 0, seq: 0 }, this.#bufferBytes)
    const team = this.#teams.get(teamId) ?? { followers: new Set(), gathered: nothing(), timer: null }
    this.#teams.set(teamId, team)
    team.followers.add(follower)
    follower.onClose(() => this.#leave(teamId, team, follower))
    follower.write('event: ready\ndata: {}\n\n')
    return () => follower.end('')
  }

  hear(note: Note): void {
    if (this.#teams.size === 0) return
    if (note.kind === 'task') {
      this.#remember(note.taskId, note.teamId)
      this.#gather(note.teamId, ({ tasks }) => tasks.add(note.taskId))
    }
    if (note.kind === 'fleet') this.#gather(note.teamId, (gathered) => Object.assign(gathered, { fleet: true }))
    if (note.kind === 'events') void this.#hearEvents(note.taskId).catch(this.#failed)
  }

  beat(): void {
    for (const { followers } of this.#teams.values()) for (const each of followers) each.write(': beat\n\n')
  }

  /** Tells everybody to read everything again: for stores whose notes can get lost. */
  relook(): void {
    for (const id of this.#teams.keys()) this.#gather(id, (gathered) => Object.assign(gathered, { all: true }))
  }

  close(): void {
    for (const { followers } of this.#teams.values()) for (const each of followers) each.end('')
  }

  async #hearEvents(taskId: string): Promise<void> {
    const teamId = this.#teamOf.get(taskId) ?? (await this.#source.teamOf(taskId))
    if (teamId === null) return
    this.#remember(taskId, teamId)
    this.#gather(teamId, ({ events }) => events.add(taskId))
  }

  #remember(taskId: string, teamId: string): void {
    if (this.#teamOf.size >= rememberedTasks) this.#teamOf.clear()
    this.#teamOf.set(taskId, teamId)
  }

  #gather(teamId: string, put: (gathered: Gathered) => void): void {
    const team = this.#teams.get(teamId)
    if (team === undefined) return
    put(team.gathered)
    team.timer ??= setTimeout(() => {
      team.timer = null
      const frame = frameOf(team.gathered)
      team.gathered = nothing()
      for (const follower of team.followers) follower.write(frame)
    }, gatherMs)
  }

  #leave(teamId: string, team: Team, follower: Follower): void {
    team.followers.delete(follower)
    if (team.followers.size > 0) return
    if (team.timer !== null) clearTimeout(team.timer)
    if (this.#teams.get(teamId) === team) this.#teams.delete(teamId)
  }
}

function nothing(): Gathered {
  return { tasks: new Set(), events: new Set(), fleet: false, all: false }
}

function frameOf({ tasks, events, fleet, all }: Gathered): string {
  const whole = all || tasks.size + events.size > namedLimit
  const named = whole ? { tasks: [], events: [] } : { tasks: [...tasks], events: [...events] }
  return `event: changed\ndata: ${JSON.stringify({ ...named, fleet: fleet || whole, all: whole })}\n\n`
}
