// Acting on several tasks at once; what was refused is said, task by task.

import { useState } from 'react'
import type { Card } from '../../src/protocol/board.ts'
import type { BodyIn } from '../../src/protocol/operations.ts'
import { saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { plural } from '../parts/figures.ts'
import type { Selection } from './selection.ts'

type Action = BodyIn<'changeTasks'>['action']

const applies: Readonly<Record<Action, (card: Card) => boolean>> = {
  cancel: (card) => card.endedAt === null,
  retry: (card) => card.state === 'failed' || card.verdict === 'rejected',
  accept: (card) => card.group === 'in_review',
  reject: (card) => card.group === 'in_review',
}
const names: Readonly<Record<Action, string>> = { accept: 'Accept', retry: 'Retry', reject: 'Reject', cancel: 'Cancel' }

export function Bulk({ selection, cards }: { readonly selection: Selection; readonly cards: readonly Card[] }) {
  const [said, setSaid] = useState('')
  const [busy, setBusy] = useState(false)
  const chosen = cards.filter((card) => selection.ids.has(card.id))
  const act = async (action: Action, ids: readonly string[]) => {
    setBusy(true)
    try {
      const { refused } = await server.call('changeTasks', { body: { action, ids: [...ids] } })
      setSaid(refused.map((each) => each.detail).join('; '))
      if (refused.length === 0) selection.clear()
    } catch (error) {
      setSaid(saidBy(error))
    } finally {
      setBusy(false)
    }
  }
  const possible = (['accept', 'retry', 'reject', 'cancel'] as const)
    .map((action) => ({ action, ids: chosen.filter(applies[action]).map((card) => card.id) }))
    .filter(({ ids }) => ids.length > 0)
  return (
    <section
      aria-label="Selected tasks"
      className="flex flex-wrap items-center gap-2 border-t border-line bg-raised px-4 py-2"
    >
      <span className="font-medium">{plural(selection.ids.size, 'task')} selected</span>
      {said !== '' && (
        <span role="alert" className="text-bad">
          {said}
        </span>
      )}
      <span className="flex-1" />
      {possible.map(({ action, ids }) => (
        <Button
          key={action}
          disabled={busy}
          weight={action === 'cancel' ? 'danger' : 'plain'}
          onClick={() => void act(action, ids)}
        >
          {names[action]} {ids.length === selection.ids.size ? '' : ids.length}
        </Button>
      ))}
      <Button weight="quiet" onClick={selection.clear}>
        Clear
      </Button>
    </section>
  )
}
