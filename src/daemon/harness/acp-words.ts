// Words that an agent sends in pieces, put together into whole text events of bounded size.

import type { EventBody } from '../../protocol/events.ts'
import type { AcpState, Said } from './acp-state.ts'
import { cut } from './cut.ts'
import { addDelta } from './deltas.ts'

const maxLast = 8_192

export interface Spoken {
  readonly state: AcpState
  readonly events: readonly EventBody[]
}

/** Adds a piece: whole paragraphs are told, the rest waits. Another speaker, another message, or thinking after words begins anew. */
export function speak(state: AcpState, piece: Said): Spoken {
  const { said } = state
  const goesOn =
    said !== null &&
    said.kind === piece.kind &&
    said.parent === piece.parent &&
    (said.message === piece.message || piece.message === null)
  const before = goesOn ? { state, events: [] } : tellWords(state)
  const open = before.state.said
  const words = { ...piece, message: piece.message ?? open?.message ?? null }
  const added = addDelta(open?.text ?? '', piece.text)
  const now =
    added.text === null
      ? { state: before.state, events: [] }
      : tellWords({ ...before.state, said: { ...words, text: added.text } })
  return { state: { ...now.state, said: { ...words, text: added.pending } }, events: [...before.events, ...now.events] }
}

/** Tells what was said so far. */
export function tellWords(state: AcpState): Spoken {
  const { said } = state
  if (said === null) return { state, events: [] }
  const parent = said.parent === null ? {} : { parent: said.parent }
  const isBlank = said.text.trim() === ''
  const events: readonly EventBody[] = isBlank ? [] : [{ type: said.kind, text: cut(said.text), ...parent }]
  const isLast = said.kind === 'text' && said.parent === null && !isBlank
  return { state: { ...state, said: null, ...(isLast ? lastOf(state, said) : {}) }, events }
}

function lastOf(state: AcpState, said: Said): Pick<AcpState, 'lastText' | 'lastMessage'> {
  const isSame = said.message !== null && said.message === state.lastMessage
  const text = isSame ? `${state.lastText ?? ''}\n\n${said.text}` : said.text
  return { lastText: cut(text, maxLast), lastMessage: said.message }
}
