// Tasks, attempts and hosts as the server shows them, for the renderers' tests.

import type { EventBody, TranscriptEvent } from '../../src/protocol/events.ts'
import type { DaemonView } from '../../src/protocol/fleet.ts'
import type { AttemptView, Evidence, TaskView } from '../../src/protocol/task.ts'

export const now = 1_760_000_000_000
export const taskId = 'task_01k70qxz80aaaaaaaaaaaaaaaa'

export function sampleEvidence(changes: Partial<Evidence> = {}): Evidence {
  return {
    workspaceMode: 'worktree',
    branch: 'capstan/01k70/fix-the-test',
    baseSha: 'a'.repeat(40),
    headSha: 'a'.repeat(40),
    treeId: 'b'.repeat(40),
    commitsAhead: 0,
    filesChanged: 3,
    insertions: 10,
    deletions: 2,
    untracked: 1,
    diffBytes: 500,
    diffCid: `sha256-${'c'.repeat(64)}`,
    diffWithheld: null,
    pushedRef: null,
    checks: [],
    checkpointRef: `refs/capstan/checkpoints/${taskId}/1`,
    checkpointSha: 'd'.repeat(40),
    changedByChecks: false,
    nestedRepos: [],
    ...changes,
  }
}

export function sampleAttempt(changes: Partial<AttemptView> = {}): AttemptView {
  return {
    n: 1,
    id: 'att_01k70qxz80aaaaaaaaaaaaaaaa',
    epoch: 1,
    state: 'completed',
    ownership: null,
    reason: null,
    detail: '',
    daemonId: 'dmn_01k70qxz80aaaaaaaaaaaaaaaa',
    daemonName: 'laptop:app',
    harness: 'codex',
    harnessVersion: '0.142.0',
    model: 'gpt-5',
    profileId: null,
    profileCid: null,
    containment: 'group',
    startedAt: now - 60_000,
    runningAt: now - 57_000,
    endedAt: now - 15_000,
    leaseExpiresAt: null,
    lastHeartbeatAt: null,
    lastEventAt: now - 15_000,
    stalledSince: null,
    eventCount: 12,
    exitCode: 0,
    signal: null,
    usage: { inputTokens: 2_300, outputTokens: 1_234, cacheReadTokens: 10_000, cacheWriteTokens: 0 },
    costUsd: 0.12,
    costEstimated: false,
    evidence: sampleEvidence(),
    output: null,
    outputCid: null,
    sessionRef: null,
    takesMessages: false,
    waitsSince: null,
    waitedMs: 0,
    sessionCid: null,
    withheld: [],
    salvage: [],
    ...changes,
  }
}

export function sampleTask(changes: Partial<TaskView> = {}): TaskView {
  return {
    id: taskId,
    teamId: 'team_01k70qxz80aaaaaaaaaaaaaaaa',
    type: 'freeform',
    state: 'completed',
    reason: null,
    detail: '',
    verdict: 'accepted',
    title: 'fix the failing test',
    prompt: 'fix the failing test',
    input: {},
    expect: 'nothing',
    review: 'none',
    repo: 'acme/app',
    harness: null,
    model: null,
    thinkingLevel: null,
    autonomy: 'full',
    profiles: [],
    pool: null,
    daemon: null,
    role: null,
    labels: [],
    priority: 0,
    workspace: { mode: 'worktree', scope: 'attempt', base: null },
    checks: [],
    claimCondition: null,
    runAt: null,
    notBefore: null,
    expiresAt: null,
    continueFrom: null,
    context: [],
    attachments: [],
    budgets: {},
    runningTimeoutMs: 7_200_000,
    setupTimeoutMs: 900_000,
    checkTimeoutMs: 900_000,
    failover: 'patient',
    onStall: 'notify',
    onRateLimit: null,
    outputSchema: null,
    stallTimeoutMs: 1_800_000,
    openRequests: 0,
    correlationId: null,
    causeId: null,
    hops: 0,
    maxAttempts: 3,
    retryOn: [],
    epoch: 1,
    createdAt: now - 120_000,
    createdBy: 'user:local',
    queuedAt: now - 120_000,
    endedAt: now - 15_000,
    why: null,
    attempts: [sampleAttempt()],
    ...changes,
  }
}

export function sampleHost(changes: Partial<DaemonView> = {}): DaemonView {
  return {
    id: 'dmn_01k70qxz80aaaaaaaaaaaaaaaa',
    teamId: 'team_01k70qxz80aaaaaaaaaaaaaaaa',
    hostId: 'laptop-1234',
    name: 'laptop:app',
    version: '0.1.0',
    platform: 'linux-x64',
    identity: 'default',
    pool: null,
    roles: ['qa', 'dev'],
    repos: [{ slug: 'acme/app', problem: null }],
    harnesses: [
      { name: 'codex', version: '0.142.0', ready: true, problem: null },
      { name: 'gemini-cli', version: null, ready: false, problem: 'not installed: npm i -g @google/gemini-cli' },
      { name: 'shell', version: null, ready: true, problem: null },
    ],
    profiles: [],
    labels: [],
    types: [],
    maxAgents: 4,
    running: 1,
    connected: true,
    draining: false,
    freeDiskBytes: 52_300_000_000,
    freeMemoryBytes: 7_000_000_000,
    registeredAt: now - 1_000_000,
    lastSeenAt: now - 3_000,
    ...changes,
  }
}

/** Numbers events as a daemon would. */
export function numbered(bodies: readonly EventBody[], attempt = 1): TranscriptEvent[] {
  return bodies.map((body, at) => ({ attempt, seq: at + 1, at: now + at, ...body }))
}
