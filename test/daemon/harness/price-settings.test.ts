// [prices] in daemon.toml: read as they stand, and a wrong one said by name.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readPrices } from '../../../src/daemon/harness/price-settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'capstan-prices-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function read(toml: string) {
  const path = join(folder, 'daemon.toml')
  writeFileSync(path, toml)
  return readPrices(path)
}

test('each table is the price of one model; a cache price may be left out', () => {
  expect(readPrices(join(folder, 'none.toml'))).toEqual({})
  expect(
    read(
      '[prices."GPT-5.9"]\ninput = 2\noutput = 16\n[prices.local]\ninput = 0\noutput = 0\ncacheRead = 0\ncacheWrite = 0',
    ),
  ).toEqual({
    'gpt-5.9': { input: 2, output: 16, cacheRead: null, cacheWrite: null },
    local: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  })
})

test.each([
  ['prices = 3', 'prices must be tables, such as [prices."gpt-5.4"]'],
  ['[prices.gpt-5.9]\ninput = 1\noutput = 2', 'put the model\'s name in quotes: [prices."gpt-5.9"]'],
  ['[prices.m]\ninput = 1', '[prices."m"]: ✖ Invalid input: expected number, received undefined   → at output'],
  ['[prices.m]\ninput = -1\noutput = 2', '>=0   → at input'],
  ['[prices.m]\ninput = 1\noutput = 2\ncache = 3', 'Unrecognized key: "cache"'],
  ['[prices', 'is not TOML'],
])('%j is refused in one sentence', (toml, words) => {
  expect(() => read(toml)).toThrow(words)
})
