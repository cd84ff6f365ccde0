// The team of the pictures: something in every column, so that a look at the board says what each of them is for.

import type { FakeDaemon, World } from '../server/world.ts'
import { begin, checks, fail, finish, host, patch, running, talk, tell } from './fleet.ts'

export interface Demo {
  readonly reviewId: string
  readonly workingId: string
  readonly askingId: string
}

/** Plays the team's last hour. The daemons are heard of for as long as a lease lasts. */
export async function playDemo(world: World): Promise<Demo> {
  const { client } = world
  await client.call('createPool', { body: { name: 'build' } })
  await client.call('createProfile', {
    body: {
      name: 'careful',
      harness: 'claude-code',
      model: 'opus',
      autonomy: 'ask',
      description: 'Asks before it runs anything',
    },
  })
  await client.call('createToken', { body: { name: 'ada', scopes: ['user'] } })
  const box = await world.daemon({ offer: { ...host('build-box', 6), pool: 'build' } })
  await world.daemon({
    key: 'key-laptop-0123456789-abc',
    bootId: 'boot-2',
    offer: {
      ...host('ada-laptop', 2),
      hostId: 'laptop',
      platform: 'darwin-arm64',
      pool: null,
      labels: ['macos'],
      freeDiskBytes: 81e9,
      processors: 8,
    },
  })
  await history(world, box)
  const review = await begin(world, box, {
    prompt:
      'Add full jitter to the retry backoff, with a test\n\nJobs that fail together come back together and take the database down again (see the report of last Tuesday).',
    repo: 'acme/queue',
    harness: 'claude-code',
    review: 'required',
    checks: [{ name: 'tests', command: 'npm test' }],
  })
  await running(box, review)
  await tell(box, review, talk, { at: Date.now() - 500_000 })
  await finish(world, box, review, { patch, checks })
  const asking = await begin(world, box, {
    prompt: 'Upgrade the PostgreSQL driver and run the migrations on staging',
    repo: 'acme/api',
    harness: 'claude-code',
    autonomy: 'ask',
    labels: ['infra'],
  })
  await running(box, asking)
  await tell(box, asking, talk.slice(0, 4))
  await box.ask('request', {
    attemptId: asking.attemptId,
    epoch: asking.epoch,
    requestId: 'req_01demo0000000000000000001',
    kind: 'permission',
    title: 'npm run migrate -- --env staging',
    body: {
      command: 'npm run migrate -- --env staging',
      description: 'Apply the two pending migrations to the staging database',
    },
    options: [
      { id: 'allow', label: 'Allow once', grants: 'allow' },
      { id: 'always', label: 'Allow in this run', grants: 'always' },
      { id: 'deny', label: 'Deny', grants: 'deny' },
    ],
    openForMs: 3_600_000,
  })
  const asking2 = await begin(world, box, { prompt: 'Rename the billing module', repo: 'acme/api', harness: 'codex' })
  await running(box, asking2, 'codex')
  await box.ask('request', {
    attemptId: asking2.attemptId,
    epoch: asking2.epoch,
    requestId: 'req_01demo0000000000000000002',
    kind: 'question',
    title: 'Which name should the package get?',
    body: { questions: [{ question: 'Which name should the package get?', options: ['invoicing', 'payments'] }] },
    options: [
      { id: 'invoicing', label: 'invoicing', grants: 'other' },
      { id: 'payments', label: 'payments', grants: 'other' },
    ],
    openForMs: 3_600_000,
  })
  const working = await begin(world, box, {
    prompt: 'Find out why the nightly import is slow, and make it fast',
    repo: 'acme/api',
    harness: 'claude-code',
  })
  await running(box, working)
  await tell(box, working, talk.slice(0, 9))
  const shell = await begin(world, box, {
    prompt: 'npm run bench',
    title: 'Nightly benchmarks',
    repo: 'acme/queue',
    harness: 'shell',
  })
  await running(box, shell, 'shell')
  await waiting(world)
  const runs = [asking, asking2, working, shell].map((claim) => ({
    attemptId: claim.attemptId,
    epoch: claim.epoch,
    phase: 'running' as const,
    harness: 'claude-code',
    harnessVersion: '2.1.4',
    model: 'sonnet',
    containment: 'cgroup',
  }))
  await box.beat(runs, false, { freeDiskBytes: 412e9, freeMemoryBytes: 46e9, loadAverage: 2.4 })
  return { reviewId: review.task.id, workingId: working.task.id, askingId: asking.task.id }
}

async function history(world: World, box: FakeDaemon): Promise<void> {
  const titles = [
    'Fix the flaky login test',
    'Add a health check to the worker',
    'Document the deploy steps',
    'Replace moment with Temporal',
    'Speed up the search index',
    'Drop support for Node 20',
  ]
  for (const [i, title] of titles.entries()) {
    const claim = await begin(world, box, {
      prompt: title,
      repo: i % 2 === 0 ? 'acme/api' : 'acme/site',
      harness: i % 3 === 2 ? 'codex' : 'claude-code',
    })
    await running(box, claim, i % 3 === 2 ? 'codex' : 'claude-code')
    await tell(box, claim, talk.slice(0, 5))
    await finish(world, box, claim, { patch, checks, costUsd: 0.1 + i * 0.17 })
  }
  for (const [title, why] of [
    [
      'Port the image pipeline to WebAssembly',
      'The agent ended with exit code 1: the build needs emscripten, which is not installed here',
    ],
    ['Migrate the CSS to layers', 'tests failed: 3 of 214'],
  ] as const) {
    const claim = await begin(world, box, { prompt: title, repo: 'acme/site', harness: 'claude-code', maxAttempts: 1 })
    await running(box, claim)
    await tell(box, claim, talk.slice(0, 12))
    await fail(box, claim, why)
  }
  const second = await begin(world, box, {
    prompt: 'Make the cookie banner accessible',
    repo: 'acme/site',
    harness: 'codex',
    review: 'required',
  })
  await running(box, second, 'codex')
  await finish(world, box, second, {
    patch,
    checks: [
      {
        name: 'tests',
        command: 'npm test',
        exitCode: 1,
        durationMs: 8_000,
        treeId: null,
        outputTail: 'expected 4, received 5',
      },
    ],
  })
}

async function waiting({ client }: World): Promise<void> {
  await client.call('createTask', {
    body: { prompt: 'Write release notes for 3.2', repo: 'acme/site', runAt: Date.now() + 7_200_000 },
  })
  await client.call('createTask', {
    body: {
      prompt: 'Generate the quarterly dependency report',
      repo: 'acme/api',
      harness: 'gemini-cli',
      labels: ['report'],
    },
  })
  const gone = await client.call('createTask', {
    body: { prompt: 'Try the new bundler', repo: 'acme/site', harness: 'gemini-cli' },
  })
  await client.call('cancelTask', { params: { id: gone.id }, body: { message: 'superseded by the Vite upgrade' } })
}
