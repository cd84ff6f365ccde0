// Drives commands that do not depend on each other in step: what they ask at the same time becomes as few statements as possible.

import type { Query, Rows, Work } from './port.ts'

/** A new row without conditions: several of them are one statement. */
const plainInsert = /^insert into \w+ \([\w, ]+\) values \([$\d, ]+\)$/
/** Rows in one statement, largest first: few sizes, so that each stays prepared. */
const sizes = [32, 8, 1]

/**
 * Drives all to their ends and gives their answers in order; rejects with the first failure, whoever's it was. A command must not read what
 * another one here writes: their steps are interleaved.
 */
export async function driveTogether(
  works: readonly Work<unknown>[],
  execute: (query: Query) => Promise<Rows>,
): Promise<unknown[]> {
  const steps = works.map((work) => work.next())
  for (;;) {
    const asking = steps.flatMap((step, i) => (step.done ? [] : [{ i, query: step.value }]))
    if (asking.length === 0) return steps.map((step) => step.value)
    for (const alike of Map.groupBy(asking, ({ query }) => query.sql).values()) {
      const answers = await executeAlike(
        alike.map(({ query }) => query),
        execute,
      )
      for (const [n, { i }] of alike.entries()) {
        const work = works[i]
        const rows = answers[n]
        if (work !== undefined && rows !== undefined) steps[i] = work.next(rows)
      }
    }
  }
}

/** Answers of queries with the same text, in their order. */
async function executeAlike(queries: readonly Query[], execute: (query: Query) => Promise<Rows>): Promise<Rows[]> {
  const [first] = queries
  if (first === undefined) return []
  if (queries.length > 1 && plainInsert.test(first.sql)) return await insertAll(queries, execute)
  const answers: Rows[] = []
  const known = new Map<string, Rows>()
  for (const query of queries) {
    const key = /^select\b/.test(query.sql) ? JSON.stringify(query.parameters) : null
    const rows = (key === null ? undefined : known.get(key)) ?? (await execute(query))
    if (key !== null) known.set(key, rows)
    answers.push(rows)
  }
  return answers
}

async function insertAll(queries: readonly Query[], execute: (query: Query) => Promise<Rows>): Promise<Rows[]> {
  for (let from = 0; from < queries.length; ) {
    const size = sizes.find((each) => each <= queries.length - from) ?? 1
    const part = queries.slice(from, from + size)
    await execute({
      sql: manyRows(part[0]?.sql ?? '', size),
      parameters: part.flatMap((query) => query.parameters),
    })
    from += size
  }
  return queries.map(() => ({ rows: [], changed: 1 }))
}

const texts = new Map<string, string>()

/** The same insert with so many rows. Plain inserts are few: one per table. */
function manyRows(sql: string, rows: number): string {
  const key = `${rows} ${sql}`
  const known = texts.get(key)
  if (known !== undefined) return known
  const at = sql.lastIndexOf('(')
  const columns = sql.slice(at).split(',').length
  const tuple = (row: number) =>
    `(${Array.from({ length: columns }, (_, i) => `$${row * columns + i + 1}`).join(', ')})`
  const made = `${sql.slice(0, at)}${Array.from({ length: rows }, (_, row) => tuple(row)).join(', ')}`
  texts.set(key, made)
  return made
}
