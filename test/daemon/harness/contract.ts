// What every adapter must hold, whatever CLI it reads. Transcripts are played by a real process first.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ExitFacts, Harness, Line, Reduced } from '../../../src/daemon/harness/port.ts'
import type { EventBody } from '../../../src/protocol/events.ts'
import { eventBody, maxToolOutput } from '../../../src/protocol/events.ts'
import { playAgent } from '../../fakes/agent-play.ts'
import { hostileValue, withValue } from './hostile-json.ts'
import { runInput } from './hosts.ts'
import type { Endings } from './transcripts.ts'

const brief = runInput({})

export function feed<S>(harness: Harness<S>, lines: readonly Line[], state: S = harness.initial()): Reduced<S> {
  const events: EventBody[] = []
  let current = state
  for (const line of lines) {
    const step = harness.reduce(current, line, brief)
    current = step.state
    events.push(...step.events)
  }
  return { state: current, events }
}

export function conclude<S>(harness: Harness<S>, lines: readonly Line[], exit: ExitFacts = { code: 0, signal: null }) {
  return harness.finish(feed(harness, lines).state, exit)
}

export function harnessContract(harness: Harness, endings: Endings): void {
  describe(harness.name, () => {
    endingTests(harness, endings)
    purityTests(harness, endings)
    roughTests(harness, endings)
    launchTests(harness)
  })
}

function endingTests(harness: Harness, endings: Endings): void {
  test('a run that the CLI calls done is a success with its last words', async () => {
    const played = await playAgent(endings.success)
    const verdict = conclude(harness, played.lines, played.exit)
    expect(verdict).toMatchObject({ ok: true, lastText: 'Done: one file.' })
  })

  test('a model error is a failure in the words of the CLI', async () => {
    const played = await playAgent(endings.modelError)
    const verdict = conclude(harness, played.lines, played.exit)
    expect(verdict.ok).toBe(false)
    expect(verdict.ok ? '' : verdict.detail.length).toBeGreaterThan(10)
  })

  test('a killed run is a crash', async () => {
    const played = await playAgent(endings.killed)
    const verdict = conclude(harness, played.lines, played.exit)
    expect(verdict).toMatchObject({ ok: false, reason: 'agent_failed', class: 'crashed' })
    expect(verdict.ok ? '' : verdict.detail).toContain('SIGKILL')
  })

  const { silentEnd, rateLimit, auth } = endings
  if (silentEnd !== null) {
    test('exit code 0 without a terminal event is a crash', async () => {
      const played = await playAgent(silentEnd)
      const verdict = conclude(harness, played.lines, played.exit)
      expect(verdict).toMatchObject({ ok: false, reason: 'agent_failed', class: 'crashed' })
    })

    test('one that printed nothing, whatever its exit code, is a crash', () => {
      for (const code of [0, 1, 3]) {
        const verdict = conclude(harness, [], { code, signal: null })
        expect(verdict).toMatchObject({ ok: false, reason: 'agent_failed', class: 'crashed' })
      }
    })
  }

  if (rateLimit !== null) {
    test('a rate limit that lasts parks the task', () => {
      const verdict = conclude(harness, rateLimit.lines, { code: 1, signal: null })
      expect(verdict).toMatchObject({ ok: false, reason: 'quota', class: 'rate_limit' })
    })
  }

  if (auth !== null) {
    test('a missing or refused sign-in is told as such', () => {
      const verdict = conclude(harness, auth.lines, { code: 1, signal: null })
      expect(verdict).toMatchObject({ ok: false, reason: 'auth', class: 'auth' })
    })
  }
}

function purityTests(harness: Harness, endings: Endings): void {
  const { lines } = endings.success
  const whole = feed(harness, lines)

  test('the events are of the protocol’s shapes', () => {
    for (const event of whole.events) expect(eventBody.safeParse(event)).toMatchObject({ success: true })
  })

  test('every cut of the lines into batches, with a restart between any two, gives the same events', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: lines.length, maxLength: lines.length }), (restarts) => {
        let state = harness.initial()
        const events: EventBody[] = []
        lines.forEach((line, index) => {
          if (restarts[index]) state = JSON.parse(JSON.stringify(state))
          const step = harness.reduce(state, line, brief)
          state = step.state
          events.push(...step.events)
        })
        expect(events).toEqual(whole.events)
        expect(harness.finish(state, { code: 0, signal: null })).toEqual(
          harness.finish(whole.state, { code: 0, signal: null }),
        )
      }),
      { numRuns: 50 },
    )
  })

  test('the same state and line always give the same answer, and the state is left as it was', () => {
    let state = harness.initial()
    for (const line of lines) {
      const before = JSON.stringify(state)
      const once = harness.reduce(state, line, brief)
      expect(harness.reduce(state, line, brief)).toEqual(once)
      expect(JSON.stringify(state)).toBe(before)
      state = once.state
    }
  })
}

function roughTests(harness: Harness, endings: Endings): void {
  const garbage = [
    'not json',
    '{"type":"never_seen_before","x":1}',
    '{"type":"assistant","mess',
    '�\u0000',
    '[1,2]',
    '{}',
  ]

  test('a line that is not known is kept as it is', () => {
    for (const text of garbage) {
      for (const stream of ['stdout', 'stderr'] as const) {
        const { events } = harness.reduce(harness.initial(), { stream, text }, brief)
        const kept = events.some(
          (event) => ('line' in event && event.line === text) || ('text' in event && event.text === text),
        )
        expect(kept, text).toBe(true)
      }
    }
  })

  test('garbage between the lines changes no verdict', () => {
    const mixed = endings.success.lines.flatMap((line): readonly Line[] => [
      line,
      ...garbage.slice(0, 4).map((text): Line => ({ stream: 'stderr', text })),
    ])
    expect(conclude(harness, mixed)).toMatchObject({ ok: true })
  })

  test('lines cut anywhere, and values of any shape in known fields, break nothing', () => {
    const objects = endings.success.lines.filter((line) => line.text.startsWith('{'))
    const texts =
      objects.length === 0 ? endings.success.lines.map((line) => line.text) : objects.map((line) => line.text)
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.nat(), hostileValue, fc.nat(), (text, at, value, which) => {
        const broken = [text.slice(0, at % (text.length + 1)), withValue(text, value, which)]
        for (const each of broken) {
          const step = harness.reduce(harness.initial(), { stream: 'stdout', text: each }, brief)
          for (const event of step.events) expect(eventBody.safeParse(event)).toMatchObject({ success: true })
          expect(() => harness.finish(step.state, { code: null, signal: null })).not.toThrow()
        }
      }),
      { numRuns: 300 },
    )
  })

  test('a flood leaves a small state, and no event is much longer than the limit', () => {
    let state = harness.initial()
    const long = 'x'.repeat(maxToolOutput * 4)
    const lines = endings.success.lines.map((line) =>
      line.text.replaceAll('all passed', long).replaceAll('one file', long),
    )
    for (let round = 0; round < 200; round += 1) {
      const fresh = lines.map((text) => text.replace(/"(m1|m2|t1|item_1)"/g, `"$1-${round}"`))
      for (const text of round < 3 ? fresh : fresh.map((line) => line.replaceAll(long, 'x'))) {
        const step = harness.reduce(state, { stream: 'stdout', text }, brief)
        state = step.state
        for (const event of step.events) expect(JSON.stringify(event).length).toBeLessThan(maxToolOutput * 2)
      }
      for (const event of harness.reduce(state, { stream: 'stderr', text: long }, brief).events) {
        expect(JSON.stringify(event).length).toBeLessThan(maxToolOutput * 2)
      }
    }
    expect(JSON.stringify(state).length).toBeLessThan(40_000)
  })
}

function launchTests(harness: Harness): void {
  const input = runInput({ prompt: 'the secret plan', asRoot: true })

  test('the prompt travels by standard input or by its file, never in argv', () => {
    const { argv, stdin } = harness.launch(input)
    expect(argv.join(' ')).not.toContain(input.prompt)
    // A conversation says it later: its own contract holds that.
    if (stdin.kind === 'pipe') return
    expect(stdin.kind === 'null' ? argv.includes(input.promptFile) : stdin.text === input.prompt).toBe(true)
  })

  test('asking for approvals is offered exactly where answers can be given', () => {
    expect(harness.autonomies.includes('ask')).toBe(harness.answer !== undefined)
  })

  test('what it cannot honour is named', () => {
    const { argv, stdin, notHonoured } = harness.launch({ ...input, maxTurns: 3, model: 'm-9' })
    for (const [word, shown] of [
      ['maxTurns', '3'],
      ['model', 'm-9'],
    ] as const) {
      if (word === 'model' && stdin.kind === 'pipe') continue // it may be asked for in the conversation
      const honoured = argv.some((argument) => argument === shown || argument.endsWith(`=${shown}`))
      expect(honoured || notHonoured.some((sentence) => sentence.startsWith(word)), word).toBe(true)
    }
  })
}
