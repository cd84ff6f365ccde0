// Which lanes exist, and which of them a daemon fits: decided once per lane and offer, kept in memory.

import type { Offer, Requirements } from '../core/routing.ts'
import { fitOf as fitLane, laneKey } from '../core/routing.ts'
import type { LaneFit } from '../store/claims.ts'
import type { Lane } from '../store/lanes.ts'
import { lanesAfter } from '../store/lanes.ts'
import type { Store } from '../store/port.ts'

export class Lanes {
  readonly #store: Store
  readonly #lanes: Lane[] = []
  readonly #byKey = new Map<string, number>()
  #loading: Promise<void> | null = null
  #loaded = false

  constructor(store: Store) {
    this.#store = store
  }

  /** True once the lanes were looked up. */
  get loaded(): boolean {
    return this.#loaded
  }

  has(laneId: number): boolean {
    return laneId <= (this.#lanes.at(-1)?.id ?? 0)
  }

  /** Null: a lane that was not looked up yet. */
  idOf(needs: Requirements): number | null {
    return this.#byKey.get(laneKey(needs)) ?? null
  }

  /** Looks for new lanes. Lookers at the same time share one query. */
  load(): Promise<void> {
    this.#loading ??= this.#look().finally(() => {
      this.#loading = null
    })
    return this.#loading
  }

  /** From `seen` on: a daemon's fits are extended, never made anew, while its offer stands. */
  since(seen: number): readonly Lane[] {
    return this.#lanes.slice(seen)
  }

  get count(): number {
    return this.#lanes.length
  }

  async #look(): Promise<void> {
    const highest = this.#lanes.at(-1)?.id ?? 0
    const found = await this.#store.read((tx) => lanesAfter(tx, highest))
    this.#loaded = true
    for (const { id, needs } of found) {
      this.#byKey.set(laneKey(needs), id)
      this.#lanes.push({ id, needs })
    }
  }
}

/** One daemon's fits under one offer. */
export class Fits {
  readonly #lanes: Lanes
  readonly #offer: Offer
  readonly #byLane = new Map<number, LaneFit>()
  #seen = 0
  #list: readonly LaneFit[] = []
  #signature = ''

  constructor(lanes: Lanes, offer: Offer) {
    this.#lanes = lanes
    this.#offer = offer
  }

  list(): readonly LaneFit[] {
    this.#extend()
    return this.#list
  }

  includes(laneId: number): boolean {
    this.#extend()
    return this.#byLane.has(laneId)
  }

  /** Equal for daemons that fit the same lanes in the same way: what one of them finds empty is empty for all. */
  signature(): string {
    this.#extend()
    return this.#signature
  }

  #extend(): void {
    if (this.#seen === this.#lanes.count) return
    for (const { id, needs } of this.#lanes.since(this.#seen)) {
      const answer = fitLane(needs, this.#offer)
      if (answer.fits) this.#byLane.set(id, { laneId: id, profileId: answer.profile, rank: answer.rank })
    }
    this.#seen = this.#lanes.count
    this.#list = [...this.#byLane.values()]
    this.#signature = this.#list.map((each) => `${each.laneId}:${each.rank}`).join()
  }
}
