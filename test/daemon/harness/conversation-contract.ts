// What every adapter that talks with its CLI must hold besides the contract of all adapters: words out, asks, answers, the end.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Answer, Ask, Harness, Line, Reduced, RunInput } from '../../../src/daemon/harness/port.ts'
import { eventBody, maxToolOutput } from '../../../src/protocol/events.ts'
import { hostileValue, withValue } from './hostile-json.ts'
import { runInput } from './hosts.ts'
import { out } from './transcripts.ts'

/** A conversation in the CLI's own lines. */
export interface Talk {
  readonly input?: Partial<RunInput>
  /** Up to the turn at work. */
  readonly start: readonly Line[]
  /** Something the agent says or does, once for each number. */
  work(n: number): readonly Line[]
  /** What it asks, under an id of its own made of the number. */
  ask(n: number): Line
  /** The end of the turn as a success. */
  readonly end: Line
  /** What an answer that grants looks like on the wire, and what one that does not. */
  readonly granted: RegExp
  readonly refused: RegExp
  /** The CLI leaves by itself at the end of its input, and may work on until then: nothing ends it before. */
  readonly leaves?: true
}

type Doing = { readonly line: Line } | { readonly answer: Answer } | { readonly say: string }

export function conversationContract(harness: Harness, talk: Talk): void {
  describe(`${harness.name}: the conversation`, () => {
    const input = runInput({ prompt: 'the secret plan', autonomy: 'ask', ...talk.input })
    const act = (state: unknown, doing: Doing): Reduced<unknown> => {
      if ('line' in doing) return harness.reduce(state, doing.line, input)
      const step =
        'answer' in doing ? harness.answer?.(state, doing.answer, input) : harness.message?.(state, doing.say, input)
      if (step === undefined) throw new Error(`${harness.name} takes neither answers nor messages`)
      return step
    }
    const atWork = () => talk.start.reduce((state, line) => act(state, { line }).state, harness.initial())
    const asked = (): { readonly state: unknown; readonly ask: Ask } => {
      const step = act(atWork(), { line: talk.ask(1) })
      const [ask] = step.asks ?? []
      if (ask === undefined) throw new Error(`${harness.name} did not ask`)
      return { state: step.state, ask }
    }
    const optionOf = (ask: Ask, grants: 'allow' | 'deny') =>
      ask.options.find((option) => option.grants === grants)?.id ?? null

    test('the prompt is sent once, by the conversation, and is never an argument', () => {
      const launch = harness.launch(input)
      expect(launch.argv.join(' ')).not.toContain(input.prompt)
      expect(launch.stdin.kind).toBe('pipe')
      let state = harness.initial()
      const sent = launch.stdin.kind === 'pipe' ? [launch.stdin.text] : []
      for (const line of [...talk.start, ...talk.work(1)]) {
        const step = act(state, { line })
        state = step.state
        sent.push(...(step.send ?? []))
      }
      expect(sent.filter((line) => line.includes(input.prompt))).toHaveLength(1)
    })

    test('an ask has a title of one line, options with what they grant, and a body that can be sent on', () => {
      const { ask } = asked()
      expect(ask.title).not.toBe('')
      expect(ask.title).not.toContain('\n')
      expect(ask.options.map((option) => option.grants)).toEqual(expect.arrayContaining(['allow', 'deny']))
      expect(new Set(ask.options.map((option) => option.id)).size).toBe(ask.options.length)
      expect(JSON.parse(JSON.stringify(ask.body))).toEqual(ask.body)
    })

    test('an answer that grants is given to the agent once', () => {
      const { state, ask } = asked()
      const answer = { key: ask.key, optionId: optionOf(ask, 'allow'), text: null }
      const step = act(state, { answer })
      expect(step.send?.join('\n')).toMatch(talk.granted)
      expect(act(step.state, { answer }).send ?? []).toEqual([])
    })

    test.each([
      ['a denial', (ask: Ask) => optionOf(ask, 'deny')],
      ['an ask that expired', () => null],
      ['an option that was not offered', () => 'constructor'],
    ])('%s grants nothing', (_what, option) => {
      const { state, ask } = asked()
      const { send } = act(state, { answer: { key: ask.key, optionId: option(ask), text: null } })
      expect(send).toHaveLength(1)
      expect(send?.[0]).toMatch(talk.refused)
      expect(send?.[0]).not.toMatch(talk.granted)
    })

    test('an answer to an unknown key changes nothing', () => {
      const { state } = asked()
      const step = act(state, { answer: { key: 'never-asked', optionId: 'yes', text: null } })
      expect(step).toEqual({ state, events: [] })
    })

    test('several asks at once have keys of their own, and each answer goes to its own', () => {
      const first = asked()
      const second = act(first.state, { line: talk.ask(2) })
      const [ask] = second.asks ?? []
      expect(ask?.key).not.toBe(first.ask.key)
      const answered = act(second.state, {
        answer: { key: ask?.key ?? '', optionId: optionOf(first.ask, 'deny'), text: null },
      })
      const last = act(answered.state, {
        answer: { key: first.ask.key, optionId: optionOf(first.ask, 'allow'), text: null },
      })
      expect(answered.send?.[0]).not.toBe(last.send?.[0])
      expect(last.send?.[0]).toMatch(talk.granted)
    })

    test('the end of the turn takes open asks back, ends the input, and is a success however the process ends', () => {
      const { state, ask } = asked()
      const step = act(state, { line: talk.end })
      expect(step).toMatchObject({ withdrawn: [ask.key], endInput: true })
      expect(step.done).toBe(talk.leaves === true ? undefined : true)
      const stopped = talk.leaves === true ? [] : [{ code: null, signal: 'SIGTERM' }]
      for (const exit of [{ code: 0, signal: null }, ...stopped]) {
        expect(harness.finish(step.state, exit)).toMatchObject({ ok: true })
      }
      const late = act(step.state, { answer: { key: ask.key, optionId: optionOf(ask, 'allow'), text: null } })
      expect(late).toEqual({ state: step.state, events: [] })
    })

    test('without that end it is a crash, whatever the exit code', () => {
      expect(harness.finish(asked().state, { code: 0, signal: null })).toMatchObject({ ok: false, class: 'crashed' })
    })

    test('a restart between any two steps gives the same events, words, asks and end', () => {
      const { ask } = asked()
      const steps: readonly Doing[] = [
        ...[...talk.start, ...talk.work(1), talk.ask(1)].map((line) => ({ line })),
        { answer: { key: ask.key, optionId: optionOf(ask, 'allow'), text: null } },
        ...[...talk.work(2), talk.ask(2), talk.end].map((line) => ({ line })),
      ]
      const run = (restarts: readonly boolean[]) => {
        let state = harness.initial()
        const told: unknown[] = []
        steps.forEach((doing, index) => {
          if (restarts[index]) state = JSON.parse(JSON.stringify(state))
          const before = JSON.stringify(state)
          const { state: next, ...rest } = act(state, doing)
          expect(JSON.stringify(state)).toBe(before)
          state = next
          told.push(rest)
        })
        return { told, verdict: harness.finish(state, { code: 0, signal: null }) }
      }
      const whole = run([])
      const flags = fc.array(fc.boolean(), { minLength: steps.length, maxLength: steps.length })
      fc.assert(
        fc.property(flags, (restarts) => {
          expect(run(restarts)).toEqual(whole)
        }),
        { numRuns: 30 },
      )
    })

    test('values of any shape anywhere in its lines break nothing, and never make a success', () => {
      const lines = [...talk.start, ...talk.work(1), talk.ask(1)].filter((line) => line.stream === 'stdout')
      fc.assert(
        fc.property(fc.nat(), fc.nat(), hostileValue, (which, place, value) => {
          let state = harness.initial()
          const bad = which % lines.length
          lines.forEach((line, index) => {
            const text = index === bad ? withValue(line.text, value, place) : line.text
            const step = act(state, { line: { ...line, text } })
            for (const event of step.events) expect(eventBody.safeParse(event)).toMatchObject({ success: true })
            for (const sent of step.send ?? []) expect(sent).not.toContain('\n')
            state = JSON.parse(JSON.stringify(step.state))
          })
          expect(harness.finish(state, { code: 0, signal: null }).ok).toBe(false)
        }),
        { numRuns: 300 },
      )
    })

    test('a flood of work and asks leaves a small state, and every ask is either open or answered', () => {
      let state = atWork()
      let open = 0
      let answered = 0
      for (let n = 1; n <= 200; n += 1) {
        const long = 'x '.repeat(n <= 3 ? maxToolOutput : 10)
        const lines = talk
          .work(n)
          .map((line) => ({ ...line, text: line.text.replaceAll('one file', `one file ${long}`) }))
        for (const line of [...lines, talk.ask(n)]) {
          const step = act(state, { line })
          state = step.state
          open += step.asks?.length ?? 0
          answered += step.send?.length ?? 0
          for (const event of step.events) expect(JSON.stringify(event).length).toBeLessThan(maxToolOutput * 2)
        }
      }
      expect(open + answered).toBe(200)
      expect(JSON.stringify(state).length).toBeLessThan(60_000)
    })

    test('a message is taken at work, and one that comes too late is said to be lost', () => {
      if (harness.message === undefined) return
      const taken = act(atWork(), { say: 'and the docs' })
      expect(taken.events).toEqual([])
      const over = act(atWork(), { line: talk.end })
      expect(act(over.state, { say: 'and the docs' }).events).toMatchObject([{ type: 'notice', level: 'warning' }])
    })

    test('lines that are no message are kept and change nothing', () => {
      const state = atWork()
      for (const text of ['npm warn', '{"id":', '[]', '{}', '{"id":99999,"result":{}}', 'null']) {
        const step = act(state, { line: { stream: 'stdout', text } })
        expect(step).toEqual({ state, events: [{ type: 'raw', stream: 'stdout', line: text }] })
      }
      const [err] = out('x')
      expect(act(state, { line: { stream: 'stderr', text: err?.text ?? '' } }).send ?? []).toEqual([])
    })
  })
}
