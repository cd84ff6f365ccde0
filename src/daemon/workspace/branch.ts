// Names of a task's branch and folder: the same for the same attempt, and never in the way of what is there already.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { GitOptions } from '../../lib/git.ts'
import { git } from '../../lib/git.ts'
import { refWords, validBranchName } from '../../lib/git-refs.ts'

export interface TaskName {
  readonly taskId: string
  readonly n: number
  readonly title: string
}

/** The end of a task's id: its random part, 50 bits; the beginning is the time and alike for tasks born together. */
function shortTask(taskId: string): string {
  return refWords(taskId.slice(-10), 10)
}

/** `acme/app` → `acme-app`: one folder per repository, whatever the slug holds. */
export function repoFolder(slug: string): string {
  return slug.replace(/[^a-z0-9._-]+/gi, '-').replace(/^\.+/, '')
}

/** How many other names are tried when one is taken; more means that something else is wrong. */
const spares = 20

/** `capstan/<task>/<title>`, then with the attempt's number, then further ones that share nothing with other names. */
export function branchCandidates(task: TaskName): string[] {
  const short = shortTask(task.taskId)
  const words = refWords(task.title)
  const more = Array.from({ length: spares }, (_, at) => `capstan/${short}/${words}-${task.n}.${at + 2}`)
  const apart = Array.from({ length: spares }, (_, at) => `capstan-${short}-${words}-${task.n}.${at + 1}`)
  return [`capstan/${short}/${words}`, `capstan/${short}/${words}-${task.n}`, ...more, ...apart]
}

/** True for a name that only Capstan gives: what another host tells of its work must not lead to a person's branch. */
export function isTaskBranch(name: string): boolean {
  return validBranchName(name) && /^capstan[/-]/.test(name)
}

/** `<task>-<n>`, then spares for when a foreign folder has that name. */
export function folderCandidates(task: TaskName): string[] {
  const first = `${shortTask(task.taskId)}-${task.n}`
  return [first, ...Array.from({ length: spares }, (_, at) => `${first}.${at + 2}`)]
}

/**
 * The first candidate that is free. Taken is also a name that is a folder of another branch's name or has one as its folder ("capstan" and
 * "capstan/x" cannot both be), without regard to case. Null when all are taken.
 */
export async function freeBranch(candidates: readonly string[], options: GitOptions): Promise<string | null> {
  const listed = await git(['for-each-ref', '--format=%(refname)', 'refs/heads/'], { ...options, maxBytes: 67_108_864 })
  const taken = listed
    .toLowerCase()
    .split('\n')
    .map((ref) => ref.slice('refs/heads/'.length))
    .filter((name) => name.startsWith('capstan'))
  return candidates.find((name) => !taken.some((other) => clash(name, other))) ?? null
}

/**
 * Removes the lock that a killed `git commit` left on a run's own branch. To be called when the run's processes are gone: nobody else moves
 * that branch, and without this nothing could.
 */
export function clearBranchLock(commonDir: string, branch: string): void {
  rmSync(join(commonDir, 'refs/heads', `${branch}.lock`), { force: true })
}

function clash(name: string, other: string): boolean {
  return name === other || name.startsWith(`${other}/`) || other.startsWith(`${name}/`)
}
