// A team at work, told over the real link by daemons that a test plays: tasks in every column, transcripts, a diff, requests.

import { createHash } from 'node:crypto'
import type { EventBody } from '../../src/protocol/events.ts'
import type { Evidence, TaskCreate, TaskView } from '../../src/protocol/task.ts'
import type { FakeDaemon, World } from '../server/world.ts'
import { endOf, runOf } from '../server/world.ts'

export interface Claim {
  readonly attemptId: string
  readonly epoch: number
  readonly task: { readonly id: string }
}

/** What a host of the team offers: two agents that are ready, one that is not, and the shell. */
export function host(name: string, maxAgents: number) {
  return {
    name,
    maxAgents,
    version: '0.1.0',
    labels: ['linux', 'infra'],
    freeDiskBytes: 412e9,
    freeMemoryBytes: 46e9,
    loadAverage: 2.4,
    processors: 16,
    repos: [
      { slug: 'acme/api', problem: null },
      { slug: 'acme/queue', problem: null },
      { slug: 'acme/site', problem: null },
    ],
    harnesses: [
      { name: 'claude-code', version: '2.1.4', ready: true, problem: null },
      { name: 'codex', version: '0.98.0', ready: true, problem: null },
      {
        name: 'gemini-cli',
        version: null,
        ready: false,
        problem: 'gemini is not on PATH; install it with: npm i -g @google/gemini-cli',
      },
      { name: 'shell', version: null, ready: true, problem: null, explicit: true },
    ],
  }
}

/** Gives a task and lets the daemon take it. */
export async function begin(world: World, daemon: FakeDaemon, body: TaskCreate): Promise<Claim> {
  const task = await world.client.call('createTask', { body })
  const { assignments } = await daemon.claim(2_000, 1, task.id)
  const [claim] = assignments
  if (claim === undefined) {
    const { why } = await world.client.call('getTask', { params: { id: task.id } })
    throw new Error(`${task.id} was not claimed: ${why}`)
  }
  return claim
}

/** The daemon says that the agent runs. */
export async function running(daemon: FakeDaemon, claim: Claim, harness = 'claude-code'): Promise<void> {
  await daemon.beat([
    { ...runOf(claim), harness, harnessVersion: '2.1.4', model: harness === 'shell' ? null : 'sonnet' },
  ])
}

/** Events in batches of fifty, as the daemon sends them. */
export async function tell(
  daemon: FakeDaemon,
  claim: Claim,
  bodies: readonly EventBody[],
  { from = 1, at = Date.now() }: { readonly from?: number; readonly at?: number } = {},
): Promise<void> {
  for (let i = 0; i < bodies.length; i += 50) {
    const events = bodies.slice(i, i + 50).map((body, k) => ({ seq: from + i + k, at: at + (i + k) * 400, ...body }))
    await daemon.ask('events', { attemptId: claim.attemptId, epoch: claim.epoch, events })
  }
}

export interface Ending {
  readonly patch?: string
  readonly checks?: Evidence['checks']
  readonly costUsd?: number
  /** The agent’s own id of the conversation. */
  readonly sessionRef?: string
}

/** The agent is done; the daemon has its evidence. */
export async function finish(
  world: World,
  daemon: FakeDaemon,
  claim: Claim,
  { patch = '', checks = [], costUsd = 0.42, sessionRef }: Ending,
): Promise<TaskView> {
  const diffCid = patch === '' ? null : await store(world, patch)
  const lines = patch.split('\n')
  const count = (sign: string) =>
    lines.filter((line) => line.startsWith(sign) && !line.startsWith(sign.repeat(3))).length
  const evidence: Evidence = {
    workspaceMode: 'worktree',
    branch: `capstan/${claim.task.id.slice(-6)}/change`,
    baseSha: 'd1c3b8a0f2e5d4c7b6a9081726354453627181f0',
    headSha: '5f1e2d3c4b5a69788796a5b4c3d2e1f001122334',
    treeId: '9a8b7c6d5e4f30211203f4e5d6c7b8a990817263',
    commitsAhead: patch === '' ? 0 : 1,
    filesChanged: lines.filter((line) => line.startsWith('diff --git ')).length,
    insertions: count('+'),
    deletions: count('-'),
    untracked: 0,
    diffBytes: Buffer.byteLength(patch),
    diffCid,
    diffWithheld: null,
    pushedRef: null,
    checks,
    checkpointRef: `refs/capstan/checkpoints/${claim.task.id}/1`,
    checkpointSha: '5f1e2d3c4b5a69788796a5b4c3d2e1f001122334',
    changedByChecks: false,
    nestedRepos: [],
  }
  const usage = { inputTokens: 18_240, outputTokens: 6_120, cacheReadTokens: 214_000, cacheWriteTokens: 31_000 }
  await daemon.ask('result', { ...endOf(claim), usage, costUsd, evidence, sessionRef: sessionRef ?? null })
  return world.client.call('getTask', { params: { id: claim.task.id } })
}

export async function fail(daemon: FakeDaemon, claim: Claim, detail: string): Promise<void> {
  await daemon.ask('fail', { ...endOf(claim), exitCode: 1, reason: 'agent_failed', detail, class: null, resetAt: null })
}

async function store(world: World, patch: string): Promise<string> {
  const bytes = Buffer.from(patch)
  const cid = `sha256-${createHash('sha256').update(bytes).digest('hex')}`
  await world.as(world.server.daemonToken).putBlob(cid, bytes)
  return cid
}

export const patch = `diff --git a/src/queue/retry.ts b/src/queue/retry.ts
index 3c1f2aa..8b0d9e1 100644
--- a/src/queue/retry.ts
+++ b/src/queue/retry.ts
@@ -1,16 +1,21 @@ import type { Clock } from '../clock.ts'
 // When a failed job runs again.
 
 import type { Clock } from '../clock.ts'
+import { jitter } from './jitter.ts'
 
-const baseMs = 1000
-const limitMs = 60000
+/** The first wait. */
+const baseMs = 1_000
+/** No wait is longer. */
+const limitMs = 60_000
 
 export interface Retry {
   readonly tries: number
   readonly lastAt: number
 }
 
-export function nextTry(retry: Retry, clock: Clock): number {
-  return clock.now() + Math.min(limitMs, baseMs * 2 ** retry.tries)
+/** Full jitter: many jobs that failed together do not come back together. */
+export function nextTry(retry: Retry, clock: Clock, random: () => number): number {
+  const limit = Math.min(limitMs, baseMs * 2 ** retry.tries)
+  return clock.now() + jitter(limit, random)
 }
diff --git a/src/queue/jitter.ts b/src/queue/jitter.ts
new file mode 100644
index 0000000..5a2b1c3
--- /dev/null
+++ b/src/queue/jitter.ts
@@ -0,0 +1,6 @@
+// Waits that differ.
+
+/** Between 0 and the limit, evenly. \`random\` gives 0 … 1. */
+export function jitter(limitMs: number, random: () => number): number {
+  return Math.floor(limitMs * random())
+}
diff --git a/test/queue/retry.test.ts b/test/queue/retry.test.ts
index 91c0d3e..7aa41b2 100644
--- a/test/queue/retry.test.ts
+++ b/test/queue/retry.test.ts
@@ -4,9 +4,15 @@ import { nextTry } from '../../src/queue/retry.ts'
 const clock = { now: () => 10_000 }
 
 test('the wait doubles with each try', () => {
-  expect(nextTry({ tries: 1, lastAt: 0 }, clock)).toBe(12_000)
-  expect(nextTry({ tries: 3, lastAt: 0 }, clock)).toBe(18_000)
+  const most = () => 1
+  expect(nextTry({ tries: 1, lastAt: 0 }, clock, most)).toBe(12_000)
+  expect(nextTry({ tries: 3, lastAt: 0 }, clock, most)).toBe(18_000)
+})
+
+test('two jobs that failed together come back apart', () => {
+  const at = [0.2, 0.9].map((share) => nextTry({ tries: 5, lastAt: 0 }, clock, () => share))
+  expect(new Set(at).size).toBe(2)
 })
 
 test('no wait is longer than a minute', () => {
-  expect(nextTry({ tries: 40, lastAt: 0 }, clock)).toBe(70_000)
+  expect(nextTry({ tries: 40, lastAt: 0 }, clock, () => 1)).toBe(70_000)
 })
diff --git a/docs/retries.png b/docs/retries.png
new file mode 100644
index 0000000..e69de29
Binary files /dev/null and b/docs/retries.png differ
`

export const talk: readonly EventBody[] = [
  {
    type: 'thinking',
    text: 'The retry code uses plain exponential backoff. Jobs that fail together come back together, which is the stampede in the report. Full jitter is the usual remedy; the random source should come in as an argument so that the test can hold it.',
  },
  { type: 'text', text: 'I will look at how retries are computed and who calls them.' },
  { type: 'tool_start', id: 't1', name: 'Grep', input: { pattern: 'nextTry', path: 'src' }, title: 'nextTry in src' },
  {
    type: 'tool_end',
    id: 't1',
    ok: true,
    output:
      'src/queue/retry.ts:14:export function nextTry(\nsrc/queue/worker.ts:88:  const at = nextTry(job.retry, clock)',
  },
  {
    type: 'tool_start',
    id: 't2',
    name: 'Read',
    input: { file_path: 'src/queue/retry.ts' },
    title: 'src/queue/retry.ts',
  },
  { type: 'tool_end', id: 't2', ok: true, output: '// When a failed job runs again.\n…' },
  {
    type: 'plan',
    items: [
      { text: 'Add a jitter function', status: 'completed' },
      { text: 'Use it in nextTry', status: 'in_progress' },
      { text: 'Test that two jobs come back apart', status: 'pending' },
    ],
  },
  { type: 'retry', tries: 1, delayMs: 4_000, class: 'overloaded', message: 'the model is overloaded' },
  {
    type: 'tool_start',
    id: 't3',
    name: 'Edit',
    input: {
      file_path: 'src/queue/retry.ts',
      old_string: 'baseMs * 2 ** retry.tries',
      new_string: 'jitter(limit, random)',
    },
    title: 'src/queue/retry.ts',
  },
  { type: 'tool_end', id: 't3', ok: true, output: 'The file was changed.' },
  { type: 'tool_start', id: 't4', name: 'Bash', input: { command: 'npm test -- retry' }, title: 'npm test -- retry' },
  {
    type: 'tool_end',
    id: 't4',
    ok: false,
    exitCode: 1,
    output:
      '\u001b[31mFAIL\u001b[39m test/queue/retry.test.ts\n  expected 12000, received 11384\n\u001b[2m1 failed, 2 passed\u001b[22m',
  },
  {
    type: 'text',
    text: 'The old test relied on there being no randomness. `nextTry` now takes the random source, so the test can say **most** and **least**:\n\n```ts\nconst most = () => 1\nexpect(nextTry({ tries: 1, lastAt: 0 }, clock, most)).toBe(12_000)\n```',
  },
  { type: 'tool_start', id: 't5', name: 'Bash', input: { command: 'npm test' }, title: 'npm test' },
  { type: 'tool_end', id: 't5', ok: true, exitCode: 0, output: '\u001b[32m✓\u001b[39m 214 passed' },
  {
    type: 'usage',
    usage: { inputTokens: 18_240, outputTokens: 6_120, cacheReadTokens: 214_000, cacheWriteTokens: 31_000 },
    costUsd: 0.42,
  },
  {
    type: 'text',
    text: 'Done. Retries now use full jitter:\n\n- `src/queue/jitter.ts` is new and has no dependency.\n- `nextTry` takes `random`, so its callers say where randomness comes from.\n- A new test shows that two jobs that failed together come back apart.\n\n| tries | wait before | wait now |\n|---|---|---|\n| 1 | 2 s | 0 … 2 s |\n| 5 | 32 s | 0 … 32 s |\n\nSee the [note on jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/) for why it is full and not equal.',
  },
]

export const checks: Evidence['checks'] = [
  { name: 'types', command: 'npm run types', exitCode: 0, durationMs: 6_200, treeId: null, outputTail: '' },
  {
    name: 'tests',
    command: 'npm test',
    exitCode: 0,
    durationMs: 41_800,
    treeId: null,
    outputTail: '\u001b[32m✓\u001b[39m 214 passed',
  },
]
