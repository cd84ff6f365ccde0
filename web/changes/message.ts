// Comments on lines, the message that they become and what is left when it went; pure.

export interface Comment {
  readonly id: string
  /** The attempt whose change it is about. */
  readonly attempt: number
  readonly path: string
  readonly side: 'old' | 'new'
  /** The first line it is about, and the last: it stands under that one. */
  readonly from: number
  readonly line: number
  /** The lines as they stood. */
  readonly code: string
  /** What is sent; '' while it was never kept. */
  readonly text: string
  /** Words that are being written and not kept yet. */
  readonly writing?: string
}

export interface Review {
  readonly comments: readonly Comment[]
  /** Marks of changes that were looked at; see PatchFile.mark. */
  readonly viewed: readonly string[]
  /** What is said beside the comments. */
  readonly message: string
}

const nothing: Review = { comments: [], viewed: [], message: '' }

/** The review in what a browser kept. */
export function reviewIn(kept: string | null): Review {
  try {
    const review = JSON.parse(kept ?? '{}') as Partial<Review> // written by this page, or by an earlier one
    return { ...nothing, ...review, comments: (review.comments ?? []).filter(isWhole) }
  } catch {
    return nothing // somebody else's bytes under our key
  }
}

/** One that an earlier page kept does not say which lines of which attempt it is about: it cannot be shown. */
function isWhole({ id, attempt, path, side, from, line, code, text }: Partial<Comment>): boolean {
  const words = [id, path, side, code, text].every((each) => typeof each === 'string')
  return words && [attempt, from, line].every((each) => typeof each === 'number')
}

/** After so much was sent: the marks stay, what was never kept, and what was written since or is being written. */
export function leftAfter({ comments, message, viewed }: Review, gone: Review): Review {
  const texts = new Map(gone.comments.map(({ id, text }) => [id, text]))
  const left = comments.flatMap((each) => {
    if (each.text === '' || texts.get(each.id) !== each.text) return [each]
    const writing = (each.writing ?? '').trim()
    return writing === '' || writing === each.text ? [] : [{ ...each, text: '' }]
  })
  return { comments: left, viewed, message: message === gone.message ? '' : message }
}

/** Comments that will be sent, in the order of their places. */
export function keptComments({ comments }: Review): Comment[] {
  return comments
    .filter((comment) => comment.text !== '')
    .sort((a, b) => a.path.localeCompare(b.path) || a.from - b.from || a.line - b.line)
}

/** `src/a.ts:4` or `src/a.ts:4-8`. */
export function placeText({ path, from, line }: Pick<Comment, 'path' | 'from' | 'line'>): string {
  return from === line ? `${path}:${line}` : `${path}:${from}-${line}`
}

/** The review as the message an agent gets: each comment with its place and its lines. */
export function messageOf(review: Review): string {
  const parts = keptComments(review).map(
    (comment) =>
      `${placeText(comment)}${comment.side === 'old' ? ' (as it was)' : ''}\n${quoted(comment.code)}\n${comment.text.trim()}`,
  )
  return [review.message.trim(), ...parts].filter((part) => part !== '').join('\n\n')
}

/** An agent has the file: of many lines the first ones say where to look. */
const quotedLines = 20

function quoted(code: string): string {
  const lines = code.split('\n')
  const indent = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)))
  const shown = lines
    .slice(0, quotedLines)
    .map((line) => `> ${line.slice(Number.isFinite(indent) ? indent : 0)}`.trimEnd())
  return [...shown, ...(lines.length > quotedLines ? ['> …'] : [])].join('\n')
}
