// What programs print for terminals, as text with marks: colours and weight are kept, everything else a terminal would do is dropped.

export interface Piece {
  readonly text: string
  /** Utility classes; '' for plain text. */
  readonly look: string
}

const colours: Readonly<Record<number, string>> = {
  31: 'text-bad',
  32: 'text-good',
  33: 'text-needs',
  34: 'text-busy',
  35: 'text-parked',
  36: 'text-review',
  90: 'text-faint',
  91: 'text-bad',
  92: 'text-good',
  93: 'text-needs',
  94: 'text-busy',
  95: 'text-parked',
  96: 'text-review',
}

// CSI sequences, OSC (titles, links) up to BEL or ST, other escapes, and control characters but tab and newline.
const sequences =
  /\u001b\[([0-?]*)[ -/]*([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|\u001b[PX^_][^\u001b]*(?:\u001b\\|$)|\u001b[ -/]*[0-~]?|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** Without any sequence: what a search or a title shows. */
export function plainText(text: string): string {
  return plain.test(text) ? text : shownOrder(overwritten(text).replace(sequences, ''))
}

/** Nothing in it that `plainText` would change; most texts are so, and transcripts are long. */
const plain = /^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$/

/**
 * Characters that turn the order of what follows around make text read as what it is not (a comment that is code): they are shown by
 * their numbers.
 */
export function shownOrder(text: string): string {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, numbered)
}

/**
 * Every character, also those that show nothing: for what a person judges (a command, code), where what a terminal would do to a line must
 * not hide a part of it. Control characters become their pictures, one for one; the others their numbers.
 */
export function exactText(text: string): string {
  return text.replace(unseen, (sign) => {
    const code = sign.charCodeAt(0)
    if (code < 0x20) return String.fromCharCode(0x2400 + code)
    return code === 0x7f ? '\u2421' : numbered(sign)
  })
}

// Control characters but tab and newline, soft hyphens, spaces without width, turned order, fillers, variation tags.
const unseen =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]|\udb40[\udc00-\udfff]/g

function numbered(sign: string): string {
  return `⟨U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase()}⟩`
}

export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = []
  const style = { colour: '', bold: false, dim: false }
  let at = 0
  const source = shownOrder(overwritten(text))
  const push = (end: number) => {
    if (end > at) pieces.push({ text: source.slice(at, end), look: lookOf(style) })
  }
  for (const match of source.matchAll(sequences)) {
    push(match.index)
    at = match.index + match[0].length
    if (match[2] === 'm') restyle(style, match[1] ?? '')
  }
  push(source.length)
  return pieces
}

/** A carriage return begins the line again: of a progress bar only its last state is shown. */
function overwritten(text: string): string {
  return text.replace(/\r+\n/g, '\n').replace(/[^\n]*\r(?=[^\n])/g, '')
}

interface Style {
  colour: string
  bold: boolean
  dim: boolean
}

function restyle(style: Style, codes: string): void {
  const numbers = codes.split(';').map(Number)
  for (let i = 0; i < numbers.length; i += 1) {
    const code = numbers[i] ?? 0
    if (code === 0) Object.assign(style, { colour: '', bold: false, dim: false })
    if (code === 1) style.bold = true
    if (code === 2) style.dim = true
    if (code === 22) Object.assign(style, { bold: false, dim: false })
    if (code === 39) style.colour = ''
    // 256 and true colours: which they are is not worth a palette; their numbers must not be taken for others
    if (code === 38 || code === 48) i += numbers[i + 1] === 5 ? 2 : 4
    else style.colour = colours[code] ?? style.colour
  }
}

function lookOf({ colour, bold, dim }: Style): string {
  return [dim && colour === '' ? 'text-faint' : colour, bold ? 'font-semibold' : '']
    .filter((each) => each !== '')
    .join(' ')
}
