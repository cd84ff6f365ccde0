// B8: workspaces of a repository with 50,000 files.

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { capture } from '../src/daemon/workspace/capture.ts'
import type { Workspace, WorkspaceRequest } from '../src/daemon/workspace/port.ts'
import { prepare } from '../src/daemon/workspace/prepare.ts'
import { recycle } from '../src/daemon/workspace/warm-make.ts'
import { systemClock } from '../src/lib/clock.ts'
import { makeId } from '../src/lib/ids.ts'
import type { Bench } from './bench.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import { interleaved, millis, type Sample } from './measure.ts'

export const workspaces: Figure = { id: 'B8', title: 'Workspaces in a repository of 50,000 files', run }

async function run(bench: Bench): Promise<Line[]> {
  const repo = makeRepo(bench.dir(), bench.count(50_000))
  const root = bench.dir()
  const stateDir = bench.dir()
  let n = 0
  const request = (): WorkspaceRequest => ({
    mode: 'worktree',
    taskId: makeId('task', Date.now()),
    attemptId: makeId('att', Date.now()),
    n: 1,
    title: 'bench',
    repo: { slug: 'bench', path: repo },
    base: null,
    root,
    stateDir,
    signal: AbortSignal.timeout(170_000),
  })
  // As the daemon does when a run is over: kept, then made ready for the next.
  const release = async (workspace: Workspace) => {
    const { taskId, attemptId } = workspace
    await capture(workspace, { taskId, attemptId, commitMessage: 'bench' })
    const done = await recycle(workspace, { stateDir, most: 3, minFiles: 100, clock: systemClock })
    if (!done.recycled) throw new Error(`the worktree was not made ready: ${done.kept}`)
  }
  await release(await prepare(request()))
  const ours = async (): Promise<Sample> => {
    const begun = performance.now()
    const workspace = await prepare(request())
    const ms = performance.now() - begun
    await release(workspace)
    return { ms }
  }
  const bare = async (): Promise<Sample> => {
    n += 1
    return { ms: await millis(() => git(repo, 'worktree', 'add', '-q', '-b', `bare-${n}`, join(root, `bare-${n}`))) }
  }
  const ready = await interleaved(bench.rounds, { ours, bare })
  const captured = await captures(bench, await prepare(request()))
  return [
    compare(
      'git worktree add, against a warm workspace',
      'ms',
      [ready.bare.ms ?? Number.NaN, 'Capstan', ready.ours.ms ?? Number.NaN],
      { atLeast: 15 },
    ),
    captured,
  ]
}

async function captures(bench: Bench, workspace: Workspace): Promise<Line> {
  let n = 0
  const touch = () => {
    n += 1
    for (let i = 0; i < 20; i += 1) writeFileSync(join(workspace.path, `d${i}`, 'f0.txt'), `changed ${n}\n`)
  }
  const found = await interleaved(bench.rounds, {
    capture: async () => {
      touch()
      const { taskId, attemptId } = workspace
      return { ms: await millis(() => capture(workspace, { taskId, attemptId, commitMessage: 'bench' })) }
    },
    diff: async () => {
      touch()
      return { ms: await millis(() => git(workspace.path, 'diff', '--binary', 'HEAD')) }
    },
  })
  const values = [found.capture.ms ?? Number.NaN, 'git diff', found.diff.ms ?? Number.NaN] as const
  return compare('capture of tree, diff and checkpoint, against git diff', 'ms', values, { atMost: 1.5 })
}

function makeRepo(path: string, files: number): string {
  git(path, 'init', '-q', '-b', 'main')
  const folders = 100
  for (let d = 0; d < folders; d += 1) {
    mkdirSync(join(path, `d${d}`))
    for (let f = 0; f < Math.ceil(files / folders); f += 1)
      writeFileSync(join(path, `d${d}`, `f${f}.txt`), `file ${d} ${f}\n`)
  }
  git(path, 'add', '-A')
  git(path, '-c', 'user.name=Bench', '-c', 'user.email=bench@localhost', 'commit', '-q', '-m', 'Start')
  return path
}

function git(cwd: string, ...args: string[]): void {
  const done = spawnSync('git', args, { cwd, encoding: 'utf8', timeout: 170_000, maxBuffer: 67_108_864 })
  if (done.status !== 0) throw new Error(`git ${args.join(' ')}: ${done.stderr}`)
}
