// A terminal of an agent in real tmux, joined from a real browser: typed into, left at work, joined again, finished.

import { spawnSync } from 'node:child_process'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from 'vitest'
import type { TaskView } from '../../src/protocol/task.ts'
import { processesOf, World } from '../journeys/world.ts'
import { findings, openBrowser, skipped, visit } from './browser.ts'

const able = spawnSync('tmux', ['-V']).status === 0 && spawnSync('script', ['--version']).stdout?.includes('util-linux')
if (!able) console.warn('tmux or script of util-linux is missing: the terminal in the page is not tested for real')

describe.skipIf(skipped || !able)('a terminal in tmux', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('what is typed in the page runs on the host, goes on when the person leaves, and is the result when they finish', async () => {
    const world = new World()
    let failed = false
    onTestFailed(() => {
      failed = true
    })
    onTestFinished(async () => {
      await world.end(failed)
      expect(processesOf(world.root)).toEqual([])
    })
    const { line } = await world.up(await world.repo('app'))
    const asked = ['--interactive', '--harness', 'shell', '--repo', 'app', '--prompt', 'look around']
    const { id } = await world.json<TaskView>(['task', 'add', ...asked])
    await using ada = await visit(
      browser,
      { url: line.url, makeSignInUrl: async () => line.signInUrl },
      { path: `/tasks/${id}` },
    )
    const { page } = ada
    await page.getByText('what you type goes to the agent').waitFor()
    const screen = page.locator('.xterm-rows')
    await screen.getByText('look around').waitFor()
    // The program on the host sees as many rows as the page draws.
    const rows = await page.locator('.xterm-rows > div').count()
    expect(rows).toBeGreaterThan(20)
    await page.keyboard.type(`until stty size | grep "^${rows} "; do sleep 0.1; done; echo sum=$((40 + 2))\n`)
    await screen.getByText('sum=42').waitFor()
    expect(await findings(page)).toEqual([])
    await page.keyboard.type("sh -c 'sleep 0.3; echo still=$((3 + 4))' &\n")
    await page.keyboard.press('Control+]')
    await page.getByText('The agent goes on without you').waitFor()
    await page.getByRole('button', { name: 'Join again' }).click()
    await screen.getByText('still=7').waitFor()
    await page.keyboard.type('echo hello > made.txt; git add made.txt; echo rc=$?\n')
    await screen.getByText('rc=0').waitFor()
    await page.getByRole('button', { name: 'Finish' }).click()
    await page.locator('header').getByText('done').or(page.locator('header').getByText('in review')).waitFor()
    await page.getByRole('tab', { name: 'Changes' }).click()
    await page.getByRole('heading', { name: 'made.txt' }).waitFor()
    expect(ada.complaints).toEqual([])
    expect(ada.strangers).toEqual([])
  })
})
