// Tasks as a table: id, state, age, title; repository and host where there is room.

import type { TaskView } from '../../protocol/task.ts'
import { age } from './figures.ts'
import { lastAttempt, paintOf, standingOf } from './standing.ts'
import type { Style } from './style.ts'
import { tableLines } from './table.ts'
import { oneLine } from './visible.ts'

export interface Sheet {
  readonly style: Style
  readonly width: number
  readonly now: number
}

/** From this width on the repository and the host have columns of their own. */
const roomy = 120

export function taskTable(tasks: readonly TaskView[], sheet: Sheet): readonly string[] {
  const wide = sheet.width >= roomy
  const head = ['ID', 'STATE', 'AGE', ...(wide ? ['REPO', 'HOST'] : []), 'TITLE']
  const rows = tasks.map((task) => {
    const standing = standingOf(task)
    const state = { text: standing.word, paint: paintOf(standing, sheet.style) }
    const more = wide ? [oneLine(task.repo ?? ''), oneLine(lastAttempt(task)?.daemonName ?? '')] : []
    return [task.id, state, age(sheet.now - task.createdAt), ...more, oneLine(task.title)]
  })
  return tableLines({ head, rows, flexible: head.length - 1, right: [2] }, sheet.width, sheet.style)
}
