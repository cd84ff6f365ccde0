// ACP agents: a real process on the official SDK plays the agent.

import { describe, expect, test } from 'vitest'
import { acpHarness } from '../../../src/daemon/harness/acp.ts'
import type { AcpState } from '../../../src/daemon/harness/acp-state.ts'
import type { Line } from '../../../src/daemon/harness/port.ts'
import { makeRegistry } from '../../../src/daemon/harness/registry.ts'
import type { AcpStep } from '../../fakes/acp-script.ts'
import { acpRun, noticesOf, textsOf } from './acp-world.ts'
import { fakeHost, runInput } from './hosts.ts'
import { acpTalk } from './talks.ts'
import { out } from './transcripts.ts'

const command = { toolCallId: 't1', kind: 'execute', title: 'make test', rawInput: { command: 'make test' } }
const says: AcpStep = { say: 'Done: one file.' }

describe('a turn', () => {
  const steps: readonly AcpStep[] = [
    { update: { sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: 'One ' } } },
    { update: { sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: 'file.' } } },
    {
      update: {
        sessionUpdate: 'plan',
        entries: [{ content: 'test', priority: 'high', status: 'in_progress' }],
      },
    },
    { say: 'I will ' },
    { say: 'test.' },
    { update: { sessionUpdate: 'tool_call', ...command, status: 'pending' } },
    {
      update: {
        sessionUpdate: 'tool_call_update',
        toolCallId: 't1',
        status: 'in_progress',
        content: [{ type: 'content', content: { type: 'text', text: 'all passed' } }],
      },
    },
    { update: { sessionUpdate: 'tool_call_update', toolCallId: 't1', status: 'completed' } },
    { update: { sessionUpdate: 'usage_update', used: 5_000, size: 100_000, cost: { amount: 0.25, currency: 'USD' } } },
    { update: { sessionUpdate: 'available_commands_update', availableCommands: [] } },
    says,
  ]

  test('reads as thoughts, a plan, words, a tool with its output, cost and an end, whole and in order', async () => {
    await acpRun({ turns: [steps] }, { restarts: true }, (run) => {
      expect(run.events.filter((event) => event.type !== 'raw')).toEqual([
        { type: 'thinking', text: 'One file.' },
        { type: 'plan', items: [{ text: 'test', status: 'in_progress' }] },
        { type: 'text', text: 'I will test.' },
        { type: 'tool_start', id: 't1', name: 'execute', input: { command: 'make test' }, title: 'make test' },
        { type: 'tool_end', id: 't1', ok: true, output: 'all passed' },
        expect.objectContaining({ type: 'usage', costUsd: 0.25, estimate: true }),
        { type: 'text', text: 'Done: one file.' },
        { type: 'turn_end', reason: 'end_turn' },
      ])
      expect(run.verdict).toMatchObject({ ok: true, lastText: 'Done: one file.', sessionRef: 'scripted-session-1' })
      expect(run.done).toBe(true)
      const kept = run.events.filter(
        (event) => event.type === 'raw' && event.line.includes('available_commands_update'),
      )
      expect(kept).toHaveLength(1)
    })
  })

  test('a tool that is first heard of by an update is shown as started', async () => {
    const update = { sessionUpdate: 'tool_call_update', toolCallId: 'g1', title: 'write a.txt', kind: 'edit' }
    await acpRun({ turns: [[{ update: { ...update, status: 'completed' } }, says]] }, {}, (run) => {
      expect(run.events).toMatchObject([
        { type: 'raw' },
        { type: 'raw' },
        { type: 'tool_start', id: 'g1', name: 'edit', title: 'write a.txt' },
        { type: 'tool_end', id: 'g1', ok: true },
        { type: 'text' },
        { type: 'turn_end' },
      ])
    })
  })

  test('a call that is told of before the agent knows what it calls is shown when it does', async () => {
    const call = { toolCallId: 'o1', kind: 'execute', rawInput: { cwd: '/w' } }
    const steps: readonly AcpStep[] = [
      { update: { sessionUpdate: 'tool_call', ...call, title: 'bash', status: 'pending' } },
      {
        update: { sessionUpdate: 'tool_call_update', ...call, title: 'make test', rawInput: { command: 'make test' } },
      },
      {
        update: {
          sessionUpdate: 'tool_call_update',
          toolCallId: 'o1',
          status: 'completed',
          rawOutput: { metadata: { exit: 0 } },
        },
      },
    ]
    await acpRun({ turns: [steps] }, {}, (run) => {
      expect(run.events.filter((event) => event.type.startsWith('tool_'))).toMatchObject([
        { type: 'tool_start', title: 'make test', input: { command: 'make test' } },
        { type: 'tool_end', ok: true, exitCode: 0 },
      ])
    })
  })

  test('the run’s MCP server and its folder reach the session', async () => {
    const mcp = { name: 'capstan', command: '/bin/bridge', args: ['x'], env: { SOCKET: '/s' } }
    await acpRun({ turns: [[says]] }, { input: { mcp } }, (run) => {
      const asked = JSON.parse(run.stderr.find((line) => line.startsWith('new '))?.slice(4) ?? '{}')
      const server = { name: 'capstan', command: '/bin/bridge', args: ['x'], env: [{ name: 'SOCKET', value: '/s' }] }
      expect(asked).toMatchObject({ cwd: run.cwd, mcpServers: [server] })
    })
  })

  test('an agent that stays after the end of its input is a success once its turn has ended', async () => {
    await acpRun({ turns: [[says]], stays: true }, {}, (run) => {
      expect(run).toMatchObject({ done: true, exit: { signal: 'SIGKILL' }, verdict: { ok: true } })
    })
  })

  test('a message that comes meanwhile is the next prompt', async () => {
    let said = false
    const onStep = (step: { events: readonly { type: string }[] }, say: (text: string) => void) => {
      if (said || !step.events.some((event) => event.type === 'plan')) return
      said = true
      say('and the docs')
    }
    const first: readonly AcpStep[] = [{ update: { sessionUpdate: 'plan', entries: [] } }, { say: 'First.' }]
    await acpRun({ turns: [first, [{ say: 'Second.' }]] }, { onStep }, (run) => {
      expect(textsOf(run)).toEqual(['First.', 'Second.'])
      expect(run.stderr.filter((line) => line.startsWith('prompt '))).toHaveLength(2)
      expect(run.events.filter((event) => event.type === 'turn_end')).toHaveLength(1)
      expect(run.verdict).toMatchObject({ ok: true, lastText: 'Second.' })
    })
  })
})

describe('the session', () => {
  const modes = {
    currentModeId: 'read-only',
    availableModes: ['read-only', 'auto', 'full-access'].map((id) => ({ id, name: id })),
  }
  const options = ['small', 'large'].map((value) => ({ value, name: value }))
  const model = { id: 'model', name: 'Model', category: 'model', type: 'select', currentValue: 'small', options }

  test('takes the mode and the model that the task asks for', async () => {
    const start = { modes, configOptions: [model] }
    await acpRun({ start, turns: [[says]] }, { input: { autonomy: 'full', model: 'large' } }, (run) => {
      expect(run.stderr.some((line) => line.startsWith('mode ') && line.includes('"full-access"'))).toBe(true)
      expect(run.stderr.some((line) => line.startsWith('option ') && line.includes('"large"'))).toBe(true)
      expect(run.verdict).toMatchObject({ ok: true, model: 'large' })
    })
  })

  test('says so when the agent does not offer the model', async () => {
    await acpRun({ start: { configOptions: [model] }, turns: [[says]] }, { input: { model: 'huge' } }, (run) => {
      expect(noticesOf(run)[0]).toContain('does not take the model huge')
      expect(noticesOf(run)[0]).toContain('small, large')
    })
  })

  test.each([true, 'late'] as const)('is loaded without telling the earlier conversation again (%s)', async (load) => {
    const input = { sessionRef: 'scripted-session-1' }
    await acpRun({ start: { load, modes }, turns: [[says]] }, { input }, (run) => {
      expect(textsOf(run)).toEqual(['Done: one file.'])
      expect(run.verdict).toMatchObject({ ok: true, sessionRef: 'scripted-session-1' })
    })
  })

  test.each([
    ['cannot load', {}, 'scripted-session-1'],
    ['does not know it', { load: true as const }, 'another'],
  ])('cannot be resumed when the agent %s', async (_why, start, sessionRef) => {
    await acpRun({ start, turns: [[says]] }, { input: { sessionRef } }, (run) => {
      expect(run.verdict).toMatchObject({ ok: false, reason: 'not_resumable' })
    })
  })

  test('a way to sign in that reads a variable is tried', async () => {
    const authMethods = [
      { id: 'browser', name: 'Log in' },
      { type: 'env_var', id: 'key', name: 'Use A_KEY' },
    ]
    await acpRun({ start: { needs: 'key', authMethods }, turns: [[says]] }, {}, (run) => {
      expect(run.verdict.ok).toBe(true)
    })
  })

  test('one that needs a browser is not tried but named', async () => {
    const authMethods = [{ id: 'browser', name: 'Log in' }]
    await acpRun({ start: { needs: 'browser', authMethods }, turns: [[says]] }, {}, (run) => {
      expect(run.verdict).toMatchObject({ ok: false, reason: 'auth', class: 'auth' })
      expect(run.verdict.ok ? '' : run.verdict.detail).toContain('Log in (browser)')
    })
  })
})

describe('ends that are no success', () => {
  test.each([
    ['max_tokens', { reason: 'agent_failed', class: 'context_full' }],
    ['max_turn_requests', { reason: 'max_turns_exceeded' }],
    ['refusal', { reason: 'agent_failed', class: 'refused' }],
    ['cancelled', { reason: 'agent_failed', detail: 'Scripted cancelled its own turn' }],
  ] as const)('%s', async (stop, expected) => {
    await acpRun({ turns: [[{ say: 'half' }, { stop }]] }, {}, (run) => {
      expect(run.verdict).toMatchObject({ ok: false, lastText: 'half', ...expected })
    })
  })

  test.each([
    [{ code: 429, message: 'You have exhausted your daily quota on this model.' }, 'quota', 'quota'],
    [{ code: 429, message: 'Slow down' }, 'quota', 'rate_limit'],
    [{ code: -32_603, message: 'Internal error', data: { errorKind: 'rate_limit' } }, 'quota', 'rate_limit'],
    [
      {
        code: -32_603,
        message: 'Internal error',
        data: { codex_error_info: 'usage_limit_exceeded', message: 'Spent.' },
      },
      'quota',
      'quota',
    ],
    [{ code: -32_603, message: 'Internal error', data: { errorKind: 'server_error' } }, 'transport', 'overloaded'],
    [{ code: -32_000, message: 'Authentication required' }, 'auth', 'auth'],
    [{ code: -32_603, message: 'something broke' }, 'agent_failed', null],
  ])('%j', async (fail, reason, kind) => {
    await acpRun({ turns: [[{ fail }]] }, {}, (run) => {
      expect(run.verdict).toMatchObject({ ok: false, reason, class: kind })
    })
  })
})

describe('a run that is stopped', () => {
  const input = runInput({ autonomy: 'ask' })
  const harness = acpHarness('mine', { protocol: 'acp', command: 'mine' })
  const stateAfter = (lines: readonly Line[]) =>
    lines.reduce((state, line) => harness.reduce(state, line, input).state, harness.initial())
  const cancel = (state: AcpState) => harness.cancel?.(state, input) ?? { state, events: [] }
  const told = '{"jsonrpc":"2.0","method":"session/cancel","params":{"sessionId":"' // the session's id follows

  test('tells the agent to end its turn, after what it asked is answered as cancelled', () => {
    const step = cancel(stateAfter([...acpTalk.start, acpTalk.ask(1)]))
    expect(step.send).toEqual([
      '{"jsonrpc":"2.0","id":"q1","result":{"outcome":{"outcome":"cancelled"}}}',
      expect.stringContaining(told),
    ])
    expect(step.withdrawn).toEqual(['permission-1'])
    expect(cancel(step.state).send).toBeUndefined()
  })

  test('grants nothing more, sends no waiting message, and lets the agent leave when its turn has ended', () => {
    const waiting = harness.message?.(stateAfter(acpTalk.start), 'and the docs', input).state ?? harness.initial()
    const late = harness.reduce(cancel(waiting).state, acpTalk.ask(2), input)
    expect(late.asks).toBeUndefined()
    expect(late.send?.join()).toContain('"outcome":"cancelled"')
    const [end] = out({ jsonrpc: '2.0', id: 2, result: { stopReason: 'cancelled' } })
    const over = harness.reduce(late.state, end ?? acpTalk.end, input)
    expect(over).toMatchObject({ endInput: true, done: true })
    expect(over.send).toBeUndefined()
  })

  test('says nothing to one that has no turn: it has not begun, or it is over', () => {
    expect(cancel(harness.initial()).send).toBeUndefined()
    expect(cancel(stateAfter([...acpTalk.start, acpTalk.end])).send).toBeUndefined()
  })
})

describe('an agent that breaks the protocol', () => {
  test.each([
    ['leaves before it answers', { breaks: { exit: 0 } }, { reason: 'agent_failed', class: 'crashed' }],
    ['speaks another version', { version: 7 }, { reason: 'harness_unavailable' }],
  ])('by how it starts: it %s', async (_how, start, expected) => {
    await acpRun({ start, turns: [[]] }, {}, (run) => {
      expect(run.verdict).toMatchObject({ ok: false, ...expected })
    })
  })

  test('one that never answers says nothing, so that the watch for silence can end it', async () => {
    await acpRun({ start: { breaks: 'silent' }, turns: [[]] }, { timeoutMs: 1_500 }, (run) => {
      expect(run).toMatchObject({ timedOut: true, events: [], done: false })
      expect(run.verdict).toMatchObject({ ok: false, class: 'crashed' })
    })
  })

  test('garbage, unknown and repeated answers, batches and other sessions are kept raw and change nothing', async () => {
    const rpc = (fields: object) => ({ line: JSON.stringify({ jsonrpc: '2.0', ...fields }) })
    const update = { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'other' } }
    const steps: readonly AcpStep[] = [
      { line: 'npm warn deprecated' },
      { line: '{"jsonrpc":"2.0","id":' },
      { line: '[{"jsonrpc":"2.0","id":2,"result":{"stopReason":"end_turn"}}]' },
      rpc({ id: 4_711, result: { stopReason: 'end_turn' } }),
      rpc({ id: 1, result: { sessionId: 'stolen' } }),
      rpc({ id: 0, error: { code: 1, message: 'late' } }),
      rpc({ id: {}, method: 'session/request_permission', params: {} }),
      rpc({ method: 'session/update', params: { sessionId: 'unknown', update } }),
      rpc({ method: 'session/update', params: { sessionId: 'scripted-session-1', update: { sessionUpdate: 'new' } } }),
      rpc({ method: 'never/heard', params: {} }),
      says,
    ]
    await acpRun({ turns: [steps] }, { restarts: true }, (run) => {
      const raw = run.events.filter((event) => event.type === 'raw' && event.stream === 'stdout')
      expect(raw).toHaveLength(10)
      expect(run.verdict).toMatchObject({ ok: true, sessionRef: 'scripted-session-1', lastText: 'Done: one file.' })
    })
  })

  test('what it asks of a client and Capstan does not offer is refused, and a permission for an unknown session too', async () => {
    const steps: readonly AcpStep[] = [
      { request: 'fs/read_text_file', params: { sessionId: 'scripted-session-1', path: '/etc/passwd' } },
      { request: 'terminal/create', params: { sessionId: 'scripted-session-1', command: 'id' } },
      { ask: { toolCall: command, session: 'unknown' } },
      says,
    ]
    await acpRun({ turns: [steps] }, { answer: () => ({ optionId: 'yes', text: null }) }, (run) => {
      expect(textsOf(run).join('')).toContain('refused with -32601. refused with -32601.')
      expect(run.stderr).toContain('outcome "error -32602"')
      expect(run.asks).toEqual([])
      expect(run.verdict.ok).toBe(true)
    })
  })

  test('one that leaves in the middle has crashed, whatever its exit code', async () => {
    await acpRun({ turns: [[{ say: 'half' }, { exit: 0 }]] }, {}, (run) => {
      expect(run.verdict).toMatchObject({ ok: false, reason: 'agent_failed', class: 'crashed', lastText: 'half' })
    })
  })
})

describe('the table in daemon.toml', () => {
  test('says how the command talks', () => {
    const registry = makeRegistry({ mine: { protocol: 'acp', command: 'mine' } })
    expect(registry.find((harness) => harness.name === 'mine')?.autonomies).toEqual(['full', 'edit', 'ask'])
    expect(() => makeRegistry({ mine: { protocol: 'lsp', command: 'mine' } })).toThrow(
      'lsp is not known; use acp or plain',
    )
  })

  test('fills the folder and the model into the arguments, and leaves out a model that is not asked for', () => {
    const mine = acpHarness('mine', {
      protocol: 'acp',
      command: 'mine',
      args: ['--dir', '{cwd}', '--model', '{model}'],
    })
    expect(mine.launch(runInput({ model: 'm-9' })).argv).toEqual(['mine', '--dir', '/w', '--model', 'm-9'])
    expect(mine.launch(runInput({})).argv).toEqual(['mine', '--dir', '/w'])
  })

  test('refuses a prompt in the arguments, with the remedy', () => {
    const table = { protocol: 'acp', command: 'mine', args: ['{prompt}'] }
    expect(() => acpHarness('mine', table)).toThrow('{prompt} is not known to an ACP agent; use {cwd} or {model}')
  })

  test('names a command that is not there', async () => {
    const mine = acpHarness('mine', { protocol: 'acp', command: 'mine' })
    expect(await mine.detect(fakeHost({}))).toMatchObject({
      ready: false,
      problem: expect.stringContaining('mine is not on PATH'),
    })
  })
})
