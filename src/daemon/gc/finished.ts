// What one finished run left: its workspace once that is proved to be kept, then its logs. Whatever cannot be proved stays, with the reason.

import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gitOrNull } from '../../lib/git.ts'
import { carriers } from '../../lib/proc.ts'
import { isInside } from '../repos/registry.ts'
import { markerName } from '../supervisor/containment/sweep.ts'
import { look } from '../supervisor/run.ts'
import { checkpointHome, checkpointRef } from '../workspace/checkpoint.ts'
import { readIntent } from '../workspace/intent.ts'
import type { Workspace } from '../workspace/port.ts'
import { takeBack } from '../workspace/prepare.ts'
import { realOrNull, statePlaces } from '../workspace/private-git.ts'
import { forget, remove, whyKept } from '../workspace/remove.ts'
import { bytesOf, removeTree } from '../workspace/tree.ts'
import { recycle, worthWarming } from '../workspace/warm-make.ts'
import { dropMerged, keptTip } from './branches.ts'
import type { Job } from './job.ts'
import { warmTerms } from './job.ts'
import type { Leftover } from './leftovers.ts'
import type { GcKind } from './report.ts'

/** `why`: what made it due. */
export async function clearFinished(job: Job, leftover: Leftover, why: string): Promise<void> {
  const { attemptId, runDir, workspace } = leftover
  const alive = await aliveOf(job, leftover)
  if (alive !== null) return job.ledger.kept({ kind: 'run', path: runDir, attemptId, bytes: 0, why: alive })
  const cleared =
    workspace === null ? await clearUnfinished(job, leftover, why) : await clearWorkspace(job, leftover, workspace, why)
  if (!cleared || !existsSync(runDir)) return
  const bytes = await bytesOf(runDir)
  if (!job.dryRun) await removeTree(runDir)
  job.ledger.removed({ kind: 'run', path: runDir, attemptId, bytes, why })
}

/** A run whose processes live is not over, whatever the records say. */
async function aliveOf(job: Job, { attemptId, runDir }: Leftover): Promise<string | null> {
  if ((await look(runDir)).state === 'running') return 'its agent still runs'
  const alive = await carriers(job.processes, markerName, attemptId)
  return alive.length === 0 ? null : `processes of it still run: ${alive.map(({ pid }) => pid).join(', ')}`
}

/** True when nothing of the workspace is left but archives. */
async function clearWorkspace(job: Job, leftover: Leftover, workspace: Workspace, why: string): Promise<boolean> {
  const { attemptId } = leftover
  const folder = dirname(workspace.baseIndex)
  const shared = workspace.mode === 'shared'
  const bytes = (shared ? 0 : await bytesOf(workspace.path)) + (await bytesOf(folder))
  const item = { kind: 'workspace', path: shared ? folder : workspace.path, attemptId, bytes } as const
  // without a record of its end it may have been delivered
  const tip = leftover.end?.outcome === 'failed' ? await keptTip(workspace, job.signal) : null
  const taken = await takeAway(job, leftover, workspace)
  switch (taken.is) {
    case 'kept':
      job.ledger.kept({ ...item, why: taken.why })
      return false
    case 'recycled':
      job.ledger.recycled({ ...item, path: taken.path, why: 'its repository is large; the next run starts in it' })
      break
    case 'removed':
      job.ledger.removed({ ...item, why })
      break
  }
  // what a killed git left beside the records goes too, but for what is the only copy of something
  if (!job.dryRun && !tellArchives(job, leftover, folder)) await removeTree(folder)
  if (tip !== null && workspace.commonDir !== null && tip.sha !== workspace.baseSha) {
    // a completed run's branch is the delivery and stays; a failed one's is in its checkpoint
    const dropped = job.dryRun || (await dropMerged(workspace.commonDir, tip))
    const branch = { kind: 'branch', path: `${workspace.commonDir}: ${tip.name}`, attemptId, bytes: 0 } as const
    if (dropped) job.ledger.removed({ ...branch, why: `all of it is in ${tip.into}` })
  }
  return true
}

type Taken =
  | { readonly is: 'kept'; readonly why: string }
  | { readonly is: 'recycled'; readonly path: string }
  | { readonly is: 'removed' }

async function takeAway(job: Job, { stateDir }: Leftover, workspace: Workspace): Promise<Taken> {
  const terms = warmTerms(job, stateDir)
  const warm = job.enough === undefined && job.olderThanMs === null && worthWarming(workspace, terms)
  if (job.dryRun) {
    const why = await whyKept(workspace, job.signal)
    if (why !== null) return { is: 'kept', why }
    return warm ? { is: 'recycled', path: workspace.path } : { is: 'removed' }
  }
  if (warm) {
    const made = await recycle(workspace, terms)
    if (made.recycled) return { is: 'recycled', path: made.path }
    if (made.kept === null) return { is: 'removed' }
  }
  const empty = await isEmptyScratch(workspace, job.signal)
  const removed = await remove(workspace, job.signal)
  if (!removed.removed) return { is: 'kept', why: removed.kept }
  if (workspace.mode === 'shared') forget(workspace)
  if (empty) await removeTree(dirname(workspace.baseIndex))
  return { is: 'removed' }
}

/** True when a scratch run made nothing: then the daemon's git folder of it holds nothing either. */
async function isEmptyScratch(workspace: Workspace, signal: AbortSignal | undefined): Promise<boolean> {
  if (workspace.mode !== 'scratch') return false
  const home = checkpointHome(workspace, signal)
  const listed = await gitOrNull(['for-each-ref', '--format=%(refname) %(tree)'], home)
  return (
    listed === `${checkpointRef(workspace)} ${workspace.baseTree}` &&
    !existsSync(join(dirname(workspace.baseIndex), 'copies'))
  )
}

/** A preparation that no agent has worked in is taken back; without even that, only archives are kept. */
async function clearUnfinished(job: Job, { attemptId, stateDir, runDir }: Leftover, why: string): Promise<boolean> {
  const places = statePlaces(stateDir, attemptId)
  if (!existsSync(places.folder)) return true
  if (existsSync(places.done)) {
    job.ledger.kept({
      ...state(places.folder, attemptId),
      why: `${places.done} is damaged, so what it names is not known`,
    })
    return false
  }
  const intent = readIntent(places.intent)
  if (intent !== null && !isInside(realOrNull(job.root) ?? job.root, intent.path)) {
    job.ledger.kept({ ...state(places.folder, attemptId), why: `it names ${intent.path}, which is not in ${job.root}` })
    return false
  }
  if (tellArchives(job, { attemptId, stateDir, runDir }, places.folder)) return true
  const bytes = (await bytesOf(places.folder)) + (intent === null ? 0 : await bytesOf(intent.path))
  if (!job.dryRun) {
    await takeBack(places, job.root)
    await removeTree(places.folder)
  }
  job.ledger.removed({ kind: 'preparation', path: intent?.path ?? places.folder, attemptId, bytes, why })
  return true
}

/** Names what is the only copy of something. True: there is such. */
function tellArchives(
  job: Job,
  { attemptId }: Pick<Leftover, 'attemptId' | 'stateDir' | 'runDir'>,
  folder: string,
): boolean {
  const archives: readonly (readonly [string, string])[] = [
    ['copies', 'ignored files that the run changed; nothing else has them'],
    ['git/objects', 'the checkpoint of a scratch run; nothing else has it'],
  ]
  const there = archives.filter(([name]) => hasFiles(join(folder, name)))
  for (const [name, why] of there) job.ledger.kept({ ...state(join(folder, name), attemptId), why })
  return there.length > 0
}

function hasFiles(path: string): boolean {
  return (
    existsSync(path) &&
    readdirSync(path, { recursive: true, withFileTypes: true }).some((entry) => !entry.isDirectory())
  )
}

function state(path: string, attemptId: string) {
  return { kind: 'state' satisfies GcKind, path, attemptId, bytes: 0 } as const
}
