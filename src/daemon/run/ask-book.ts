// What a run has asked of people, answered or not, and what the server is told of it.

import type { Assignment } from '../../protocol/link.ts'
import type { Asked, Talk } from '../journal/talk.ts'
import { requestIdOf } from './ask.ts'
import type { Step } from './talk-step.ts'

export class AskBook {
  readonly #run: Pick<Assignment, 'attemptId' | 'epoch'>
  readonly #asks: Map<string, Asked>

  constructor(run: Pick<Assignment, 'attemptId' | 'epoch'>, asked: readonly Asked[]) {
    this.#run = run
    this.#asks = new Map(asked.map((each) => [each.key, each]))
  }

  /** True while a request waits for a person. */
  get standing(): boolean {
    return [...this.#asks.values()].some(({ requestId }) => requestId !== null)
  }

  /** Keys of what waits for a person. */
  get waiting(): readonly string[] {
    return [...this.#asks.values()].flatMap(({ key, requestId }) => (requestId === null ? [] : [key]))
  }

  get(key: string): Asked | undefined {
    return this.#asks.get(key)
  }

  put(asked: Asked, step: Step): void {
    this.#asks.set(asked.key, asked)
    step.touched.add(asked.key)
  }

  /** The ask that waits for the answer to this request. */
  waitingFor(requestId: string): Asked | undefined {
    return [...this.#asks.values()].find((asked) => asked.requestId === requestId)
  }

  /** True when this request was asked by what the journal knows, answered or not. */
  knows(requestId: string): boolean {
    const { attemptId } = this.#run
    return [...this.#asks.values()].some(({ key, times }) =>
      Array.from({ length: times }, (_, at) => requestIdOf(attemptId, key, at + 1)).includes(requestId),
    )
  }

  close(asked: Asked, step: Step): void {
    this.put({ ...asked, requestId: null, open: null }, step)
  }

  /** Closes it by our own word: the server then lists it no longer. */
  takeBack(asked: Asked, step: Step, why: { readonly expired?: true } = {}): void {
    const { requestId } = asked
    this.close(asked, step)
    if (requestId !== null) step.reports.push({ kind: 'withdraw', body: { ...this.#claim(), requestId, ...why } })
  }

  /**
   * `listed`: what stands open at the server. One that was restored from a backup may not know what is open here, and may list what was
   * answered since: it hears both again. Saying what it knows changes nothing there.
   */
  reconcile(listed: readonly string[], step: Step): void {
    const here = new Map([...this.#asks.values()].map(({ requestId, open }) => [requestId, open ?? null]))
    for (const [requestId, open] of here)
      if (requestId !== null && open !== null && !listed.includes(requestId))
        step.reports.push({ kind: 'request', body: open.sent })
    for (const requestId of listed)
      if (!here.has(requestId)) step.reports.push({ kind: 'withdraw', body: { ...this.#claim(), requestId } })
  }

  /** Writes down what a step changed; to be called in its transaction. */
  keep(talk: Talk, { touched }: Step): void {
    for (const key of touched) {
      const asked = this.#asks.get(key)
      if (asked !== undefined) talk.keepAsk(this.#run.attemptId, asked)
    }
  }

  #claim() {
    const { attemptId, epoch } = this.#run
    return { attemptId, epoch }
  }
}
