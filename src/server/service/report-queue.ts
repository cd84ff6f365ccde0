// Final reports on PostgreSQL: those that come together are stored together, in one transaction with few statements. Each by itself would
// be seven round trips, and its COMMIT a sync of its own. (On SQLite every tick is one transaction anyway.)

import type { Tx, Work } from '../../store/port.ts'
import type { ReportAnswer, ReportBy } from '../../store/reports.ts'
import { reportTogether } from '../../store/reports.ts'
import type { Plane } from '../plane.ts'

/** Reports in one transaction: beyond this those at its front wait longer than they save. */
const most = 64
/** Transactions under way at once: one that is committed, one that gathers. */
const atOnce = 2

interface Waiting {
  readonly report: ReportBy
  readonly after: After
  readonly resolve: (answer: ReportAnswer) => void
  readonly reject: (error: unknown) => void
}

/** What else belongs into the transaction of a report. */
export type After = (tx: Tx, answer: ReportAnswer) => Work<void>

export class ReportQueue {
  readonly #plane: Plane
  #waiting: Waiting[] = []
  #underWay = 0
  #due = false

  constructor(plane: Plane) {
    this.#plane = plane
  }

  /** Resolves with the answer once it is durable. A report that makes the others fail takes none of them along. */
  add(report: ReportBy, after: After): Promise<ReportAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ report, after, resolve, reject })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#due || this.#underWay >= atOnce || this.#waiting.length === 0) return
    this.#due = true
    setImmediate(() => {
      this.#due = false
      const batch = this.#waiting.splice(0, most)
      if (batch.length === 0) return
      this.#underWay += 1
      void this.#store(batch).finally(() => {
        this.#underWay -= 1
        this.#schedule()
      })
      this.#schedule()
    })
  }

  /** Never rejects. A report may be stored twice: the second time it is answered alike. */
  async #store(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.#together(batch)
      batch.forEach((each, i) => {
        const answer = answers[i]
        if (answer === undefined) each.reject(new Error('a report got no answer'))
        else each.resolve(answer)
      })
    } catch (error) {
      const [first] = batch
      if (batch.length === 1) first?.reject(error)
      else await Promise.all(batch.map((each) => this.#store([each])))
    }
  }

  #together(batch: readonly Waiting[]): Promise<readonly ReportAnswer[]> {
    const { store, settings } = this.#plane
    return store.run(function* (tx) {
      const reports = batch.map((each) => each.report)
      const answers = yield* reportTogether(tx, reports, settings.retry)
      for (const [i, answer] of answers.entries()) yield* batch[i]?.after(tx, answer) ?? nothing()
      return answers
    })
  }
}

function* nothing(): Work<void> {}
