// Acting on several tasks at once; what was refused is said, and stays chosen.

import { useState } from 'react'
import type { Card } from '../../src/protocol/board.ts'
import { limits } from '../../src/protocol/names.ts'
import type { BodyIn } from '../../src/protocol/operations.ts'
import { saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { plural } from '../parts/figures.ts'
import type { Selection } from './selection.ts'

type Action = BodyIn<'changeTasks'>['action']

const actions = ['accept', 'retry', 'reject', 'cancel'] as const
const applies: Readonly<Record<Action, (card: Card) => boolean>> = {
  cancel: (card) => card.endedAt === null,
  retry: (card) => card.state === 'failed' || card.verdict === 'rejected',
  accept: (card) => card.group === 'in_review',
  reject: (card) => card.group === 'in_review',
}
const names: Readonly<Record<Action, string>> = { accept: 'Accept', retry: 'Retry', reject: 'Reject', cancel: 'Cancel' }

/** How many refusals are said in full. */
const saidInFull = 2

/** `cards`: those on show, as they are now. */
export function Bulk({ selection, cards }: { readonly selection: Selection; readonly cards: readonly Card[] }) {
  const [said, setSaid] = useState('')
  const [busy, setBusy] = useState(false)
  const [sure, setSure] = useState(false)
  const now = new Map(cards.map((card) => [card.id, card]))
  const chosen = [...selection.cards.values()].map((card) => now.get(card.id) ?? card)
  const act = async (action: Action, ids: readonly string[]) => {
    setSure(false)
    setBusy(true)
    try {
      const refused = await change(action, ids)
      const more = refused.length - saidInFull
      const words = refused.slice(0, saidInFull).map((each) => each.detail)
      setSaid([...words, ...(more > 0 ? [`and ${more} more`] : [])].join('; '))
      selection.keep(refused.map((each) => each.id))
    } catch (error) {
      setSaid(saidBy(error))
    } finally {
      setBusy(false)
    }
  }
  const possible = actions
    .map((action) => ({ action, ids: chosen.filter(applies[action]).map((card) => card.id) }))
    .filter(({ ids }) => ids.length > 0)
  return (
    <section
      aria-label="Selected tasks"
      className="flex flex-wrap items-center gap-2 border-t border-line bg-raised px-4 py-2"
    >
      <span className="font-medium">{plural(chosen.length, 'task')} selected</span>
      {said !== '' && (
        <span role="alert" className="min-w-0 text-bad [overflow-wrap:anywhere]">
          {said}
        </span>
      )}
      <span className="flex-1" />
      {possible.map(({ action, ids }) => {
        const asks = action === 'cancel' && !sure
        return (
          <Button
            key={action}
            disabled={busy}
            weight={action === 'cancel' ? 'danger' : 'plain'}
            onClick={() => (asks ? setSure(true) : void act(action, ids))}
            onBlur={() => setSure(false)}
          >
            {action === 'cancel' && sure ? `Cancel ${plural(ids.length, 'task')} now` : names[action]}
            {ids.length === chosen.length || (action === 'cancel' && sure) ? '' : ` ${ids.length}`}
          </Button>
        )
      })}
      <Button weight="quiet" onClick={() => selection.keep([])}>
        Clear
      </Button>
    </section>
  )
}

/** In as many calls as it takes. Gives what was refused. */
async function change(action: Action, ids: readonly string[]) {
  const refused: { readonly id: string; readonly detail: string }[] = []
  for (let i = 0; i < ids.length; i += limits.pageSize) {
    const body = { action, ids: ids.slice(i, i + limits.pageSize) }
    refused.push(...(await server.call('changeTasks', { body })).refused)
  }
  return refused
}
