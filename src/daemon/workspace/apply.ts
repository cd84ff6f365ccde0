// Applies a task's patch to a checkout's files: wholly or not at all.

import { Problem } from '../../core/problem.ts'
import { git, gitFailed, runGit } from '../../lib/git.ts'
import { filtersOff } from '../../lib/git-filters.ts'
import { inspectRepo } from '../repos/inspect.ts'

/** Changes the working tree only. Throws `invalid_state` listing the files that conflict; nothing was changed then. */
export async function applyPatch(repoPath: string, patch: Uint8Array, signal?: AbortSignal): Promise<void> {
  if (patch.length === 0) return
  const repo = await inspectRepo(repoPath, { signal })
  if (!repo.usable) throw new Problem('workspace_failed', repo.problem)
  const at = { cwd: repo.path, gitDir: repo.gitDir, workTree: repo.path, signal }
  const options = { ...at, input: patch, config: await filtersOff(at) }
  const args = ['apply', '--binary', '--whitespace=nowarn']
  const check = await runGit([...args, '--check', '-'], options)
  if (check.code !== 0) {
    const files = conflicting(check.stderr)
    if (files.length === 0) throw gitFailed(['apply'], repo.path, check)
    throw new Problem(
      'invalid_state',
      `the patch conflicts in ${repo.path} with: ${files.join(', ')}; commit or stash your changes there, or merge the branch.`,
    )
  }
  await git([...args, '-'], options)
}

/** The files git names: `error: patch failed: FILE:LINE`, `error: FILE: already exists in working directory` and the like. */
function conflicting(stderr: string): string[] {
  const names = stderr.split('\n').flatMap((line) => {
    const said = line.startsWith('error: ') ? line.slice('error: '.length) : ''
    const failed = /^patch failed: (.+):\d+$/.exec(said)?.[1]
    const other =
      /^(.+): (?:patch does not apply|already exists in .*|No such file or directory|does not (?:match|exist in) .*|is beyond a symbolic link|has type .*|wrong type)$/.exec(
        said,
      )?.[1]
    return [failed ?? other].filter((name) => name !== undefined)
  })
  return [...new Set(names)]
}
