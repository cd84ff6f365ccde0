// The word a person probably meant: the nearest of a list by edit distance, or nothing when none is near.

/** The nearest candidate, or null. Near: at most 3 edits, and less than 2 in 5 letters. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null
  let bestEdits = 4
  for (const candidate of candidates) {
    const edits = editDistance(word, candidate)
    const longer = Math.max(word.length, candidate.length)
    if (edits < bestEdits && edits / longer < 0.4) {
      best = candidate
      bestEdits = edits
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours that make `a` into `b`. */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(at(i, j), at(i - 2, j - 2) + 1)
    }
  }
  return at(a.length, b.length)
}
