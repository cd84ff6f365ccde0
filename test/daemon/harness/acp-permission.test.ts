// Permissions of ACP agents: asked of a person, or granted by the autonomy. A real process on the official SDK plays the agent.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AcpStep } from '../../fakes/acp-script.ts'
import { acpRun, noticesOf } from './acp-world.ts'

const command = { toolCallId: 't1', kind: 'execute', title: 'make test', rawInput: { command: 'make test' } }
const asks: AcpStep = { ask: { toolCall: command, write: ['made.txt', 'made\n'] } }
const says: AcpStep = { say: 'Done: one file.' }

describe('permissions', () => {
  test.each([
    [['bash', '-lc', 'npm test'], 'npm test'],
    [['/usr/bin/sh', '-c', 'npm test'], 'npm test'],
    [['./sh', '-c', 'npm test'], "./sh -c 'npm test'"],
    [['/w/bin/bash', '-c', 'npm test'], "/w/bin/bash -c 'npm test'"],
    [['sh', '-c', 'npm', 'test'], 'sh -c npm test'],
  ])('what rules see of %j is the command that would run: %s', async (argv, seen) => {
    const step: AcpStep = { ask: { toolCall: { ...command, rawInput: { command: argv } }, write: ['made.txt', 'x'] } }
    await acpRun({ turns: [[step, says]] }, { answer: () => ({ optionId: 'no', text: null }) }, (run) => {
      expect(run.asks).toMatchObject([{ command: seen }])
    })
  })

  test('a person is asked with the command and the options, and the answer is obeyed', async () => {
    const answer = () => ({ optionId: 'yes', text: null })
    await acpRun({ turns: [[asks, says]] }, { answer, restarts: true }, (run) => {
      expect(run.asks).toMatchObject([
        {
          kind: 'permission',
          title: 'make test',
          command: 'make test',
          body: { kind: 'execute', input: { command: 'make test' } },
          options: [
            { id: 'yes', grants: 'allow' },
            { id: 'always', grants: 'always' },
            { id: 'no', grants: 'deny' },
          ],
        },
      ])
      expect(readFileSync(join(run.cwd, 'made.txt'), 'utf8')).toBe('made\n')
      expect(run.verdict.ok).toBe(true)
    })
  })

  test.each([
    ['denied', { optionId: 'no', text: null }],
    ['not answered in time', { optionId: null, text: null }],
    ['answered with what was not offered', { optionId: 'sudo', text: null }],
  ])('one that was %s grants nothing, and the agent goes on', async (_how, given) => {
    await acpRun({ turns: [[asks, says]] }, { answer: () => given }, (run) => {
      expect(run.stderr).toContain('outcome "no"')
      expect(existsSync(join(run.cwd, 'made.txt'))).toBe(false)
      expect(run.verdict.ok).toBe(true)
    })
  })

  test('an agent that ends its turn because of a denial has not done its work, and the verdict says what was denied', async () => {
    const strict: AcpStep = { ask: { toolCall: command, strict: true } }
    await acpRun({ turns: [[strict]] }, { answer: () => ({ optionId: 'no', text: null }) }, (run) => {
      expect(run.verdict).toMatchObject({
        ok: false,
        reason: 'agent_failed',
        detail: 'Scripted ended its turn because this was not permitted: make test',
      })
    })
  })

  test('the same for one that ends its turn without another word', async () => {
    const quiet: AcpStep = { ask: { toolCall: command, isQuiet: true } }
    await acpRun({ turns: [[quiet]] }, { answer: () => ({ optionId: 'no', text: null }) }, (run) => {
      expect(run.verdict).toMatchObject({ ok: false, detail: expect.stringContaining('was not permitted: make test') })
    })
  })

  test('a change of a file is asked about with its diff', async () => {
    const content = [{ type: 'diff', path: '/w/a.txt', oldText: 'a', newText: 'b' }]
    const edit: AcpStep = { ask: { toolCall: { toolCallId: 'e', kind: 'edit', title: 'Edit a.txt', content } } }
    await acpRun({ turns: [[edit, says]] }, { answer: () => ({ optionId: 'yes', text: null }) }, (run) => {
      const diffs = [{ path: '/w/a.txt', oldText: 'a', newText: 'b' }]
      expect(run.asks).toMatchObject([{ title: 'Edit a.txt', command: null, body: { diffs } }])
    })
  })

  test('one that nobody answers is taken back when the agent goes on without it', async () => {
    const request = { jsonrpc: '2.0', id: 99, method: 'session/request_permission' }
    const params = { sessionId: 'scripted-session-1', toolCall: command, options: [] as object[] }
    params.options.push({ optionId: 'yes', name: 'Yes', kind: 'allow_once' })
    await acpRun({ turns: [[{ line: JSON.stringify({ ...request, params }) }, says]] }, {}, (run) => {
      expect(run.withdrawn).toEqual(run.asks.map((ask) => ask.key))
      expect(run.asks).toHaveLength(1)
      expect(run.verdict.ok).toBe(true)
    })
  })

  test('autonomy full grants once, and says what', async () => {
    await acpRun({ turns: [[asks, says]] }, { input: { autonomy: 'full' } }, (run) => {
      expect(run.stderr).toContain('outcome "yes"')
      expect(run.asks).toEqual([])
      expect(noticesOf(run)).toContain('Granted by autonomy full: make test')
    })
  })

  test('autonomy edit grants changes inside the workspace and nothing else', async () => {
    const change = (path: string): AcpStep => ({
      ask: { toolCall: { toolCallId: path, kind: 'edit', title: path, locations: [{ path }] } },
    })
    const nameless: AcpStep = { ask: { toolCall: { toolCallId: 'n', kind: 'edit', title: 'some file' } } }
    const steps = [change('a.txt'), change('/etc/passwd'), change('../out.txt'), nameless, asks, says]
    await acpRun({ turns: [steps] }, { input: { autonomy: 'edit' } }, (run) => {
      const outcomes = run.stderr.filter((line) => line.startsWith('outcome')).map((line) => line.slice(8))
      expect(outcomes).toEqual(['"yes"', '"no"', '"no"', '"no"', '"no"'])
      expect(noticesOf(run)).toContain('Not granted by autonomy edit: make test')
    })
  })
})
