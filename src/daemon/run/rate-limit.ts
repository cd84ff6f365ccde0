// Sees an agent CLI that tries the model again and again: says so while it happens, and ends it where the task asks for that.

import type { Clock } from '../../core/clock.ts'
import type { OnRateLimit } from '../../core/quota.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { ErrorClass, EventBody } from '../../protocol/events.ts'
import type { Assignment } from '../../protocol/link.ts'
import { classify } from '../harness/failure.ts'
import type { Harness } from '../harness/port.ts'
import { onRateLimitOf } from '../quota/keeper.ts'
import { Wake } from '../wake.ts'
import type { RunFailure } from './state.ts'

/** How long retries may go on before they are acted on. */
export interface Patience {
  readonly tries: number
  readonly ms: number
}

/**
 * Limits of requests or tokens a minute are free again after 60 s, and the CLIs' backoffs overshoot that by up to half a minute. Claude Code gives up
 * after 10 tries and 180 s, Gemini CLI not within 240 s (HARNESSES 5); eight of Claude's tries take 90 s, too.
 */
const limitPatience: Patience = { tries: 8, ms: 90_000 }
/** A quota that the CLI itself calls spent: one try may be a limit a minute in other words (Gemini's API words them alike), three are not. */
const quotaPatience: Patience = { tries: 3, ms: 30_000 }
/** A retry that lasts no longer is a hiccup; then it is told, and again after twice the time each. */
const tellMs = 20_000
/** Silence of an agent that waits for its model: CLIs that tell nothing of their retries (opencode) are seen by it. */
const silenceMs = 180_000

/** What is known of the retries under way. Plain values: the judging below is pure. */
export interface Spell {
  readonly class: ErrorClass | null
  readonly since: number
  readonly tries: number
  readonly limit: number | null
  readonly message: string
  /** When the CLI tries again, as it says. */
  readonly nextAt: number | null
}

/** The spell after one more event; null: the model answered, or there is none. `now`: monotonic, ms. */
export function afterEvent(spell: Spell | null, event: EventBody, now: number): Spell | null {
  switch (event.type) {
    case 'retry': {
      const { delayMs, tries, limit = null, message } = event
      const kind = event.class ?? classify(message) ?? spell?.class ?? null
      const nextAt = delayMs === null ? null : now + delayMs
      return { class: kind, since: spell?.since ?? now, tries, limit, message, nextAt }
    }
    case 'raw':
      return event.stream === 'stderr' ? afterWords(spell, event.line, now) : spell
    case 'notice':
    case 'error':
      return spell
    case 'text':
    case 'thinking':
    case 'tool_start':
    case 'tool_end':
    case 'turn_end':
    case 'plan':
    case 'usage':
    case 'request':
      return null
  }
}

/** `Attempt 3 failed with status 429. Retrying with backoff...` on standard error, of a CLI whose adapter does not read it. */
function afterWords(spell: Spell | null, line: string, now: number): Spell | null {
  const kind = /\bretr(?:y|ying|ies)\b/i.test(line) ? classify(line) : null
  if (kind === null) return spell
  const told = Number(/\battempt:? (\d{1,4})\b/i.exec(line)?.[1] ?? 0)
  const tries = Math.max(told, (spell?.tries ?? 0) + 1)
  return { class: kind, since: spell?.since ?? now, tries, limit: spell?.limit ?? null, message: line, nextAt: null }
}

/** `rate limited: retrying for 42s (429), try 6 of 10`. */
export function spellWords({ class: kind, since, tries, limit, message }: Spell, now: number): string {
  const what =
    kind === 'rate_limit'
      ? 'rate limited'
      : kind === 'quota'
        ? 'quota spent'
        : (kind ?? 'no answer').replaceAll('_', ' ')
  const status = /\b[45]\d\d\b/.exec(message)?.[0]
  const of = limit === null ? '' : ` of ${limit}`
  return `${what}: retrying for ${formatDuration(now - since)}${status === undefined ? '' : ` (${status})`}, try ${tries}${of}`
}

/** When the spell is acted on, monotonic ms; null: it is not a limit, whose end is the CLI's own matter. It may be in the past. */
export function actAt(spell: Spell, patience: Patience | null = null): number | null {
  if (spell.class !== 'rate_limit' && spell.class !== 'overloaded' && spell.class !== 'quota') return null
  const { tries, ms } = patience ?? (spell.class === 'quota' ? quotaPatience : limitPatience)
  const last = spell.since + ms
  // Nobody need wait for a try that comes too late.
  if (spell.tries >= tries || (spell.nextAt !== null && spell.nextAt > last)) return spell.since
  return last
}

export interface RetryWatchOptions {
  readonly clock: Clock
  readonly does: OnRateLimit
  /** False for scripts and commands of which no tool and no model is known: their silence says nothing. */
  readonly tellsTools: boolean
  /** Words for the transcript. */
  tell(message: string): void
}

export class RetryWatch {
  readonly #options: RetryWatchOptions
  readonly #changed = new Wake()
  readonly #tools = new Set<string>()
  #spell: Spell | null = null
  #toldAt = 0
  #heardAt: number
  #asking = false
  #silenceTold = false

  constructor(options: RetryWatchOptions) {
    this.#options = options
    this.#heardAt = options.clock.monotonic()
  }

  /** The agent's newest events. */
  heard(events: readonly EventBody[]): void {
    const now = this.#options.clock.monotonic()
    for (const event of events) {
      if (event.type === 'tool_start') this.#tools.add(event.id)
      if (event.type === 'tool_end') this.#tools.delete(event.id)
      this.#asking = event.type === 'request'
      this.#spell = afterEvent(this.#spell, event, now)
      this.#heardAt = now
      this.#silenceTold = false
    }
    if (this.#spell === null) this.#toldAt = 0
    if (events.length > 0) this.#changed.wake()
  }

  /** Tells of retries while they happen; resolves with why the attempt ends when they have gone on for too long. Rejects when `signal` aborts. */
  async limited(signal: AbortSignal): Promise<RunFailure> {
    const { clock, does } = this.#options
    for (;;) {
      const now = clock.monotonic()
      const due = this.#spell === null ? null : actAt(this.#spell)
      if (this.#spell !== null && does !== 'wait' && due !== null && due <= now) return this.#failure(this.#spell, now)
      this.#tell(now)
      await this.#changed.wait(clock, Math.max(1, this.#nextLook(due, now) - now), signal)
    }
  }

  #failure(spell: Spell, now: number): RunFailure {
    const { clock, does } = this.#options
    const next = does === 'park' ? 'the task waits for the end of the limit' : 'the task goes on where it is not felt'
    const late = spell.nextAt !== null && spell.nextAt > spell.since + limitPatience.ms
    const resetAt = late && spell.nextAt !== null ? clock.now() + Math.round(spell.nextAt - now) : null
    return { reason: 'quota', detail: `${spellWords(spell, now)}; ${next}`, class: spell.class, resetAt }
  }

  #tell(now: number): void {
    const spell = this.#spell
    if (spell !== null) {
      if (now - spell.since < this.#nextTold()) return
      this.#toldAt = now - spell.since
      this.#options.tell(spellWords(spell, now))
      return
    }
    if (
      !this.#options.tellsTools ||
      this.#silenceTold ||
      this.#tools.size > 0 ||
      this.#asking ||
      now - this.#heardAt < silenceMs
    )
      return
    this.#silenceTold = true
    const span = formatDuration(now - this.#heardAt)
    this.#options.tell(
      `silent for ${span} with no tool at work: the agent waits for its model, or tries it again without a word`,
    )
  }

  #nextTold(): number {
    return this.#toldAt === 0 ? tellMs : 2 * this.#toldAt
  }

  #nextLook(due: number | null, now: number): number {
    if (this.#spell === null) {
      const silentAt = this.#heardAt + silenceMs
      return silentAt > now ? silentAt : now + silenceMs // told, or not to be told: the next event wakes this
    }
    const told = this.#spell.since + this.#nextTold()
    return due === null || this.#options.does === 'wait' ? told : Math.min(told, due)
  }
}

/** Watches a run as its task asks; what is told and why it ends go to `to`. */
export function watchRetries(
  run: {
    readonly clock: Clock
    readonly assignment: Assignment
    readonly harness: Harness
    /** Aborts when the agent has ended. */
    readonly signal: AbortSignal
  },
  to: { tell(message: string): void; limited(why: RunFailure): void },
): RetryWatch {
  const { clock, assignment, harness, signal } = run
  const tellsTools = !harness.explicit && harness.plain !== true
  const watch = new RetryWatch({
    clock,
    does: onRateLimitOf(assignment),
    tellsTools,
    tell: (message) => to.tell(message),
  })
  watch.limited(signal).then(
    (why) => to.limited(why),
    () => {}, // it ended
  )
  return watch
}
