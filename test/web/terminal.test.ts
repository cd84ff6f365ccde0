// A terminal in a real browser, under the page's real policy: joined, typed into, left; the daemon's side is played over the real link.

import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TerminalOrder } from '../../src/protocol/terminal.ts'
import type { FakeDaemon } from '../server/world.ts'
import { makeWorld, until } from '../server/world.ts'
import { findings, openBrowser, skipped, visit } from './browser.ts'
import { begin, host, running } from './fleet.ts'

describe.skipIf(skipped)('a terminal', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('it is joined, sized, coloured, typed into and left, and the policy holds', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Work with me', harness: 'claude-code', interactive: true })
    await running(box, claim)
    await using ada = await visit(browser, world.server, { path: `/tasks/${claim.task.id}` })
    const { page } = ada
    await page.getByText('what you type goes to the agent').waitFor()
    const { stream } = await until(() => orders(box).find((order) => order.kind === 'open'), 'the order to open')
    const sized = await until(() => orders(box).find((order) => order.kind === 'resize'), 'its size')
    expect(sized.kind === 'resize' && sized.cols).toBeGreaterThan(80)
    const say = (text: string, end: string | null = null) =>
      box.ask('terminal', { attemptId: claim.attemptId, stream, data: Buffer.from(text).toString('base64'), end })
    await say('\u001b[1mready\u001b[0m \u001b[38;2;250;250;210mpale\u001b[0m \u001b[31mred\u001b[0m\r\n> ')
    const screen = page.locator('.xterm-rows')
    await screen.getByText('ready').waitFor()
    // Pale words on a light page are drawn darker, by a style that no markup brought.
    const style = (word: string, property: string) =>
      page.evaluate(
        `getComputedStyle([...document.querySelectorAll('.xterm-rows span')].find((each) => each.textContent.includes('${word}'))).${property}`,
      )
    expect(['rgb(250, 250, 210)', await style('ready', 'color')]).not.toContain(await style('pale', 'color'))
    expect(await style('ready', 'fontWeight')).toBe('700')
    await page.keyboard.type('héllo')
    await page.keyboard.press('Control+k')
    await until(() => typed(box) === 'héllo\u000b', `what was typed: ${typed(box)}`)
    expect(await page.getByRole('combobox').count()).toBe(0)
    await page.keyboard.press('Control+]')
    await page.getByText('You left').waitFor()
    await until(() => orders(box).some((order) => order.kind === 'close'), 'the order to close')
    expect(ada.complaints).toEqual([])
    expect(ada.strangers).toEqual([])
    expect(await page.evaluate('document.adoptedStyleSheets.length + document.querySelectorAll("style").length')).toBe(
      0,
    )
  })

  test('a person who joins again sees what is there, and the end is told', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Work with me', harness: 'claude-code', interactive: true })
    await running(box, claim)
    await using ada = await visit(browser, world.server, { path: `/tasks/${claim.task.id}`, theme: 'dark' })
    const { page } = ada
    await page.getByText('what you type goes to the agent').waitFor()
    await page.getByRole('button', { name: 'Leave' }).click()
    await page.getByRole('button', { name: 'Join again' }).click()
    const { stream } = await until(() => orders(box).filter((order) => order.kind === 'open')[1], 'the second opening')
    await page.getByText('what you type goes to the agent').waitFor()
    const data = Buffer.from('still here').toString('base64')
    await box.ask('terminal', { attemptId: claim.attemptId, stream, data, end: null })
    await page.locator('.xterm-rows').getByText('still here').waitFor()
    expect(await findings(page)).toEqual([])
    await box.ask('terminal', { attemptId: claim.attemptId, stream, data: '', end: 'its agent has left' })
    await page.getByText('It is over: its agent has left').waitFor()
    expect(ada.complaints).toEqual([])
  })
})

/** What the server ordered of the daemon's terminals, in order. */
function orders(box: FakeDaemon): TerminalOrder[] {
  return box.pushed
    .map((frame) => frame as { live?: string; body: unknown }) // pushed keeps every frame as it came
    .filter((frame) => frame.live === 'terminal')
    .map((frame) => frame.body as TerminalOrder) // the link's own table
}

function typed(box: FakeDaemon): string {
  const inputs = orders(box).flatMap((order) => (order.kind === 'input' ? [Buffer.from(order.data, 'base64')] : []))
  return Buffer.concat(inputs).toString()
}
