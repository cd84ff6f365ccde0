// Output of programs, with its colours; only ever text.

import { memo } from 'react'
import { piecesOf } from './ansi.ts'

export const TerminalText = memo(function TerminalText({ text }: { readonly text: string }) {
  return piecesOf(text).map((piece, i) =>
    piece.look === '' ? (
      piece.text
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text never change places
      <span key={i} className={piece.look}>
        {piece.text}
      </span>
    ),
  )
})
