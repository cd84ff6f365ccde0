// Codex where a person is asked: `codex app-server`, played by a real process.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { codex } from '../../../src/daemon/harness/codex.ts'
import type { Harness, RunInput } from '../../../src/daemon/harness/port.ts'
import type { CodexScript, CodexStep } from '../../fakes/codex-app-server.ts'
import type { Converse, Conversed } from '../../fakes/converse.ts'
import { converse } from '../../fakes/converse.ts'
import { runInput } from './hosts.ts'

const server = join(import.meta.dirname, '..', '..', 'fakes', 'codex-app-server.ts')

type Options = Partial<Pick<Converse, 'answer' | 'onStep' | 'restarts'>> & { readonly input?: Partial<RunInput> }

async function play<T>(
  script: CodexScript,
  options: Options,
  look: (run: Conversed & { cwd: string }) => T,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-codex-'))
  try {
    const file = join(folder, 'script.json')
    writeFileSync(file, JSON.stringify(script))
    const { input: fields, ...rest } = options
    const input = runInput({ cwd: folder, autonomy: 'ask', ...fields })
    const launch = codex.launch(input)
    const run = await converse({
      harness: codex as Harness, // the driver keeps the state and gives back only what this adapter made
      argv: [process.execPath, server, file],
      env: {},
      cwd: folder,
      brief: input,
      opening: launch.stdin.kind === 'pipe' ? launch.stdin.text : '',
      ...rest,
    })
    return look({ ...run, cwd: folder })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const shellLine = `/bin/bash -lc "make test"`
const item = { type: 'commandExecution', id: 'c1', command: shellLine, cwd: '/w', status: 'inProgress' }
const started: CodexStep = { tell: 'item/started', params: { item } }
const completed: CodexStep = {
  tell: 'item/completed',
  params: { item: { ...item, status: 'completed', aggregatedOutput: 'all passed', exitCode: 0 } },
}
const rule = { acceptWithExecpolicyAmendment: { execpolicy_amendment: ['make', 'test'] } }
const asks: CodexStep = {
  ask: 'item/commandExecution/requestApproval',
  params: {
    kind: 'command',
    itemId: 'c1',
    command: shellLine,
    cwd: '/w',
    availableDecisions: ['accept', rule, 'cancel'],
  },
  write: ['made.txt', 'made\n'],
}
const words: CodexStep = { tell: 'item/completed', params: { item: { type: 'agentMessage', id: 'm', text: 'Done.' } } }
const done: CodexStep = { end: 'completed' }

function tokens(total: number, last: number, more: object = {}): CodexStep {
  const counts = (input: number) => ({ inputTokens: input, cachedInputTokens: input / 10, outputTokens: input / 100 })
  return {
    tell: 'thread/tokenUsage/updated',
    params: { tokenUsage: { total: counts(total), last: counts(last) }, ...more },
  }
}

describe('a turn', () => {
  test('reads as in exec: a command with its output, words, tokens and an end', async () => {
    const plan = { tell: 'turn/plan/updated', params: { plan: [{ step: 'test', status: 'inProgress' }] } }
    await play({ steps: [plan, started, completed, words, tokens(1_000, 1_000), done] }, { restarts: true }, (run) => {
      expect(run.events.filter((event) => event.type !== 'raw')).toEqual([
        { type: 'plan', items: [{ text: 'test', status: 'in_progress' }] },
        { type: 'tool_start', id: 'c1', name: 'shell', input: { command: shellLine }, title: 'make test' },
        { type: 'tool_end', id: 'c1', ok: true, output: 'all passed', exitCode: 0 },
        { type: 'text', text: 'Done.' },
        {
          type: 'usage',
          usage: { inputTokens: 900, cacheReadTokens: 100, cacheWriteTokens: 0, outputTokens: 10 },
          costUsd: null,
        },
        { type: 'turn_end', reason: 'completed' },
      ])
      expect(run).toMatchObject({ done: true, exit: { code: 0 } })
      expect(run.verdict).toMatchObject({ ok: true, lastText: 'Done.', model: 'gpt-scripted' })
    })
  })

  test('the cost is estimated by the price of the model that the thread names, and marked as an estimate', async () => {
    const prices = { 'gpt-scripted': { input: 10, output: 100, cacheRead: 1, cacheWrite: null } }
    await play({ steps: [words, tokens(1_000, 1_000), done] }, { input: { prices } }, (run) => {
      const costUsd = (900 * 10 + 10 * 100 + 100 * 1) / 1_000_000
      expect(run.events).toContainEqual(expect.objectContaining({ type: 'usage', costUsd, estimate: true }))
      expect(run.verdict.costUsd).toBe(costUsd)
    })
  })

  test('of a resumed thread only this run’s tokens count', async () => {
    await play(
      { steps: [tokens(4_000, 1_000, { turnId: 'earlier' }), tokens(5_000, 1_000), tokens(6_000, 1_000), done] },
      { input: { sessionRef: '01a1fcc0-0000-7000-8000-000000000001' } },
      (run) => {
        expect(run.verdict.usage).toMatchObject({ inputTokens: 1_800, cacheReadTokens: 200, outputTokens: 20 })
        expect(run.sent[1]).toContain('"thread/resume"')
      },
    )
  })

  test('a sub-agent speaks under the call that started it', async () => {
    const call = {
      type: 'collabAgentToolCall',
      id: 'sub',
      tool: 'spawnAgent',
      prompt: 'look',
      receiverThreadIds: ['t2'],
    }
    const says = { item: { type: 'agentMessage', id: 'x', text: 'I looked.' }, threadId: 't2' }
    const steps = [
      { tell: 'item/started', params: { item: call } },
      { tell: 'item/completed', params: says },
      words,
      done,
    ]
    await play({ steps }, {}, (run) => {
      expect(run.events).toContainEqual({ type: 'text', text: 'I looked.', parent: 'sub' })
      expect(run.verdict.lastText).toBe('Done.')
    })
  })

  test('a message is given to the turn at work, or begins the next when it came too late', async () => {
    let said = false
    const onStep: Converse['onStep'] = (step, say) => {
      if (said || !step.events.some((event) => event.type === 'tool_start')) return
      said = true
      say('and the docs')
    }
    await play({ steps: [started, { awaitSteer: true }, words, done] }, { onStep }, (run) => {
      expect(run.sent.at(-1)).toContain('"turn/steer"')
      expect(run.verdict.ok).toBe(true)
    })
    said = false
    const refused: CodexScript = { steps: [started, { awaitSteer: true }, done, words, done], refuseSteer: true }
    await play(refused, { onStep }, (run) => {
      expect(run.sent.filter((line) => line.includes('"turn/start"'))).toHaveLength(2)
      expect(run.sent.at(-1)).toContain('and the docs')
      expect(run.verdict).toMatchObject({ ok: true, lastText: 'Done.' })
    })
  })
})

describe('approvals', () => {
  test('a command is asked about with its folder and what Codex offers, and an accepted one runs', async () => {
    const answer = () => ({ optionId: 'accept', text: null })
    await play({ steps: [started, asks, completed, words, done] }, { answer, restarts: true }, (run) => {
      expect(run.asks).toMatchObject([
        {
          kind: 'permission',
          title: 'make test',
          command: 'make test',
          body: { command: shellLine, cwd: '/w' },
          options: [
            { id: 'accept', grants: 'allow' },
            { id: 'acceptWithExecpolicyAmendment', grants: 'always' },
            { id: 'decline', grants: 'deny' },
            { id: 'cancel', grants: 'deny' },
          ],
        },
      ])
      expect(readFileSync(join(run.cwd, 'made.txt'), 'utf8')).toBe('made\n')
      expect(run.withdrawn).toEqual([])
    })
  })

  test('a rule that Codex offers to remember is given back as it came', async () => {
    const answer = () => ({ optionId: 'acceptWithExecpolicyAmendment', text: null })
    await play({ steps: [started, asks, done] }, { answer }, (run) => {
      expect(JSON.parse(run.sent.at(-1) ?? '')).toEqual({ id: 0, result: { decision: rule } })
    })
  })

  test.each([
    ['declined', { optionId: 'decline', text: null }],
    ['not answered in time', { optionId: null, text: null }],
    ['answered with what was not offered', { optionId: '__proto__', text: null }],
  ])('one that was %s does not run, and Codex goes on', async (_how, given) => {
    await play({ steps: [started, asks, words, done] }, { answer: () => given }, (run) => {
      expect(run.sent.at(-1)).toBe('{"id":0,"result":{"decision":"decline"}}')
      expect(existsSync(join(run.cwd, 'made.txt'))).toBe(false)
      expect(run.verdict.ok).toBe(true)
    })
  })

  test('a turn that ends because of a denial is no success, and says what was denied', async () => {
    const answer = () => ({ optionId: 'cancel', text: null })
    await play({ steps: [started, asks, { end: 'interrupted' }] }, { answer }, (run) => {
      expect(run.verdict).toMatchObject({
        ok: false,
        detail: 'Codex ended its turn because this was not permitted: make test',
      })
    })
  })

  test('a change of files is asked about with its diff', async () => {
    const changes = [{ path: '/w/a.txt', kind: { type: 'update', move_path: null }, diff: '@@ -1 +1 @@\n-a\n+b\n' }]
    const patch = { tell: 'item/started', params: { item: { type: 'fileChange', id: 'f1', changes } } }
    const approve: CodexStep = { ask: 'item/fileChange/requestApproval', params: { itemId: 'f1' } }
    const answer = () => ({ optionId: 'acceptForSession', text: null })
    await play({ steps: [patch, approve, done] }, { answer }, (run) => {
      expect(run.asks).toMatchObject([{ title: 'update /w/a.txt', body: { diff: expect.stringContaining('+b') } }])
      expect(run.sent.at(-1)).toBe('{"id":0,"result":{"decision":"acceptForSession"}}')
    })
  })

  test('no rule about commands grants input for a running one or a way through the network', async () => {
    const params = { command: shellLine, networkApprovalContext: { host: 'example.org' } }
    await play(
      { steps: [{ ask: 'item/commandExecution/requestApproval', params }, done] },
      { answer: () => ({ optionId: 'decline', text: null }) },
      (run) => {
        expect(run.asks).toMatchObject([{ command: null, body: { networkApprovalContext: { host: 'example.org' } } }])
      },
    )
  })

  test('a question is answered with a choice or in words', async () => {
    const questions = [{ id: 'q1', question: 'Which one?', options: [{ label: 'a', description: '' }] }]
    const step: CodexStep = { ask: 'item/tool/requestUserInput', params: { questions } }
    for (const given of [
      { optionId: 'a', text: null },
      { optionId: null, text: 'a' },
    ]) {
      await play({ steps: [step, done] }, { answer: () => given }, (run) => {
        expect(run.asks).toMatchObject([{ kind: 'question', title: 'Which one?', options: [{ id: 'a' }] }])
        expect(JSON.parse(run.sent.at(-1) ?? '')).toEqual({ id: 0, result: { answers: { q1: { answers: ['a'] } } } })
      })
    }
  })

  test('the run’s own MCP server is not asked about, another one is', async () => {
    const mcp = { name: 'capstan', command: 'b', args: [], env: {} }
    const elicit = (serverName: string): CodexStep => ({
      ask: 'mcpServer/elicitation/request',
      params: { serverName, mode: 'form', message: 'Allow?', requestedSchema: { type: 'object', properties: {} } },
    })
    const answer = () => ({ optionId: 'decline', text: null })
    await play({ steps: [elicit('capstan'), elicit('other'), done] }, { answer, input: { mcp } }, (run) => {
      const answers = run.sent.filter((line) => line.includes('"result"')).map((line) => JSON.parse(line).result.action)
      expect(answers).toEqual(['accept', 'decline'])
      expect(run.asks).toMatchObject([{ title: 'other: Allow?' }])
    })
  })

  test('one that Codex takes back is withdrawn, and what Capstan does not offer is refused', async () => {
    const resolved = { tell: 'serverRequest/resolved', params: { requestId: 'r1' } }
    const params = { command: shellLine }
    const line = JSON.stringify({ id: 'r1', method: 'item/commandExecution/requestApproval', params })
    const other: CodexStep = { ask: 'item/tool/call', params: {} }
    await play({ steps: [{ line }, resolved, other, done] }, {}, (run) => {
      expect(run.withdrawn).toEqual(['permission-1'])
      expect(run.sent.at(-1)).toContain('-32601')
      expect(run.verdict.ok).toBe(true)
    })
  })
})

describe('ends that are no success', () => {
  const error = (codexErrorInfo: unknown, message = 'it failed') => ({ message, codexErrorInfo })

  test.each([
    ['usageLimitExceeded', 'quota', 'quota'],
    ['rateLimitExceeded', 'quota', 'rate_limit'],
    ['serverOverloaded', 'transport', 'overloaded'],
    ['unauthorized', 'auth', 'auth'],
    ['modelNotFound', 'model_invalid', 'model_invalid'],
    ['contextWindowExceeded', 'agent_failed', 'context_full'],
    [{ responseTooManyFailedAttempts: { httpStatusCode: 429 } }, 'quota', 'rate_limit'],
    [{ responseStreamDisconnected: { httpStatusCode: null } }, 'transport', 'network'],
    ['other', 'agent_failed', null],
  ])('%j becomes the reason %s', async (info, reason, kind) => {
    const steps: CodexStep[] = [
      { tell: 'error', params: { error: error(info), willRetry: false } },
      { end: 'failed', error: error(info) },
    ]
    await play({ steps }, {}, (run) => expect(run.verdict).toMatchObject({ ok: false, reason, class: kind }))
  })

  test('a spent limit returns when the account’s limits say', async () => {
    const limits = {
      primary: { usedPercent: 100, resetsAt: 1_800_000_000 },
      secondary: { usedPercent: 40, resetsAt: 1_900_000_000 },
    }
    const steps: CodexStep[] = [
      { tell: 'account/rateLimits/updated', params: { rateLimits: limits } },
      { tell: 'account/rateLimits/updated', params: { rateLimits: { primary: null, secondary: null } } },
      { end: 'failed', error: error('usageLimitExceeded') },
    ]
    await play({ steps }, {}, (run) => {
      expect(run.verdict).toMatchObject({ reason: 'quota', resetAt: 1_800_000_000_000 })
    })
  })

  test('a reconnect is a retry and no end', async () => {
    const again = { error: error(null, 'Reconnecting... 2/5 (429)'), willRetry: true }
    await play({ steps: [{ tell: 'error', params: again }, words, done] }, {}, (run) => {
      expect(run.events).toContainEqual(expect.objectContaining({ type: 'retry', tries: 2 }))
      expect(run.verdict.ok).toBe(true)
    })
  })

  test('an unknown thread cannot be resumed', async () => {
    const script = { steps: [], refuseThread: 'no rollout found for thread id x' }
    await play(script, { input: { sessionRef: 'x' } }, (run) => {
      expect(run.verdict).toMatchObject({ ok: false, reason: 'not_resumable' })
    })
  })

  test('an end without turn/completed is a crash, whatever the exit code', async () => {
    await play({ steps: [words, { exit: 0 }] }, {}, (run) => {
      expect(run.verdict).toMatchObject({ ok: false, class: 'crashed', lastText: 'Done.' })
    })
  })
})

test('the prompt, the model and the thread are nowhere in its arguments, and the run’s MCP server is', () => {
  const mcp = { name: 'capstan', command: '/bin/bridge', args: ['a b'], env: { SOCKET: '/s' } }
  const asked = codex.launch(runInput({ autonomy: 'ask', prompt: 'the secret plan', model: 'm-9', mcp }))
  expect(asked.argv.slice(0, 2)).toEqual(['codex', 'app-server'])
  expect(asked.argv.join(' ')).not.toMatch(/secret plan|m-9/)
  for (const { argv } of [asked, codex.launch(runInput({ mcp }))]) {
    expect(argv).toContain('mcp_servers.capstan.command="/bin/bridge"')
    expect(argv).toContain('mcp_servers.capstan.args=["a b"]')
    expect(argv).toContain('mcp_servers.capstan.env={ "SOCKET" = "/s" }')
  }
})
