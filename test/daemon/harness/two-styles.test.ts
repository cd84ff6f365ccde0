// One CLI, read as a stream while it works alone and talked to where a person is asked.

import { expect, test } from 'vitest'
import { geminiCli } from '../../../src/daemon/harness/gemini-cli.ts'
import { opencode } from '../../../src/daemon/harness/opencode.ts'
import { geminiEndings } from './gemini-transcripts.ts'
import { runInput } from './hosts.ts'
import { out } from './transcripts.ts'

const asking = runInput({ autonomy: 'ask' })

test.each([geminiCli, opencode])('$name opens a conversation when a person is asked, and none otherwise', (harness) => {
  expect(harness.launch(asking).stdin).toMatchObject({ kind: 'pipe', text: expect.stringContaining('"initialize"') })
  expect(harness.launch(runInput({})).stdin.kind).toBe('file')
})

test('under ask the lines are messages of the protocol, not of the stream', () => {
  const [first] = geminiEndings.success.lines.slice(1)
  if (first === undefined) throw new Error('the transcript is empty')
  const answered = out({ jsonrpc: '2.0', id: 0, result: { protocolVersion: 1, agentCapabilities: {} } })
  let state = geminiCli.initial()
  expect(geminiCli.reduce(state, first, asking).events).toMatchObject([{ type: 'raw' }])
  const sent: string[] = []
  for (const line of answered) {
    const step = geminiCli.reduce(state, line, asking)
    state = step.state
    sent.push(...(step.send ?? []))
  }
  expect(sent.join('\n')).toContain('session/new')
})

test('the state is plain JSON in either style', () => {
  for (const input of [asking, runInput({})]) {
    let state = opencode.initial()
    state = opencode.reduce(state, { stream: 'stdout', text: '{}' }, input).state
    expect(JSON.parse(JSON.stringify(state))).toEqual(state)
  }
})

test('words for a run that works alone are not passed on, and that is said', () => {
  const step = geminiCli.message?.(geminiCli.initial(), 'faster', runInput({}))
  expect(step?.events).toMatchObject([{ type: 'notice', message: expect.stringContaining('not passed on') }])
})

test('an answer without a conversation moves nothing', () => {
  const state = geminiCli.initial()
  const step = geminiCli.answer?.(state, { key: 'x', optionId: null, text: null }, asking)
  expect(step).toEqual({ state, events: [] })
})

test('a run that never said a word is a crash in either style', () => {
  expect(geminiCli.finish(geminiCli.initial(), { code: 0, signal: null })).toMatchObject({
    ok: false,
    class: 'crashed',
  })
})
