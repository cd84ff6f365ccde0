// A very long transcript: the page stays small and quick however much an agent has said.

import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventBody } from '../../src/protocol/events.ts'
import { makeWorld } from '../server/world.ts'
import { openBrowser, skipped, visit } from './browser.ts'
import { begin, host, running, tell } from './fleet.ts'

const total = 100_000

describe.skipIf(skipped)('a transcript of 100,000 events', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('opens at its end, has at most 500 rows in the document, scrolls without a long task and stays under 200 MB', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Talk', harness: 'claude-code' })
    await running(box, claim)
    await tell(box, claim, manyEvents())
    await using ada = await visit(browser, world.server, { path: `/tasks/${claim.task.id}` })
    const { page } = ada
    const opened = Date.now()
    await page.getByText(`step ${total} of`).waitFor()
    expect(Date.now() - opened).toBeLessThan(5_000)
    await page.getByText('earlier event').waitFor({ state: 'detached', timeout: 40_000 })
    await page.evaluate(watchLongTasks)
    // Other programs of this machine hold the browser up as well: one quiet round out of three shows what the page does.
    const rounds: number[][] = []
    while (rounds.length < 3 && rounds.every((round) => round.length > 0)) rounds.push(await scrollAbout(page))
    expect(rounds.at(-1), 'tasks over 100 ms while scrolling, ms').toEqual([])
    expect(await heapMegabytes(page)).toBeLessThanOrEqual(200)
    await page.getByLabel('Find in the transcript').fill('step 777 of')
    await page.keyboard.press('Enter')
    await page.getByText('step 777 of').waitFor()
    await page.getByRole('button', { name: 'Jump to end' }).click()
    await page.getByText(`step ${total} of`).waitFor()
  })
})

/** Jumps and wheels through all of it; gives the long tasks there were, ms. */
async function scrollAbout(page: Page): Promise<number[]> {
  await page.evaluate('globalThis.longTasks = []')
  for (let i = 0; i < 30; i += 1) {
    await page.getByRole('log').evaluate((log, share) => log.scrollTo(0, log.scrollHeight * share), (i * 0.37) % 1)
    await page.mouse.wheel(0, 800)
    expect(await page.locator('[role=log] [data-index]').count()).toBeLessThanOrEqual(500)
    await page.waitForTimeout(30)
  }
  return (await page.evaluate('globalThis.longTasks')) as number[] // watchLongTasks fills it with these
}

/** Words, tools and their output in turn, as an agent has them. */
function manyEvents(): EventBody[] {
  return Array.from({ length: total }, (_, i): EventBody => {
    const n = i + 1
    if (n % 10 === 3)
      return {
        type: 'tool_start',
        id: `t${n}`,
        name: 'Bash',
        input: { command: `make step-${n}` },
        title: `make step-${n}`,
      }
    if (n % 10 === 4) return { type: 'tool_end', id: `t${n - 1}`, ok: true, output: `made ${n}\n`.repeat(4) }
    return { type: 'text', text: `step ${n} of **${total}**: looked at \`file-${n}.ts\`` }
  })
}

/** Runs in the page. Tasks longer than this make scrolling stutter. */
const watchLongTasks = `new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) if (duration > 100) globalThis.longTasks.push(Math.round(duration))
}).observe({ entryTypes: ['longtask'] })`

async function heapMegabytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  return usedSize / 1e6
}
