// capstan task restore: the kept workspace of a task, as a worktree on a branch of its own.

import { resolve } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { listRepos, requireRepo } from '../../daemon/repos/registry.ts'
import { checkpointRef } from '../../daemon/workspace/checkpoint.ts'
import { restore } from '../../daemon/workspace/restore.ts'
import { commitOf } from '../../lib/git-refs.ts'
import type { AttemptView, TaskView } from '../../protocol/task.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { dataDirOf, repoRegistryPath } from '../data-dir.ts'
import type { Given } from '../spec.ts'
import type { restoreOptions } from './options.ts'

export async function restoreTask(given: Given<typeof restoreOptions>, context: Context): Promise<number> {
  const { terminal, signal } = context
  const client = await connect(context)
  const task = await client.call('getTask', { params: { id: given.args[0] ?? '' }, signal })
  const attempt = chosenAttempt(task, given.options.attempt)
  const repos = listRepos(repoRegistryPath(dataDirOf(context, given.options.data)))
  const repo = requireRepo(repos, repoOf(task, attempt))
  const restored = await restore({
    repoPath: repo.path,
    commit: attempt.evidence?.checkpointRef ?? checkpointRef({ taskId: task.id, n: attempt.n }),
    path: resolve(context.cwd, given.options.to ?? `capstan-${task.id}`),
    branch: await freeName(repo.path, `capstan/${task.id}/restored-${attempt.n}`),
    signal,
  })
  if (given.json) terminal.json({ taskId: task.id, attempt: attempt.n, ...restored })
  else terminal.out(`attempt ${attempt.n} is in ${restored.path}`, `  on branch ${restored.branch}`)
  return 0
}

/** The name, or with `-2`, `-3` … behind it: a task may be restored as often as one likes. */
async function freeName(repoPath: string, name: string): Promise<string> {
  for (let count = 1; ; count += 1) {
    const branch = count === 1 ? name : `${name}-${count}`
    if ((await commitOf(`refs/heads/${branch}`, { cwd: repoPath })) === null) return branch
  }
}

function chosenAttempt(task: TaskView, n: number | undefined): AttemptView {
  const attempt = n === undefined ? task.attempts.at(-1) : task.attempts.find((each) => each.n === n)
  if (attempt !== undefined) return attempt
  const what = n === undefined ? 'has not run yet' : `has no attempt ${n}; it has ${task.attempts.length}`
  throw new Problem('invalid_state', `${task.id} ${what}, so nothing is kept of it`)
}

function repoOf(task: TaskView, attempt: AttemptView): string {
  if (task.repo !== null) return task.repo
  throw new Problem(
    'invalid_state',
    `${task.id} worked in an empty folder on ${attempt.daemonName}, not in a repository; its patch has all of it: capstan task diff ${task.id}`,
  )
}
