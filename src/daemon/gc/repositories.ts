// What is left in the repositories themselves: branches that were merged, and worktrees that git lists although their folder is gone.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../lib/error-text.ts'
import { git, gitOrNull } from '../../lib/git.ts'
import { withLock } from '../../lib/lock.ts'
import { isInside, listRepos } from '../repos/registry.ts'
import { worktreeLock } from '../workspace/intent.ts'
import { realOrNull } from '../workspace/private-git.ts'
import { dropMerged, mergedBranches } from './branches.ts'
import type { Job } from './job.ts'
import { knownPlaces } from './strays.ts'

export async function clearBranches(job: Job): Promise<void> {
  const before = job.clock.now() - (job.olderThanMs ?? job.retention.branchesMs)
  await inEach(job, async (commonDir) => {
    for (const branch of await mergedBranches(commonDir, before, job.signal)) {
      if (!job.dryRun && !(await dropMerged(commonDir, branch))) continue
      const why = `merged into ${branch.into}`
      job.ledger.removed({ kind: 'branch', path: `${commonDir}: ${branch.name}`, attemptId: null, bytes: 0, why })
    }
  })
}

/** Only those in the root that Capstan made, that no record names, and whose HEAD is on some branch, tag or checkpoint. */
export async function clearRegistrations(job: Job): Promise<void> {
  const root = realOrNull(job.root) ?? job.root
  const known = knownPlaces(job)
  await inEach(job, async (commonDir) => {
    for (const { path, head } of await registered(commonDir, job.signal)) {
      if (!isInside(root, path) || path === root || existsSync(path) || known.has(path)) continue
      const item = { kind: 'registration', path, attemptId: null, bytes: 0 } as const
      const at = { cwd: commonDir, gitDir: commonDir, signal: job.signal }
      const holder = await gitOrNull(['for-each-ref', '--count=1', '--contains', head, '--format=%(refname)'], at)
      if (holder === null || holder === '') {
        const why = `only its HEAD holds the commit ${head.slice(0, 10)}; give it a branch: git branch NAME ${head.slice(0, 10)}`
        job.ledger.kept({ ...item, why })
        continue
      }
      if (!job.dryRun) await unregister(commonDir, path)
      job.ledger.removed({ ...item, why: 'git lists it, its folder is gone' })
    }
  })
}

function unregister(commonDir: string, path: string): Promise<void> {
  return withLock(worktreeLock(commonDir), {}, async () => {
    if (existsSync(path)) return // made anew meanwhile
    await gitOrNull(['worktree', 'remove', '-f', '-f', '--', path], { cwd: commonDir, gitDir: commonDir })
  })
}

async function registered(
  commonDir: string,
  signal: AbortSignal | undefined,
): Promise<{ path: string; head: string }[]> {
  const listed = await git(['worktree', 'list', '--porcelain'], { cwd: commonDir, gitDir: commonDir, signal })
  return listed.split('\n\n').flatMap((block) => {
    const lines = block.split('\n')
    const value = (name: string) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1)
    const [path, head] = [value('worktree'), value('HEAD')]
    return path === undefined || head === undefined ? [] : [{ path, head }]
  })
}

/** All repositories that are registered or that a run here worked in. One that cannot be read does not hold up the others. */
async function inEach(job: Job, work: (commonDir: string) => Promise<void>): Promise<void> {
  const ofRuns = [...job.found.leftovers, ...job.found.needed].map(({ workspace }) => workspace?.commonDir ?? null)
  const listed = listRepos(join(job.dataDir, 'repos.json')).map(({ commonDir }) => commonDir)
  const all = new Set([...listed, ...ofRuns].filter((each) => each !== null && realOrNull(each) === each))
  for (const commonDir of all) {
    job.signal?.throwIfAborted()
    try {
      if (commonDir !== null) await work(commonDir)
    } catch (error) {
      job.signal?.throwIfAborted()
      job.ledger.kept({ kind: 'branch', path: commonDir ?? '', attemptId: null, bytes: 0, why: messageOf(error) })
    }
  }
}
