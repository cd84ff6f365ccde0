// Random runs with random kills, and the audit after them: nothing leaked, nothing destroyed. Small in `npm test`, long in the soak.

import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../src/core/clock.ts'
import { cleanUp } from '../../src/daemon/gc/clean-up.ts'
import { folderNames, stateDirs } from '../../src/daemon/gc/leftovers.ts'
import type { GcReport } from '../../src/daemon/gc/report.ts'
import { defaultRetention } from '../../src/daemon/gc/retention.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { carriers, listProcesses } from '../../src/lib/proc.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import { processesOf } from '../journeys/world.ts'
import type { Field, Host } from './field.ts'
import type { Random } from './random.ts'

/** What a script leaves in its workspace. Each first writes the file that the audit looks for. */
const endings = [
  'sleep 0.1',
  'git add -A && git commit -qm Work && echo loose > loose.txt',
  '(setsid sleep 60 &) ; (nohup sleep 60 >/dev/null 2>&1 &) ; sleep 0.2',
  'mkdir inner && cd inner && git init -q && echo in > in.txt && git add -A && git commit -qm Inner',
  'git checkout -q --detach && git add -A && git commit -qm Detached && sleep 0.3; exit 1',
  'sleep 1.2; echo more > more.txt',
  'mkfifo pipe; mkdir -p node_modules/x/.git && echo x > node_modules/x/y; chmod 500 node_modules/x; exit 3',
  'git checkout -qb mine-$CAPSTAN_ATTEMPT 2>/dev/null; touch .git/index.lock 2>/dev/null; rm -rf README.md; exec sleep 0.6',
] as const

const faults = ['none', 'none', 'kill daemon', 'cancel', 'kill agent', 'clean up'] as const

export interface RandomRuns {
  readonly runs: number
  readonly random: Random
}

/** What was done, for the audit. */
export interface Ran {
  readonly tasks: readonly { readonly id: string; readonly file: string; readonly token: string }[]
  readonly faults: Readonly<Record<string, number>>
  readonly dataDir: string
}

/**
 * Runs tasks on one host, four at once, while its daemon and agents are killed, tasks are cancelled and clean-ups run beside; returns when all
 * have ended and the daemon is stopped. The field must be new.
 */
export async function randomRuns(field: Field, { runs, random }: RandomRuns): Promise<Ran> {
  const { world, repo } = field
  world.write(join(world.home, '.capstan/daemon.toml'), '[retention]\nwarm = 1\nwarmFiles = 1\n')
  await world.git(repo, 'worktree', 'add', '-q', '-b', 'mine', join(world.root, 'beside'))
  world.write(join(repo, 'mine.txt'), 'not committed\n')
  world.write(join(world.root, 'beside/mine.txt'), 'not committed\n')
  const args = ['--checkpoint-interval', '200ms', '--min-free-disk', '0']
  let host = await field.host('a', { args })
  const counts: Record<string, number> = {}
  const tasks: Ran['tasks'][number][] = []
  for (let done = 0; done < runs; ) {
    const wave = Math.min(4, runs - done)
    const ids: string[] = []
    for (let n = 0; n < wave; n += 1) {
      const [file, token] = [`task-${done + n}.txt`, `token-${random.below(1e9)}`]
      const prompt = `echo ${token} > ${file}; ${random.pick(endings)}`
      const { id } = await field.add(prompt, { repo: 'app', title: `Run ${done + n}` })
      tasks.push({ id, file, token })
      ids.push(id)
    }
    done += wave
    for (const id of ids) {
      const fault = random.pick(faults)
      counts[fault] = (counts[fault] ?? 0) + 1
      await systemClock.sleep(random.below(400))
      host = await commit(fault, { field, host, id, args })
    }
    for (const id of ids) await field.ended(id, 60_000)
  }
  await host.stop()
  return { tasks, faults: counts, dataDir: host.dataDir }
}

interface Scene {
  readonly field: Field
  readonly host: Host
  readonly id: string
  readonly args: readonly string[]
}

async function commit(fault: (typeof faults)[number], { field, host, id, args }: Scene): Promise<Host> {
  switch (fault) {
    case 'none':
      return host
    case 'kill daemon':
      await host.stop('SIGKILL')
      return field.host('a', { args })
    case 'cancel':
      await field.client.call('cancelTask', { params: { id }, body: {} }).catch(() => null) // it may have ended
      return host
    case 'kill agent':
      for (const { id: attemptId } of (await field.task(id)).attempts) await killRun(attemptId)
      return host
    case 'clean up':
      await clean(host.dataDir)
      return host
  }
}

/** Every process of the run, and by that mostly its agent; the supervisor has no marker and sees it. */
async function killRun(attemptId: string): Promise<void> {
  for (const { pid } of await carriers(await listProcesses(), 'CAPSTAN_RUN_ID', attemptId)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // it ended meanwhile
    }
  }
}

function clean(dataDir: string, clock: Clock = systemClock): Promise<GcReport> {
  return cleanUp({ dataDir, retention: defaultRetention, dryRun: false, olderThanMs: 0, clock })
}

/** An empty folder that a daemon made right before it was killed is told from one that is being made by its age: an hour. */
const later: Clock = { ...systemClock, now: () => systemClock.now() + 2 * 3_600_000 }

/** What is wrong after the runs, in sentences; empty: nothing. Cleans up first, as `capstan gc --older-than 0` does. */
export async function auditCleanUp(field: Field, ran: Ran): Promise<string[]> {
  const tasks = await Promise.all(ran.tasks.map(({ id }) => field.task(id)))
  const report = await clean(ran.dataDir, later)
  const kept = report.kept.map(({ path, why }) => `kept: ${path}: ${why}`)
  const needed = report.needed === 0 ? [] : [`${report.needed} runs are still needed by the journal`]
  return [
    ...kept,
    ...needed,
    ...(await destroyed(field, ran, tasks)),
    ...(await leakedInRepository(field, tasks)),
    ...leakedFiles(field, ran.dataDir),
    ...processesOf(field.world.root).map((each) => `process: ${each}`),
  ]
}

/** Every checkpoint that was reported is there with the run's file; what the user had is as it was. */
async function destroyed(field: Field, ran: Ran, tasks: readonly TaskView[]): Promise<string[]> {
  const { repo, world } = field
  const wrong: string[] = []
  for (const [at, task] of tasks.entries()) {
    const { file, token } = ran.tasks[at] ?? { file: '', token: '' }
    for (const { evidence, n, reason } of task.attempts) {
      if (evidence?.checkpointSha == null) {
        if (task.state === 'completed') wrong.push(`destroyed: ${task.id} completed without a checkpoint`)
        continue
      }
      const made = evidence.filesChanged > 0
      const text = await world.git(repo, 'show', `${evidence.checkpointSha}:${file}`).catch(() => null)
      if (made && text !== token)
        wrong.push(`destroyed: ${file} of ${task.id}, attempt ${n} (${reason}) is not in its checkpoint`)
      const tip = await world.git(repo, 'rev-parse', evidence.checkpointRef ?? '').catch(() => null)
      if (tip === null) wrong.push(`destroyed: ${evidence.checkpointRef}`)
    }
    const branch = task.attempts.at(-1)?.evidence?.branch
    const delivered = branch == null ? null : await world.git(repo, 'show', `${branch}:${file}`).catch(() => null)
    if (task.state === 'completed' && delivered !== token) wrong.push(`destroyed: ${task.id} is not on ${branch}`)
  }
  for (const folder of [repo, join(world.root, 'beside')]) {
    const text = existsSync(join(folder, 'mine.txt')) ? readFileSync(join(folder, 'mine.txt'), 'utf8') : null
    if (text !== 'not committed\n') wrong.push(`destroyed: ${folder}/mine.txt`)
    const status = await world.git(folder, 'status', '--porcelain')
    if (status !== '?? mine.txt') wrong.push(`destroyed: ${folder} has the status ${status}`)
  }
  return wrong
}

async function leakedInRepository({ repo, world }: Field, tasks: readonly TaskView[]): Promise<string[]> {
  const listed = (await world.git(repo, 'worktree', 'list', '--porcelain')).split('\n')
  const worktrees = listed.filter((line) => line.startsWith('worktree ')).map((line) => line.slice('worktree '.length))
  const mine = new Set([repo, join(world.root, 'beside')])
  const branches = (await world.git(repo, 'for-each-ref', '--format=%(refname:short)', 'refs/heads/capstan')).split(
    '\n',
  )
  // a branch may stay where something is on it that nothing else holds; one that stands at the base may not
  const base = await world.git(repo, 'rev-parse', 'main')
  const idle: string[] = []
  for (const branch of branches.filter((name) => name !== '')) {
    if ((await world.git(repo, 'rev-parse', branch)) === base) idle.push(branch)
  }
  const live = tasks.filter((task) => task.endedAt === null).map(({ id }) => `task not ended: ${id}`)
  return [
    ...worktrees.filter((path) => !mine.has(path)).map((path) => `leaked: worktree ${path}`),
    ...folderNames(join(repo, '.git/worktrees'))
      .filter((name) => name !== 'beside')
      .map((name) => `leaked: .git/worktrees/${name}`),
    ...idle.map((branch) => `leaked: branch ${branch}`),
    ...filesBelow(join(repo, '.git'), (path) => path.endsWith('.lock')).map((path) => `leaked: lock ${path}`),
    ...live,
  ]
}

function leakedFiles({ world }: Field, dataDir: string): string[] {
  const left = stateDirs(dataDir).flatMap((dir) =>
    ['runs', 'workspaces', 'warm'].flatMap((name) => folderNames(join(dir, name)).map((each) => join(dir, name, each))),
  )
  const trees = folderNames(join(dataDir, 'worktrees')).flatMap((repo) =>
    folderNames(join(dataDir, 'worktrees', repo)).map((name) => join(dataDir, 'worktrees', repo, name)),
  )
  const pipes = filesBelow(world.root, (path) => {
    const found = lstatSync(path, { throwIfNoEntry: false })
    return found?.isFIFO() === true || found?.isSocket() === true
  })
  return [...left, ...trees, ...pipes].map((path) => `leaked: ${path}`)
}

function filesBelow(folder: string, wanted: (path: string) => boolean): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(wanted)
}
