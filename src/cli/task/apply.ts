// capstan task apply: the task's patch on the files of the checkout you are in, wholly or not at all.

import { applyPatch } from '../../daemon/workspace/apply.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { plural } from '../render/figures.ts'
import { oneLine } from '../render/visible.ts'
import type { Given } from '../spec.ts'
import { fetchPatch } from './diff.ts'
import type { attemptOptions } from './options.ts'

/** Conflicts are refused with the list of files; nothing has changed then. */
export async function applyTask(given: Given<typeof attemptOptions>, context: Context): Promise<number> {
  const { terminal, cwd, signal } = context
  const id = given.args[0] ?? ''
  const patch = await fetchPatch(await connect(context), id, given, context)
  await applyPatch(cwd, patch, signal)
  const files = filesOf(Buffer.from(patch).toString('utf8'))
  if (given.json) terminal.json({ taskId: id, applied: files })
  else if (files.length === 0) terminal.note(`${id} changed nothing`)
  else terminal.out(`${plural(files.length, 'file')} changed here:`, ...files.map((file) => `  ${oneLine(file)}`))
  return 0
}

/** The new side of each `diff --git` line, as git writes it. */
function filesOf(patch: string): string[] {
  return [...patch.matchAll(/^diff --git .* "?b\/(.+?)"?$/gm)].map(([, file]) => file ?? '')
}
