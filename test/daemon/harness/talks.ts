// Conversations written by hand after the shapes that the CLIs print.

import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { codex } from '../../../src/daemon/harness/codex.ts'
import type { Harness } from '../../../src/daemon/harness/port.ts'
import type { Talk } from './conversation-contract.ts'
import type { Endings } from './transcripts.ts'
import { claudeAnswers, claudeEndings, claudeResult, claudeSays, err, out, session } from './transcripts.ts'

// ACP

const rpc = (fields: object) => ({ jsonrpc: '2.0', ...fields })
const update = (fields: object) => rpc({ method: 'session/update', params: { sessionId: session, update: fields } })
const says = (text: string) => update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } })

const acpStart = out(
  rpc({ id: 0, result: { protocolVersion: 1, agentCapabilities: {} } }),
  rpc({ id: 1, result: { sessionId: session } }),
)

const acpTool = (n: number) =>
  out(
    update({
      sessionUpdate: 'tool_call',
      toolCallId: `t${n}`,
      title: 'make test',
      kind: 'execute',
      rawInput: { command: 'make test' },
    }),
    update({
      sessionUpdate: 'tool_call_update',
      toolCallId: `t${n}`,
      status: 'completed',
      content: [{ type: 'content', content: { type: 'text', text: 'all passed' } }],
    }),
  )

const acpEnd = (result: object) => out(rpc({ id: 2, ...result }))
const acpWork = [...acpStart, ...acpTool(1), ...out(says('Done: '), says('one file.'))]
const acpFailure = (error: object) => [...acpStart, ...acpEnd({ error })]

export const acpEndings: Endings = {
  success: { lines: [...acpWork, ...acpEnd({ result: { stopReason: 'end_turn' } })], end: { exit: 0 } },
  modelError: {
    lines: acpFailure({ code: -32_603, message: 'Internal error', data: { details: 'The model server failed (500)' } }),
    end: { exit: 1 },
  },
  killed: { lines: acpWork, end: { kill: 'SIGKILL' } },
  silentEnd: { lines: acpWork, end: { exit: 0 } },
  rateLimit: { lines: acpFailure({ code: 429, message: 'Too many requests' }), end: { exit: 1 } },
  auth: {
    lines: [
      ...acpStart.slice(0, 1),
      ...out(rpc({ id: 1, error: { code: -32_000, message: 'Authentication required' } })),
    ],
    end: { exit: 0 },
  },
}

export const acpTalk: Talk = {
  start: acpStart,
  work: (n) => [...acpTool(n), ...out(says(`I wrote one file, number ${n}.`)), ...err(`trace ${n}`)],
  ask: (n) => {
    const toolCall = {
      toolCallId: `t${n}`,
      kind: 'execute',
      title: 'make deploy',
      rawInput: { command: 'make deploy' },
    }
    const options = [
      { optionId: 'yes', name: 'Allow', kind: 'allow_once' },
      { optionId: 'no', name: 'Reject', kind: 'reject_once' },
    ]
    const [line] = out(
      rpc({ id: `q${n}`, method: 'session/request_permission', params: { sessionId: session, toolCall, options } }),
    )
    return line ?? { stream: 'stdout', text: '' }
  },
  end: acpEnd({ result: { stopReason: 'end_turn' } })[0] ?? { stream: 'stdout', text: '' },
  granted: /"optionId":"yes"/,
  refused: /"optionId":"no"/,
}

// Codex, asking

/** The adapter as a run under autonomy `ask` has it. */
export const codexAsking: Harness = {
  ...(codex as Harness), // its states come only from itself
  name: 'codex, asking',
  launch: (input) => codex.launch({ ...input, autonomy: 'ask' }),
  reduce: (state, line, brief) => (codex as Harness).reduce(state, line, { ...brief, autonomy: 'ask' }),
}

const thread = session
const tell = (method: string, params: object) => ({ method, params: { threadId: thread, turnId: 'u1', ...params } })

const codexStart = out(
  { id: 0, result: { userAgent: 'x' } },
  { id: 1, result: { thread: { id: thread }, model: 'gpt-x' } },
  { id: 2, result: { turn: { id: 'u1', status: 'inProgress' } } },
  tell('turn/started', { turn: { id: 'u1' } }),
)

const codexTool = (n: number) => {
  const item = { type: 'commandExecution', id: `item_${n}`, command: '/bin/bash -lc "make test"', status: 'inProgress' }
  const end = { ...item, status: 'completed', aggregatedOutput: 'all passed', exitCode: 0 }
  return out(tell('item/started', { item }), tell('item/completed', { item: end }))
}
const codexSays = (n: number, text: string) =>
  out(tell('item/completed', { item: { type: 'agentMessage', id: `m${n}`, text } }))
const codexEnd = (turn: object) => out(tell('turn/completed', { turn: { id: 'u1', items: [], error: null, ...turn } }))
const codexWork = [...codexStart, ...codexTool(1), ...codexSays(1, 'Done: one file.')]
const codexFailure = (codexErrorInfo: string, message: string) => [
  ...codexStart,
  ...out(tell('error', { error: { message, codexErrorInfo }, willRetry: false })),
  ...codexEnd({ status: 'failed', error: { message, codexErrorInfo } }),
]

export const codexAskingEndings: Endings = {
  success: { lines: [...codexWork, ...codexEnd({ status: 'completed' })], end: { exit: 0 } },
  modelError: { lines: codexFailure('serverOverloaded', 'The model server is overloaded.'), end: { exit: 0 } },
  killed: { lines: codexWork, end: { kill: 'SIGKILL' } },
  silentEnd: { lines: codexWork, end: { exit: 0 } },
  rateLimit: { lines: codexFailure('rateLimitExceeded', 'Slow down, please.'), end: { exit: 0 } },
  auth: { lines: codexFailure('unauthorized', 'The key is not valid.'), end: { exit: 0 } },
}

export const codexTalk: Talk = {
  start: codexStart,
  work: (n) => [...codexTool(n), ...codexSays(n, `I wrote one file, number ${n}.`), ...err(`trace ${n}`)],
  ask: (n) => {
    const params = { itemId: `item_${n}`, command: '/bin/bash -lc "make deploy"', cwd: '/w', threadId: thread }
    const [line] = out({ id: n, method: 'item/commandExecution/requestApproval', params })
    return line ?? { stream: 'stdout', text: '' }
  },
  end: codexEnd({ status: 'completed' })[0] ?? { stream: 'stdout', text: '' },
  granted: /"decision":"accept"/,
  refused: /"decision":"decline"/,
}

// Claude Code, asking

/** The adapter as a run under autonomy `ask` has it. */
export const claudeAsking: Harness = {
  ...(claudeCode as Harness), // its states come only from itself
  name: 'claude-code, asking',
  launch: (input) => claudeCode.launch({ ...input, autonomy: 'ask' }),
  reduce: (state, line, brief) => (claudeCode as Harness).reduce(state, line, { ...brief, autonomy: 'ask' }),
}

const claudeStart = out({ type: 'system', subtype: 'init', cwd: '/w', session_id: session, model: 'claude-x' })

const claudeTool = (n: number) =>
  out(
    claudeSays(`m${n}`, { type: 'tool_use', id: `t${n}`, name: 'Bash', input: { command: 'make test' } }),
    claudeAnswers(`t${n}`, 'all passed'),
    claudeSays(`w${n}`, { type: 'text', text: `I wrote one file, number ${n}.` }),
  )

export const claudeAskingEndings: Endings = claudeEndings

export const claudeTalk: Talk = {
  start: claudeStart,
  work: (n) => [...claudeTool(n), ...err(`trace ${n}`)],
  ask: (n) => {
    const request = {
      subtype: 'can_use_tool',
      tool_name: 'Bash',
      input: { command: 'make deploy' },
      tool_use_id: `t${n}`,
    }
    const [line] = out({ type: 'control_request', request_id: `q${n}`, request })
    return line ?? { stream: 'stdout', text: '' }
  },
  end: out(claudeResult({ subtype: 'success', result: 'Done: one file.', terminal_reason: 'completed' }))[0] ?? {
    stream: 'stdout',
    text: '',
  },
  granted: /"behavior":"allow"/,
  refused: /"behavior":"deny"/,
  leaves: true,
}
