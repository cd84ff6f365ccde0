// The changes that a request asks leave for, from the shapes in which agents put them, as lines that stay, go and come.

export interface ChangeLine {
  readonly sign: ' ' | '+' | '-'
  readonly text: string
}

export interface AskedChange {
  /** Null: nothing names the file. */
  readonly path: string | null
  readonly lines: readonly ChangeLine[]
}

type Fields = Readonly<Record<string, unknown>>

/** The two sides of an edit are named by one of these pairs. */
const pairs = [
  ['old_string', 'new_string'],
  ['oldText', 'newText'],
  ['old', 'new'],
] as const

interface Found {
  readonly changes: readonly AskedChange[]
  /** The fields that say nothing else. */
  readonly keys: readonly string[]
}

/** `Edit`, `MultiEdit` and `Write` of Claude Code, diffs of ACP, a patch of Codex. */
export function changesOf(body: Fields): Found {
  const { changes, keys } = found(body)
  const path = body.file_path
  // Beside changes that name their own files it says something else, and is shown as it is.
  if (typeof path !== 'string' || changes.length === 0 || changes.some((each) => each.path !== null))
    return { changes, keys }
  return { changes: changes.map((each) => ({ ...each, path })), keys: [...keys, 'file_path'] }
}

function found(body: Fields): Found {
  for (const pair of pairs) {
    const change = editOf(body, pair)
    if (change !== null) return { changes: [change], keys: [...pair] }
  }
  for (const key of ['edits', 'diffs']) {
    const changes = editsOf(body[key])
    if (changes !== null) return { changes, keys: [key] }
  }
  if (typeof body.diff === 'string' && /^@@ /m.test(body.diff))
    return { changes: [{ path: null, lines: patchLines(body.diff) }], keys: ['diff'] }
  if (typeof body.content === 'string' && typeof body.file_path === 'string')
    return { changes: [{ path: null, lines: linesOf('', body.content) }], keys: ['content'] }
  return { changes: [], keys: [] }
}

/** Null: something in it is not an edit and must be shown as it is. */
function editsOf(value: unknown): readonly AskedChange[] | null {
  if (!Array.isArray(value) || value.length === 0) return null
  const changes = value.map((each: unknown) => {
    if (typeof each !== 'object' || each === null) return null
    const fields = each as Fields // looked at field by field
    if ('path' in fields && typeof fields.path !== 'string') return null
    const pair = pairs.find(([before, after]) => before in fields || after in fields)
    const known: readonly string[] = [...(pair ?? []), 'path']
    return pair === undefined || Object.keys(fields).some((key) => !known.includes(key)) ? null : editOf(fields, pair)
  })
  return changes.every((each) => each !== null) ? changes : null
}

/** No old side: the file is new. */
function editOf(fields: Fields, [before, after]: readonly [string, string]): AskedChange | null {
  const [old, fresh] = [fields[before] ?? '', fields[after]]
  if (typeof old !== 'string' || typeof fresh !== 'string') return null
  return { path: typeof fields.path === 'string' ? fields.path : null, lines: linesOf(old, fresh) }
}

/** What both sides begin and end with stays; what is between goes and comes. */
function linesOf(old: string, fresh: string): readonly ChangeLine[] {
  // An end of line that both have, or a new file has, is no line of its own.
  const ends = fresh.endsWith('\n') && (old === '' || old.endsWith('\n'))
  const [before, after] = ends ? [split(old.slice(0, -1)), split(fresh.slice(0, -1))] : [split(old), split(fresh)]
  const most = Math.min(before.length, after.length)
  let head = 0
  while (head < most && before[head] === after[head]) head += 1
  let tail = 0
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1
  return [
    ...before.slice(0, head).map((text) => ({ sign: ' ', text }) as const),
    ...before.slice(head, before.length - tail).map((text) => ({ sign: '-', text }) as const),
    ...after.slice(head, after.length - tail).map((text) => ({ sign: '+', text }) as const),
    ...before.slice(before.length - tail).map((text) => ({ sign: ' ', text }) as const),
  ]
}

function split(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n')
}

/** What stands before the first hunk names files: it neither goes nor comes. */
function patchLines(patch: string): readonly ChangeLine[] {
  const lines = split(patch)
  const first = lines.findIndex((line) => line.startsWith('@@ '))
  return lines.map((line, i) => {
    const sign = i < first ? ' ' : line.startsWith('+') ? '+' : line.startsWith('-') ? '-' : ' '
    return { sign, text: sign === ' ' && (i < first || !line.startsWith(' ')) ? line : line.slice(1) }
  })
}
