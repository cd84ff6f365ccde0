// The [prices] tables of daemon.toml: what tokens cost this host's owner, before the list that Capstan brings.

import { parse } from 'smol-toml'
import { z } from 'zod'
import type { PriceTable } from '../../core/price.ts'
import { Problem } from '../../core/problem.ts'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import { messageOf } from '../../lib/error-text.ts'
import { objectOf } from './json.ts'

const dollars = z.number().min(0).max(1_000_000)
const price = z.strictObject({
  input: dollars.describe('US dollars per million tokens'),
  output: dollars,
  cacheRead: dollars.optional().describe('Without it the input price stands in'),
  cacheWrite: dollars.optional(),
})

/** By the model's name, in small letters; none when there is no file. Throws `configuration` naming the model, the key and what it must be. */
export function readPrices(path: string): PriceTable {
  const text = readFileIfThere(path)
  const tables = text === null ? {} : (parsed(path, text).prices ?? {})
  const byName = objectOf(tables)
  if (byName === null) throw new Problem('configuration', `${path}: prices must be tables, such as [prices."gpt-5.4"]`)
  return Object.fromEntries(
    Object.entries(byName).map(([name, table]) => [name.toLowerCase(), priceOf(path, name, table)]),
  )
}

function priceOf(path: string, name: string, table: unknown): PriceTable[string] {
  const read = price.safeParse(table)
  if (read.success) {
    const { input, output, cacheRead = null, cacheWrite = null } = read.data
    return { input, output, cacheRead, cacheWrite }
  }
  const where = `${path}, [prices.${JSON.stringify(name)}]`
  // Without quotes TOML takes the dot of a model's name for a table within a table.
  const inner = Object.entries(objectOf(table) ?? {}).find(([, value]) => objectOf(value) !== null)
  if (inner !== undefined) {
    throw new Problem('configuration', `${where}: put the model's name in quotes: [prices."${name}.${inner[0]}"]`)
  }
  throw new Problem('configuration', `${where}: ${z.prettifyError(read.error).replaceAll('\n', ' ')}`)
}

function parsed(path: string, text: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (cause) {
    throw new Problem('configuration', `${path} is not TOML: ${messageOf(cause).split('\n')[0]}`, { cause })
  }
}
