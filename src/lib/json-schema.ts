// Whether a JSON value fits a JSON Schema, in bounded time: schemas and values come from people and agents.

import { createContext, Script } from 'node:vm'

/** A pattern that backtracks for ever is cut here, ms. */
const limitMs = 2_000
/** More are of no use to whoever mends the value. */
const mostErrors = 20

/**
 * Null when the value fits, else sentences that say where and why. The library is loaded at the first call. A schema that cannot be used
 * (a dialect or reference nobody knows) is a sentence too.
 */
export async function misfits(
  schema: Readonly<Record<string, unknown>>,
  value: unknown,
): Promise<readonly string[] | null> {
  // Interprets the schema: no code is made of what a stranger wrote.
  const { CfWorkerJsonSchemaValidator } = await import('@modelcontextprotocol/server/validators/cf-worker')
  try {
    const found = bounded(() => new CfWorkerJsonSchemaValidator({ shortcircuit: false }).getValidator(schema)(value))
    if (found.valid) return null
    const said = telling(found.errorMessage.split('; ').map(placed))
    return said.length === 0 ? ['the value does not fit the schema'] : said.slice(0, mostErrors)
  } catch (error) {
    return [`the schema cannot be applied: ${error instanceof Error ? error.message : String(error)}`]
  }
}

/** The library says `#/a/b: …`. */
function placed(error: string): string {
  return error.replace(/^#: /, 'the output: ').replace(/^#\//, '')
}

/** Without what only repeats that something inside does not fit. */
function telling(errors: readonly string[]): readonly string[] {
  const own = errors.filter((error) => !/ (did|does) not match .*schema\.?$/.test(error) && !forbidden.test(error))
  const extra = errors.flatMap((error) => forbidden.exec(error)?.[1] ?? [])
  // A field that does not fit is called forbidden as well; only one that has no other fault is.
  const surplus = extra.filter((at) => !own.some((error) => error.startsWith(`${at}:`) || error.startsWith(`${at}/`)))
  return [...own, ...surplus.map((at) => `${at}: the schema does not allow it here`)]
}

const forbidden = /^(.*): False boolean schema\.$/

/** Only code inside a context can be ended from outside, regular expressions included. */
function bounded<T>(work: () => T): T {
  const result: { value?: T } = {}
  const context = createContext({
    work: () => {
      result.value = work()
    },
  })
  new Script('work()').runInContext(context, { timeout: limitMs })
  return result.value as T // work ran to its end, or it would have thrown
}
