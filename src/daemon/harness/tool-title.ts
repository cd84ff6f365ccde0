// The one line a person reads of a tool call: the command, the path, the question.

import { oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { textOf } from './json.ts'

/** The input field that says most, by name, in this order. */
const telling = [
  'command',
  'cmd',
  'file_path',
  'notebook_path',
  'pattern',
  'query',
  'url',
  'description',
  'skill',
  'subject',
  'path',
  'prompt',
]

/**
 * `cwd`: paths below it are shown relative to it. A tool of an MCP server (`mcp__github__get_issue`) is shown as `github: get_issue`. `line`: how it
 * is made one line, `exactLine` where a person decides upon it.
 */
export function toolTitle(
  name: string,
  input: Json,
  cwd: string | null,
  line: (text: string) => string = oneLine,
): string {
  const field = telling.find((key) => textOf(input[key])?.trim())
  const value = field === undefined ? null : textOf(input[field])
  const server = /^mcp__(.+?)__(.+)$/.exec(name)
  const shown = server ? `${server[1]}: ${server[2]}` : name
  if (value === null || value === undefined) return line(shown)
  if (server) return line(`${shown} ${value}`)
  if (field === 'pattern')
    return line(`${value}${textOf(input.path) ? ` in ${relative(String(input.path), cwd)}` : ''}`)
  return line(relative(value, cwd))
}

/** Commands lose their folder too: `cd FOLDER && …` is how agents begin most of them. */
function relative(text: string, cwd: string | null): string {
  if (cwd === null || cwd.length < 2) return text
  if (text === cwd) return '.'
  if (text.startsWith(`cd ${cwd} && `)) return text.slice(cwd.length + 7)
  return text.startsWith(`${cwd}/`) ? text.slice(cwd.length + 1) : text
}
