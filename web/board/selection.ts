// Which cards are chosen for acting on together.

import { useMemo, useState } from 'react'
import type { Card } from '../../src/protocol/board.ts'

export interface Selection {
  /** By id, as they were when they were chosen. */
  readonly cards: ReadonlyMap<string, Card>
  /** Chooses the cards, or takes them out where all of them are chosen. */
  readonly toggle: (cards: readonly Card[]) => void
  /** Only these stay chosen. */
  readonly keep: (ids: readonly string[]) => void
}

export function useSelection(): Selection {
  const [cards, setCards] = useState<ReadonlyMap<string, Card>>(new Map())
  return useMemo(
    () => ({
      cards,
      toggle: (some) =>
        setCards((before) => {
          const after = new Map(before)
          const out = some.every(({ id }) => before.has(id))
          for (const card of some) {
            if (out) after.delete(card.id)
            else after.set(card.id, card)
          }
          return after
        }),
      keep: (ids) => setCards((before) => new Map([...before].filter(([id]) => ids.includes(id)))),
    }),
    [cards],
  )
}
