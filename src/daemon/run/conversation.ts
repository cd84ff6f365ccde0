// One agent's conversation: what it prints becomes events, words for it and asks; what people answer becomes words for it. Each step is one
// transaction of the journal, and only then does the agent hear of it: a restarted daemon goes on exactly there.

import type { ApprovalRule } from '../../core/approval.ts'
import { describeRule, ruleFor } from '../../core/approval.ts'
import { messageOf } from '../../lib/error-text.ts'
import type { Redactor } from '../../lib/redact.ts'
import { redactEvent } from '../../lib/redact.ts'
import type { EventBody } from '../../protocol/events.ts'
import type { Assignment } from '../../protocol/link.ts'
import { oneLine } from '../harness/cut.ts'
import type { Ask, Brief, Harness, Line, Reduced } from '../harness/port.ts'
import type { Offsets } from '../journal/follow.ts'
import type { Asked } from '../journal/talk.ts'
import { holdDeadline, pokePump, releaseDeadline } from '../supervisor/run.ts'
import { answerWords, foreignWords, mayAnswer } from './answer-words.ts'
import { requestIdOf, requestOf, shownOptions, titleOf } from './ask.ts'
import { AskBook } from './ask-book.ts'
import type { Careful } from './careful.ts'
import { careful } from './careful.ts'
import type { RunDeps } from './deps.ts'
import { maySkip, told } from './flood.ts'
import type { Given, Listed } from './inbox.ts'
import { hostItself, lateWords } from './inbox.ts'
import { flushInput, inputSize } from './input.ts'
import { joined } from './joined.ts'
import type { Mark } from './marks.ts'
import { fitted, keepMark, linesBetween, marksBehind } from './marks.ts'
import type { OwnStep, Step } from './talk-step.ts'
import { isReserved, isSilent, lostKey, newStep, ownKey } from './talk-step.ts'
import { unreadWords } from './unread.ts'

export interface ConversationInput {
  readonly assignment: Assignment
  readonly runDir: string
  readonly harness: Harness
  readonly brief: Brief
  readonly redact: Redactor
  readonly rules: readonly ApprovalRule[]
  /** Whom the host's owner lets answer, as `user:NAME` or `NAME`; null: whoever the server lets. */
  readonly approvers: readonly string[] | null
  /** How much of its standard input the agent was started with, bytes; null: not known. */
  readonly inputBase: number | null
  /** Called after each commit. */
  onStep(step: StepDone): void
  /** Called when a question of the daemon's own was answered; the journal's `calls` hold the answer under the call's key. */
  onOwnAnswer?(call: string): void
}

export interface StepDone {
  readonly events: readonly EventBody[]
  /** Requests wait for a person: the agent's clocks stand still. */
  readonly standing: boolean
  /** The agent said its last word. */
  readonly done: boolean
}

/** An adapter that asks again for each answer of a rule is broken; the rest goes to a person. */
const maxRulesPerStep = 100
/** Nobody answers more in one run, and each stays at the server. */
const maxAsked = 1_000

const taken = 'its id is one of Capstan’s own'

export class Conversation {
  readonly #deps: RunDeps
  readonly #in: ConversationInput
  readonly #asks: AskBook
  readonly #adapter: Careful
  #parser: unknown
  #reached: Offsets
  #committedAt: Offsets
  #done: boolean
  /** Requests that went to people since this start of the daemon. */
  #asked = 0

  /** Takes up where the journal stands. */
  constructor(deps: RunDeps, input: ConversationInput) {
    this.#deps = deps
    this.#in = input
    const { attemptId } = input.assignment
    const cursor = deps.journal.cursor(attemptId)
    this.#parser = cursor.parserState ?? input.harness.initial()
    this.#adapter = careful(input.harness, input.brief)
    this.#reached = cursor.offsets
    this.#committedAt = cursor.offsets
    this.#asks = new AskBook(input.assignment, deps.journal.talk.asks(attemptId))
    this.#done = deps.journal.talk.isDone(attemptId)
  }

  get parser(): unknown {
    return this.#parser
  }

  get reached(): Offsets {
    return this.#reached
  }

  /** What an earlier start of the daemon began: pieces whose commit a crash prevented, words that did not reach the agent, clocks. */
  recover(): void {
    this.#flush()
    // Nothing was ever committed: then what was marked before the first output is lost, too.
    const fresh = this.#deps.journal.cursor(this.#in.assignment.attemptId).parserState === undefined
    for (const mark of marksBehind(this.#in.runDir, fresh ? null : this.#reached)) {
      if (mark.given === undefined) {
        this.lines(linesBetween(this.#in.runDir, this.#reached, mark.offsets), mark.offsets, mark)
      } else this.give(mark.given, mark)
    }
    this.#setClocks()
    this.#in.onStep({ events: [], standing: this.standing, done: this.#done })
  }

  /** True while a request waits for a person. */
  get standing(): boolean {
    return this.#asks.standing
  }

  /** Whole lines of the agent, and where reading goes on. `again`: as an earlier start of the daemon cut and counted them. */
  lines(lines: readonly Line[], offsets: Offsets, again?: Mark): void {
    const step = newStep()
    for (const line of lines) this.#absorb(this.#adapter.line(this.#parser, line), step)
    const from = this.#reached
    this.#reached = offsets
    const shown = told(joined(step.events, this.#in.harness.plain === true), from, offsets)
    // Of a flood nothing is told: where it was read to is written down now and then.
    const idle = shown.length === 0 && isSilent(step)
    if (idle && maySkip(this.#committedAt, offsets)) return
    this.#commit(step, shown, again === undefined ? {} : { again })
  }

  /** What the run's inbox brings. False: words that came too late for the agent. */
  take(given: Given | Listed): boolean {
    if (given.kind !== 'listed') return this.give(given)
    const step = newStep()
    this.#asks.reconcile(given.requests, step)
    if (step.reports.length > 0) this.#commit(step, [], {})
    return true
  }

  /** What a person sent. What is known already, or answers nothing that waits, changes nothing. False: words that came too late. */
  give(given: Given, again?: Mark): boolean {
    const step = newStep()
    if (given.kind === 'message') {
      const before = this.#deps.journal.talk.heard(this.#in.assignment.attemptId, given.seq)
      if (before !== null) return before === 'taken'
      this.#hear(given, step)
    } else {
      const asked = this.#asks.waitingFor(given.requestId)
      if (asked === undefined) {
        if (again !== undefined && !this.#asks.knows(given.requestId)) this.#fill(given, again)
        return true
      }
      this.#answer(asked, given, step)
    }
    this.#commit(step, step.events, again === undefined ? { given } : { given, again })
    return step.late !== true
  }

  #hear(given: Given & { readonly kind: 'message' }, step: Step): void {
    const late = this.#done || this.#deps.journal.talk.inputEnd(this.#in.assignment.attemptId).ended
    const reduced = late ? null : this.#adapter.message(this.#parser, given.text)
    step.late = reduced === null || reduced.refused === true
    const message = late ? lateWords(given) : oneLine(`${given.by}: ${given.text}`, 2_000)
    step.events.push({ type: 'notice', message })
    if (reduced !== null) this.#absorb(reduced, step)
    if (!late && step.late) step.events.push({ type: 'notice', message: lateWords(given) })
  }

  /** Of a question whose memory was lost with the journal: what was told of its answer keeps its numbers. Once. */
  #fill(given: Given & { readonly kind: 'answer' }, again: Mark): void {
    const key = `${lostKey}${given.requestId}`
    if (this.#asks.get(key) !== undefined) return
    const step = newStep()
    this.#asks.put({ key, times: 0, requestId: null, title: '', options: [] }, step)
    this.#commit(step, [], { given, again })
  }

  /** The daemon's own words, in the order in which they come between the agent's. */
  own({ events = [], ask, withdraw, call, reduced }: OwnStep): void {
    const step = newStep()
    step.events.push(...events)
    if (ask !== undefined) this.#open({ ...ask, key: ownKey + ask.key }, step)
    if (withdraw !== undefined) this.#withdraw(ownKey + withdraw, step)
    if (call !== undefined) step.calls.push(call)
    if (reduced !== undefined) this.#absorb(reduced, step)
    this.#commit(step, step.events, {})
  }

  /** The agent is gone: nobody needs to answer it any more, and what it did not read becomes the next message. */
  end(): void {
    const { waiting } = this.#asks
    const { attemptId, epoch } = this.#in.assignment
    const held = this.#in.harness.unread?.(this.#parser) ?? []
    const unread = unreadWords(this.#deps.journal.talk.words(attemptId), held, this.#reached.stdout)
    if (waiting.length + unread.length === 0) return
    const step = newStep()
    for (const key of waiting) this.#withdraw(key, step)
    for (const { seq, text } of unread) {
      step.events.push({ type: 'notice', message: oneLine(`not read by the agent: ${text}`, 2_000) })
      step.reports.push({ kind: 'unsaid', body: { attemptId, epoch, seq } })
    }
    this.#commit(step, step.events, {})
  }

  #answer(asked: Asked, given: Given & { readonly kind: 'answer' }, step: Step): void {
    const { by } = given
    const chosen = asked.options.find(({ id }) => id === given.optionId) ?? null
    const said = given.text === null || given.text.trim() === '' ? null : given.text
    // The host's owner has the last word on who grants something; anybody may deny.
    const silent = chosen === null && said === null
    const heard = silent || chosen?.grants === 'deny' || mayAnswer(by, this.#in.approvers)
    const [option, text] = heard ? [chosen, said] : [null, null]
    const words = heard ? answerWords(asked, option?.label ?? null, { by, text }) : foreignWords(asked, by)
    if (by === hostItself) this.#asks.takeBack(asked, step, { expired: true })
    else this.#asks.close(asked, step)
    step.events.push({ type: 'notice', message: words })
    if (asked.key.startsWith(ownKey)) {
      step.calls.push({ key: asked.key.slice(ownKey.length), answer: { label: option?.label ?? null, text, by } })
    } else
      this.#absorb(this.#adapter.answer(this.#parser, { key: asked.key, optionId: option?.id ?? null, text }), step)
  }

  #absorb(reduced: Reduced<unknown>, step: Step): void {
    this.#parser = reduced.state
    step.events.push(...reduced.events)
    step.send.push(...(reduced.send ?? []))
    if (reduced.endInput === true) step.endInput = true
    if (reduced.done === true) step.done = true
    for (const key of reduced.withdrawn ?? []) if (!isReserved(key)) this.#withdraw(key, step)
    for (const ask of reduced.asks ?? []) {
      if (isReserved(ask.key)) this.#turnDown(ask, taken, step)
      else this.#open(ask, step)
    }
  }

  /** Denied without asking anybody, and said so. */
  #turnDown(ask: Ask, why: string, step: Step): void {
    const { key } = ask
    const isOurs = key.startsWith(ownKey) && why !== taken
    const message = `not put to a person, because ${why}: ${titleOf(ask, this.#in.redact)}`
    step.events.push({ type: 'notice', level: 'warning', message })
    step.unasked += 1
    if (isOurs) step.calls.push({ key: key.slice(ownKey.length), answer: { label: null, text: null } })
    else if (step.unasked <= maxRulesPerStep)
      this.#absorb(this.#adapter.answer(this.#parser, { key, optionId: null, text: null }), step)
  }

  /** A rule answers it at once; else it goes to a person. One that is open already is the same ask again. */
  #open(ask: Ask, step: Step): void {
    const { assignment, redact, rules } = this.#in
    const before = this.#asks.get(ask.key)
    if (before !== undefined && before.requestId !== null) return
    const times = (before?.times ?? 0) + 1
    const requestId = requestIdOf(assignment.attemptId, ask.key, times)
    const title = titleOf(ask, redact)
    const rule = step.unasked < maxRulesPerStep ? ruleFor(ask.command, rules) : null
    const allow = rule === null ? undefined : ask.options.find(({ grants }) => grants === 'allow')
    const asked: Asked = { key: ask.key, times, requestId, title, options: shownOptions(ask, redact) }
    const event: EventBody = { type: 'request', requestId, kind: ask.kind, title }
    if (rule !== null && allow !== undefined) {
      step.unasked += 1
      this.#asks.put({ ...asked, requestId: null }, step)
      step.events.push({ ...event, rule: describeRule(rule) })
      this.#absorb(this.#adapter.answer(this.#parser, { key: ask.key, optionId: allow.id, text: null }), step)
      return
    }
    if (this.#asked >= maxAsked) {
      this.#turnDown(ask, `${maxAsked} requests of this run were before`, step)
      return
    }
    this.#asked += 1
    const sent = requestOf(assignment, { ask, requestId, redact })
    this.#asks.put({ ...asked, open: { sent, until: this.#deps.clock.now() + sent.openForMs } }, step)
    step.events.push(event)
    step.reports.push({ kind: 'request', body: sent })
  }

  #withdraw(key: string, step: Step): void {
    const asked = this.#asks.get(key)
    if (asked === undefined || asked.requestId === null) return
    this.#asks.takeBack(asked, step)
    step.events.push({ type: 'notice', message: `taken back: ${asked.title}` })
  }

  /** Journalled as one; then the agent hears it, and its clocks stand or go. */
  #commit(step: Step, shown: readonly EventBody[], how: { readonly given?: Given; readonly again?: Mark }): void {
    const { assignment, runDir, redact } = this.#in
    const { attemptId } = assignment
    const { journal, clock, poke } = this.#deps
    const { given, again } = how
    const said = shown.map((event) => redactEvent(event, redact))
    const events = again === undefined ? said : fitted(said, again.events)
    const offsets = this.#reached
    const at = clock.now()
    if (again === undefined) keepMark(runDir, { offsets, events: events.length, given })
    if (this.standing) holdDeadline(runDir, at)
    journal.transaction(() => {
      journal.commitLines({ attemptId, offsets, parserState: this.#parser, events, at })
      this.#keep(step)
      if (given?.kind === 'message')
        journal.talk.hear(attemptId, { ...given, at: offsets.stdout }, step.late === true ? 'late' : 'taken')
      for (const { kind, body } of step.reports) journal.outbox.add(attemptId, kind, body, at)
    })
    this.#committedAt = offsets
    if (step.done) this.#done = true
    if (step.send.length > 0 || step.endInput) this.#flush()
    if (step.touched.size > 0) this.#setClocks()
    if (events.length + step.reports.length > 0) poke()
    this.#in.onStep({ events, standing: this.standing, done: this.#done })
    for (const { key } of step.calls) this.#in.onOwnAnswer?.(key)
  }

  #keep(step: Step): void {
    const { assignment, runDir, inputBase } = this.#in
    const { attemptId } = assignment
    const { talk } = this.#deps.journal
    this.#asks.keep(talk, step)
    for (const { key, answer } of step.calls) this.#deps.journal.calls.keep(attemptId, key, answer)
    if (step.done) talk.markDone(attemptId)
    if (step.send.length === 0 && !step.endInput) return
    const { end, ended } = talk.inputEnd(attemptId)
    const at = end ?? inputBase ?? inputSize(runDir)
    if (at === null || ended) {
      // An adapter that talks to a CLI which does not listen: its words are lost, the run is not.
      this.#deps.log.warn({ attemptId, lines: step.send.length }, 'agent takes no more input')
      return
    }
    if (step.send.length > 0) talk.addInput(attemptId, { at, text: step.send.map((line) => `${line}\n`).join('') })
    if (step.endInput) talk.endInput(attemptId)
  }

  #flush(): void {
    const { assignment, runDir } = this.#in
    const { attemptId } = assignment
    if (inputSize(runDir) === null || !flushInput(this.#deps.journal.talk, attemptId, runDir)) return
    pokePump(runDir).catch((error) => this.#deps.log.warn({ attemptId, error: messageOf(error) }, 'pump not poked'))
  }

  /** From the set of open asks alone, so that it may be repeated: several open at once hold the clock once. */
  #setClocks(): void {
    const { runDir } = this.#in
    const now = this.#deps.clock.now()
    if (this.standing) holdDeadline(runDir, now)
    else releaseDeadline(runDir, now)
  }
}
