// What people say to a real process while it works: appended to its input once, whole, or given back when it came too late.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openJournal } from '../../../src/daemon/journal/journal.ts'
import { inputSize, placed } from '../../../src/daemon/run/input.ts'
import { until } from '../supervisor/run-world.ts'
import { asking, attemptId, greeting, TalkWorld, words } from './talk-world.ts'

let world: TalkWorld
beforeEach(() => {
  world = new TalkWorld()
})
afterEach(async () => world[Symbol.asyncDispose]())

test('words that were promised and did not reach the file are appended at the next start, whole or from the middle', async () => {
  await world.start([])
  const first = world.daemon()
  await until(() => world.heard().length === 2, 'the greeting')
  await first.die()
  const written = openJournal(world.journalPath, 1).journal
  const at = inputSize(world.handle.runDir) ?? 0
  written.transaction(() => written.talk.addInput(attemptId, { at, text: '{"late":1}\n' }))
  written[Symbol.dispose]()
  writeFileSync(join(world.handle.runDir, 'stdin.log'), '{"la', { flag: 'a' }) // as far as the dying daemon came
  const second = world.daemon()
  await until(() => world.heard().includes('{"late":1}'), 'the promised words')
  await second.die()
  const third = world.daemon()
  await third.inbox.put({ kind: 'message', seq: 7, text: 'go on', by: 'user:ann' })
  await third.inbox.put({ kind: 'message', seq: 7, text: 'go on', by: 'user:ann' })
  await until(() => world.heard().length === 4, 'the message')
  await third.die()
  expect(readFileSync(join(world.handle.runDir, 'stdin.log'), 'utf8').split('\n')).toEqual([
    ...greeting,
    '{"late":1}',
    '{"words":"go on"}',
    '',
  ])
})

test('words that come after the last ones of the agent come too late: told once, also when they are sent again', async () => {
  await world.start([])
  const first = world.daemon()
  await until(() => world.heard().length === 2, 'the greeting')
  expect(await first.inbox.put(words(8, 'in time'))).toBe(true)
  first.journal.talk.endInput(attemptId)
  expect(await first.inbox.put(words(9, 'one more'))).toBe(false)
  await first.die()
  const second = world.daemon()
  expect(await second.inbox.put(words(9, 'one more'))).toBe(false)
  expect(await second.inbox.put(words(8, 'in time'))).toBe(true)
  const told = [...first.events, ...second.events].flatMap((event) => (event.type === 'notice' ? [event.message] : []))
  expect(told).toEqual(['user:ann: in time', 'came too late for the agent: user:ann: one more'])
  const waiting = second.inbox.put(words(10, 'and more'))
  second.inbox.close()
  expect(await waiting).toBe(false)
  expect(await second.inbox.put(words(11, 'still more'))).toBe(false)
  await second.die()
})

test('words that the adapter refuses came too late, and what it holds unread at the end is given back once', async () => {
  await world.start([])
  const held: string[] = []
  const daemon = world.daemon({
    harness: {
      ...asking,
      message: (state, said) => {
        if (said === 'no') return { state, events: [], refused: true }
        held.push(said)
        return { state, events: [] }
      },
      unread: () => held,
    },
  })
  await until(() => world.heard().length === 2, 'the greeting')
  expect(await daemon.inbox.put(words(3, 'no'))).toBe(false)
  for (const [seq, said] of [
    [4, 'twice'],
    [5, 'twice'],
  ] as const)
    expect(await daemon.inbox.put(words(seq, said))).toBe(true)
  process.kill(world.handle.agentPid, 'SIGKILL')
  await daemon.ended
  const back = daemon.rows('unsaid').flatMap((row) => (row.kind === 'unsaid' ? [row.body.seq] : []))
  expect(back.toSorted()).toEqual([4, 5])
  expect(JSON.stringify(daemon.events)).toContain('not read by the agent: twice')
  daemon.journal[Symbol.dispose]()
})

test('words after which the agent said nothing any more were not read', async () => {
  await world.start([])
  const daemon = world.daemon()
  await until(() => world.heard().length === 2, 'the greeting')
  expect(await daemon.inbox.put(words(3, 'heard'))).toBe(true)
  const texts = () => daemon.events.flatMap((event) => (event.type === 'text' ? [event.text] : []))
  await until(() => texts().some((each) => each.includes('{"words":"heard"}')), 'its echo')
  process.kill(world.handle.agentPid, 'SIGSTOP')
  expect(await daemon.inbox.put(words(4, 'into the void'))).toBe(true)
  process.kill(world.handle.agentPid, 'SIGKILL')
  await daemon.ended
  expect(daemon.rows('unsaid')).toMatchObject([{ body: { attemptId, epoch: 1, seq: 4 } }])
  daemon.journal[Symbol.dispose]()
})

test('promised text is appended, completed, recognised, found elsewhere, or put behind what it does not fit', () => {
  const at = (file: string, input: { at: number; text: string }) => {
    const { missing, end } = placed(Buffer.from(file), input)
    return [missing.toString(), end]
  }
  expect(at('one\n', { at: 4, text: 'two\n' })).toEqual(['two\n', 8])
  expect(at('one\ntw', { at: 4, text: 'two\n' })).toEqual(['o\n', 8])
  expect(at('one\ntwo\n', { at: 4, text: 'two\n' })).toEqual(['', 8])
  expect(at('one\nXX\ntwo\n', { at: 4, text: 'two\n' })).toEqual(['', 11])
  expect(at('one\nXX\n', { at: 4, text: 'two\n' })).toEqual(['two\n', 11])
  expect(at('on', { at: 4, text: 'two\n' })).toEqual(['\n\ntwo\n', 8])
})

test('a file of input that was cut is filled, so that the agent gets what comes after', async () => {
  await world.start([])
  const daemon = world.daemon()
  await until(() => world.heard().length === 2, 'the greeting')
  truncateSync(join(world.handle.runDir, 'stdin.log'), 5)
  await daemon.inbox.put({ kind: 'message', seq: 1, text: 'still there?', by: 'user:ann' })
  await until(() => world.heard().length === 3, 'the message')
  expect(world.heard().at(-1)).toBe('{"words":"still there?"}')
  await daemon.die()
})
