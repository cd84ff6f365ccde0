// policy.toml: what it forbids, in the words of its own rules, and what it does not take.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { eventAsAllowed, withheld } from '../../src/daemon/outbox/withheld.ts'
import { type Asked, offeredTypes, readPolicy, refusedBy } from '../../src/daemon/policy.ts'
import type { EventBody } from '../../src/protocol/events.ts'

const folder = mkdtempSync(join(tmpdir(), 'capstan-policy-'))
afterAll(() => rmSync(folder, { recursive: true }))

function policy(text: string, server = 'http://127.0.0.1:8080') {
  const path = join(folder, 'policy.toml')
  writeFileSync(path, text)
  return readPolicy(path, server)
}

const asked: Asked = {
  repo: 'acme/app',
  type: 'freeform',
  harness: 'codex',
  autonomy: 'full',
  runningTimeoutMs: 3_600_000,
  sandboxed: false,
  write: [],
  setup: false,
}

describe('the host’s policy', () => {
  test('without a file forbids the shell alone, and only to a server elsewhere', () => {
    const none = readPolicy(join(folder, 'none.toml'), 'https://capstan.example.com')
    expect(refusedBy(none, asked)).toBeNull()
    expect(refusedBy(none, { ...asked, harness: 'shell' })).toBe('allowShell = false')
    expect(refusedBy(policy(''), { ...asked, harness: 'shell' })).toBeNull()
    expect(none.upload).toEqual({ events: 'full', diff: true, artifacts: true, session: true, checkpoint: false })
  })

  test('lets agents start git and gh outside their sandboxes, and for a server elsewhere nothing that it does not name', () => {
    expect(policy('').hostExec).toEqual(['git', 'gh'])
    expect(policy('', 'https://capstan.example.com').hostExec).toEqual([])
    expect(policy('hostExec = ["git"]', 'https://capstan.example.com').hostExec).toEqual(['git'])
    expect(policy('hostExec = []').hostExec).toEqual([])
    expect(() => policy('hostExec = ["/usr/bin/git"]')).toThrow(/the name of a program/)
  })

  test.each([
    ['repos = ["acme/other"]', {}, 'repos lacks acme/app'],
    ['harnesses = ["claude-code"]', {}, 'harnesses lacks codex'],
    ['taskTypes = ["review"]', {}, 'taskTypes lacks freeform'],
    ['allowShell = false', { harness: 'shell' }, 'allowShell = false'],
    ['allowShell = false', { setup: true }, 'allowShell = false, and the profile has setupCommands or resumeCommands'],
    ['allowShell = true', { setup: true }, null],
    ['maxAutonomy = "edit"', {}, 'maxAutonomy = edit'],
    ['maxTimeout = "30m"', {}, 'maxTimeout = 30m, and the task may run 1h'],
    ['maxTimeout = "30m"', { runningTimeoutMs: 0 }, 'maxTimeout = 30m, and the task has no bound'],
    ['requireSandbox = true', {}, 'requireSandbox = true, and the profile has no sandbox with runtime os'],
    [
      'requireSandbox = true',
      { sandboxed: true, write: ['~/x'] },
      'requireSandbox = true, and sandbox.writable lacks ~/x',
    ],
    ['requireSandbox = true\n[sandbox]\nwritable = ["~/x"]', { sandboxed: true, write: ['~/x/y'] }, null],
    ['repos = []', { repo: null }, null],
  ])('with %j refuses by the rule’s name', (text, more, rule) => {
    expect(refusedBy(policy(text), { ...asked, ...more })).toBe(rule)
  })

  test.each([
    ['requireSandbx = true', /the rule "requireSandbx" is not known; did you mean requireSandbox\?/],
    ['[upload]\ndifff = true', /the rule "upload.difff" is not known; did you mean diff\?/],
    ['maxTimeout = "2 hours"', /maxTimeout: a duration such as 2h or 90m/],
    ['[upload]\nevents = "some"', /upload.events/],
    ['[sandbox]\nprivateHosts = ["http://localhost"]', /has a scheme: write the host alone/],
    ['[sandbox]\nwritable = ["relative"]', /an absolute path, or one that begins with ~\//],
    ['repos = "acme"', /repos/],
    ['repos = [', /is not TOML/],
  ])('%j is refused with a sentence', (text, sentence) => {
    expect(() => policy(text)).toThrow(sentence)
  })

  test('says which types are asked for', () => {
    expect(offeredTypes([], policy(''))).toEqual([])
    expect(offeredTypes([], policy('taskTypes = ["review"]'))).toEqual(['review'])
    expect(offeredTypes(['review', 'x'], policy('taskTypes = ["review"]'))).toEqual(['review'])
  })
})

describe('what leaves a host that keeps its words', () => {
  const secret = 'KESTREL'
  const events: EventBody[] = [
    { type: 'text', text: secret },
    { type: 'thinking', text: secret, parent: 't1' },
    { type: 'tool_start', id: 't1', name: 'Read', input: { path: secret }, title: secret },
    { type: 'tool_end', id: 't1', ok: true, output: secret, exitCode: 0 },
    { type: 'turn_end', reason: secret },
    { type: 'plan', items: [{ text: secret, status: 'pending' }] },
    { type: 'request', requestId: 'r1', kind: 'permission', title: secret, rule: secret },
    { type: 'retry', tries: 1, delayMs: null, class: null, message: secret },
    { type: 'notice', message: secret },
    { type: 'error', class: 'network', message: secret, fatal: true },
    { type: 'raw', stream: 'stderr', line: secret },
    { type: 'usage', usage: { inputTokens: 1, outputTokens: 2, cacheReadTokens: 0, cacheWriteTokens: 0 }, costUsd: 1 },
  ]

  test.each(['headers', 'none'] as const)('at %s no event carries a word of its own, and none is missing', (how) => {
    const numbered = events.map((event, at) => ({ ...event, seq: at + 1, at: 5 }))
    const sent = numbered.map((event) => eventAsAllowed(event, how))
    expect(JSON.stringify(sent)).not.toContain(secret)
    expect(sent.map(({ seq, at }) => [seq, at])).toEqual(numbered.map(({ seq, at }) => [seq, at]))
    expect(new Set(sent.map(({ type }) => type)).size).toBe(how === 'headers' ? events.length : 2)
  })

  test('a report keeps its numbers and loses its sentences, unless they are the daemon’s own', () => {
    const upload = { events: 'headers', diff: false, artifacts: false, session: false, checkpoint: false } as const
    const owner = {
      attemptId: 'a',
      epoch: 1,
      at: 1,
      exitCode: 1,
      signal: null,
      usage: null,
      costUsd: null,
      evidence: null,
      withheld: [],
      sessionRef: null,
      class: null,
      resetAt: null,
    }
    const failed = { ...owner, reason: 'agent_failed', detail: secret } as const
    expect(withheld<'fail'>(upload, failed)).toMatchObject({
      reason: 'agent_failed',
      detail: 'kept on the host',
      withheld: ['events'],
    })
    const refused = { ...owner, reason: 'policy_refused', detail: 'says allowShell = false' } as const
    expect(withheld<'fail'>(upload, refused).detail).toBe('says allowShell = false')
    expect(withheld<'fail'>({ ...upload, events: 'full' }, failed)).toBe(failed)
    const request = {
      attemptId: 'a',
      epoch: 1,
      requestId: 'r',
      kind: 'permission',
      title: secret,
      body: { command: secret },
      options: [{ id: 'o', label: secret, grants: 'allow' }],
      openForMs: 1,
    } as const
    expect(JSON.stringify(withheld<'request'>(upload, { ...request, options: [...request.options] }))).not.toContain(
      secret,
    )
  })
})
