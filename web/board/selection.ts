// Which cards are chosen for acting on together.

import { useMemo, useState } from 'react'

export interface Selection {
  readonly ids: ReadonlySet<string>
  readonly toggle: (id: string) => void
  readonly clear: () => void
}

export function useSelection(): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  return useMemo(
    () => ({
      ids,
      toggle: (id) => setIds((before) => before.symmetricDifference(new Set([id]))),
      clear: () => setIds(new Set()),
    }),
    [ids],
  )
}
