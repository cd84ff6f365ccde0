// A patch in colour, for a terminal only: what scripts read is passed on byte by byte.

import type { Style } from './style.ts'
import { visible } from './visible.ts'

export function patchLines(patch: string, style: Style): readonly string[] {
  return patch.split('\n').map((line) => paint(line, style))
}

function paint(line: string, style: Style): string {
  const text = line.slice(0, 1) + visible(line.slice(1))
  if (/^(?:diff |index |old mode|new mode|new file|deleted file|rename |similarity|---|\+\+\+|GIT binary)/.test(line))
    return style.bold(text)
  if (line.startsWith('@@')) return style.cyan(text)
  if (line.startsWith('+')) return style.green(text)
  if (line.startsWith('-')) return style.red(text)
  return line.startsWith(' ') ? text : visible(line)
}
