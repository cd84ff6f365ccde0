// Text that comes in small pieces, told in whole paragraphs: a reader follows along, and no fence or list is torn apart.

/** A paragraph longer than this is told before it ends, in characters. */
const maxPending = 8_192

export interface Told {
  /** What can be told now; null: nothing yet. */
  readonly text: string | null
  /** What waits for more. */
  readonly pending: string
}

/** Adds a piece. Tells all up to the last blank line that stands outside a code fence. */
export function addDelta(pending: string, piece: string): Told {
  const all = pending + piece
  let end = all.lastIndexOf('\n\n')
  while (end > 0 && insideFence(all.slice(0, end))) end = all.lastIndexOf('\n\n', end - 1)
  if (end > 0 && all.length - end <= maxPending) return { text: told(all.slice(0, end)), pending: all.slice(end + 2) }
  if (all.length <= maxPending) return { text: null, pending: all }
  const line = all.lastIndexOf('\n')
  const cutAt = line > 0 && all.length - line <= maxPending ? line + 1 : all.length
  return { text: told(all.slice(0, cutAt)), pending: all.slice(cutAt) }
}

function told(text: string): string | null {
  return text.trim() === '' ? null : text
}

function insideFence(text: string): boolean {
  return (text.match(/^ {0,3}(?:```|~~~)/gm)?.length ?? 0) % 2 === 1
}
