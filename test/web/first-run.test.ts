// The first hour from outside: real processes, a real repository, a real browser, and nothing but the keyboard.

import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from 'vitest'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Up } from '../journeys/world.ts'
import { World } from '../journeys/world.ts'
import { openBrowser, skipped, visit } from './browser.ts'

describe.skipIf(skipped)('the first run', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('by keyboard alone: a task is given, watched, its change read and accepted', async () => {
    const world = new World()
    let failed = false
    onTestFailed(() => {
      failed = true
    })
    onTestFinished(() => world.end(failed))
    const repo = await world.repo('app', { 'greeting.txt': 'hello\n' })
    const { line } = await world.up(repo)
    await using ada = await visit(browser, { url: line.url, makeSignInUrl: async () => line.signInUrl })
    const { page } = ada
    const { keyboard } = page
    await page.getByText('No tasks yet').waitFor()
    await keyboard.press('c')
    await page.getByLabel('Prompt').waitFor()
    await keyboard.type('echo reading the greeting; echo good morning > greeting.txt; echo it is friendlier now')
    for (const [label, choice] of [
      ['Repository', 'app'],
      ['Agent', 'shell'],
    ] as const) {
      await tabTo(page, label)
      await keyboard.type(choice)
      expect(await page.getByLabel(label, { exact: true }).inputValue()).toBe(choice)
    }
    await keyboard.press('Control+Enter')
    await page.getByText('it is friendlier now').first().waitFor()
    await page.getByRole('banner').or(page.locator('header')).getByText('in review').waitFor()
    await keyboard.press('2')
    const changes = page.getByRole('tabpanel', { name: 'Changes' })
    await changes.getByText('good morning').last().waitFor()
    await changes.getByText('hello', { exact: true }).waitFor()
    await keyboard.press('v')
    await page.getByText('1 of 1 viewed').waitFor()
    await keyboard.press('a')
    await page.locator('header').getByText('done').waitFor()
    const [task] = await world.json<TaskView[]>(['task', 'ls'])
    expect([task?.state, task?.verdict]).toEqual(['completed', 'accepted'])
    await keyboard.press('Control+k')
    await page.getByRole('combobox').waitFor()
    await keyboard.type('board')
    await keyboard.press('Enter')
    await page.getByRole('region', { name: 'Done' }).getByText('echo reading').waitFor()
    await keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await keyboard.press('Escape')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'detached' })
    expect(ada.complaints).toEqual([])
  })

  test('a host is added with the commands that the page shows, and its light turns green', async () => {
    const world = new World()
    let failed = false
    onTestFailed(() => {
      failed = true
    })
    onTestFinished(() => world.end(failed))
    const data = join(world.root, 'server')
    const { line } = await world.start<Up>(['server', '--listen', '127.0.0.1:0', '--data', data])
    const repo = await world.repo('app')
    await using ada = await visit(
      browser,
      { url: line.url, makeSignInUrl: async () => line.signInUrl },
      { path: '/fleet' },
    )
    const { page } = ada
    await page.getByText('No host yet').waitFor()
    await page.getByRole('button', { name: 'Add a host' }).click()
    await page.getByRole('button', { name: 'Make the token' }).click()
    await page.getByText('Waiting for the host to connect').waitFor()
    const commands = await page.getByRole('dialog').locator('li code').allTextContents()
    const capstan = `${process.execPath} ${join(import.meta.dirname, '../journeys/capstan.ts')}`
    const typed = commands.map((command) => command.replace(/\bcapstan (?=login|repo|daemon)/, `${capstan} `))
    for (const command of typed.slice(0, 2)) {
      const ran = await world.run('sh', ['-c', command], { cwd: repo })
      expect(ran.code, `${command}\n${ran.stderr}`).toBe(0)
    }
    await world.start(['daemon'], { cwd: repo })
    await page.getByText('is connected').waitFor()
    await page.getByRole('button', { name: 'Done' }).click()
    await page.getByRole('list').getByText('connected').first().waitFor()
    expect(ada.complaints).toEqual([])
  })
})

/** As somebody does who has no mouse: Tab until the field of that name has the keyboard. */
async function tabTo(page: Page, label: string): Promise<void> {
  for (let i = 0; i < 20; i += 1) {
    if ((await page.evaluate('document.activeElement?.labels?.[0]?.textContent')) === label) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`${label} is not reached by Tab`)
}
