// Columns: how wide a text is in a terminal, cutting it, and breaking it into lines.

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
const narrowOnly = /^[\x20-\x7e]*$/
const noWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u

/** Columns that a text without control characters takes. */
export function columns(text: string): number {
  if (narrowOnly.test(text)) return text.length
  let sum = 0
  for (const character of text) sum += widthOf(character)
  return sum
}

function widthOf(character: string): number {
  if (noWidth.test(character)) return 0
  return wide.test(character) ? 2 : 1
}

/** At most `width` columns; what is cut ends in an ellipsis. */
export function cut(text: string, width: number): string {
  if (columns(text) <= width) return text
  let kept = ''
  let used = 0
  for (const character of text) {
    const next = widthOf(character)
    if (used + next > width - 1) break
    kept += character
    used += next
  }
  return `${kept.trimEnd()}…`
}

/** Fills up with spaces to `width` columns. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - columns(text)))
}

/**
 * Breaks a text into lines of at most `width` columns, at spaces where there are any. Its own line feeds and each line's indent stay, so
 * that lists and code keep their shape.
 */
export function wrap(text: string, width: number): readonly string[] {
  return text.split('\n').flatMap((line) => wrapLine(line.trimEnd(), width))
}

function wrapLine(line: string, width: number): readonly string[] {
  if (columns(line) <= width) return [line]
  const indent = hangingIndent(line, width)
  const lines: string[] = []
  let current = line.slice(0, line.length - line.trimStart().length)
  let empty = true
  for (const word of line
    .trimStart()
    .split(/ +/)
    .flatMap((each) => pieces(each, width - indent.length))) {
    const candidate = empty ? current + word : `${current} ${word}`
    if (!empty && columns(candidate) > width) {
      lines.push(current)
      current = indent + word
    } else current = candidate
    empty = false
  }
  return [...lines, current]
}

/** Lines after the first stand under the text of a list item, else under the line's own indent. */
function hangingIndent(line: string, width: number): string {
  const [marker = ''] = /^\s*(?:[-*+] |\d+[.)] )?/.exec(line) ?? []
  return ' '.repeat(Math.min(marker.length, Math.floor(width / 2)))
}

/** A word longer than the line is broken where the line ends. */
function pieces(word: string, width: number): readonly string[] {
  if (columns(word) <= width) return [word]
  const parts: string[] = []
  let part = ''
  for (const character of word) {
    if (columns(part + character) > width) {
      parts.push(part)
      part = ''
    }
    part += character
  }
  return part === '' ? parts : [...parts, part]
}
