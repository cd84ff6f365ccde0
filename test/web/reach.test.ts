// Every view in reach of everybody: what axe finds, light and dark, wide and on a phone, with what lies over the views.

import type { Browser, Locator } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sections } from '../../web/manage/sections.ts'
import { makeWorld } from '../server/world.ts'
import { findings, openBrowser, skipped, visit } from './browser.ts'
import { begin, checks, finish, host, patch, running, talk, tell } from './fleet.ts'

describe.skipIf(skipped)('everybody', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('meets no serious finding of axe on any view, light and dark, wide and on a phone', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Add jitter', harness: 'claude-code', review: 'required' })
    await running(box, claim)
    await tell(box, claim, talk)
    const task = await finish(world, box, claim, { patch, checks })
    const paths = [
      '/',
      '/inbox',
      '/new',
      '/fleet',
      '/manage',
      '/settings',
      ...['transcript', 'changes', 'checks', 'attempts', 'details'].map((tab) => `/tasks/${task.id}?tab=${tab}`),
    ]
    for (const look of [
      { width: 1280, theme: 'light' },
      { width: 390, height: 500, theme: 'dark', touch: true }, // low: what is long is long here
    ] as const) {
      await using ada = await visit(browser, world.server, look)
      // What differs between sections is little: each is looked at once.
      const rest = look.width > 1000 ? sections.map(({ section }) => `/manage?section=${section}`) : []
      for (const path of [...paths, ...rest.slice(1)]) {
        await ada.page.goto(world.server.url + path)
        await ada.page.locator('h1').first().waitFor({ state: 'attached' })
        await ada.page.getByText(/^Reading /).waitFor({ state: 'detached' })
        expect(await findings(ada.page), `${path} at ${look.width} ${look.theme}`).toEqual([])
        expect(
          await ada.page.evaluate(
            '[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight].map((n) => Math.max(n, 0))',
          ),
          `${path}: the frame scrolls away, sideways or down`,
        ).toEqual([0, 0])
      }
    }
  })

  test('meets none in what lies over a view', async () => {
    await using world = await makeWorld()
    await world.client.call('createTask', { body: { prompt: 'Wait' } })
    await using ada = await visit(browser, world.server)
    const { page } = ada
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByRole('checkbox', { name: 'Select Wait' }).check()
    const overlays: readonly (readonly [string, () => Promise<unknown>, Locator])[] = [
      ['filters and choice', async () => {}, page.getByRole('region', { name: 'Selected tasks' })],
      ['palette', () => page.keyboard.press('Control+k'), page.getByRole('option', { name: 'Wait' })],
      ['keys', () => page.locator('#main').press('?'), page.getByRole('dialog', { name: 'Keys' })],
      ['templates', () => open('/new', 'Templates'), page.getByRole('dialog', { name: 'Templates' })],
      ['add a host', () => open('/fleet', 'Add a host'), page.getByRole('dialog', { name: 'Add a host' })],
    ]
    const open = async (path: string, button: string) => {
      await page.goto(world.server.url + path)
      await page.getByRole('button', { name: button }).click()
    }
    for (const [name, act, shown] of overlays) {
      await act()
      await shown.waitFor()
      expect(await findings(page), name).toEqual([])
      await page.keyboard.press('Escape')
    }
  })
})
