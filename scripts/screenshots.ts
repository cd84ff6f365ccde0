// Takes the pictures of docs/images: each main view of the page, light and dark, on a real server with a team at work.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { makeWorld } from '../test/server/world.ts'
import { openBrowser, visit } from '../test/web/browser.ts'
import { playDemo } from '../test/web/demo.ts'

const folder = join(import.meta.dirname, '../docs/images')
mkdirSync(folder, { recursive: true })
await using world = await makeWorld()
const { reviewId, workingId } = await playDemo(world)
const views = {
  board: '/',
  transcript: `/tasks/${workingId}`,
  review: `/tasks/${reviewId}?tab=changes`,
  inbox: '/inbox',
  'new-task': '/new?prompt=Fix%20the%20flaky%20login%20test&repo=acme/api',
  fleet: '/fleet',
  manage: '/manage',
}
const browser = await openBrowser()
for (const theme of ['light', 'dark'] as const) {
  await using person = await visit(browser, world.server, { width: 1280, height: 800, theme })
  for (const [name, path] of Object.entries(views)) {
    await person.page.goto(world.server.url + path)
    await person.page.waitForLoadState('load')
    if (name === 'review') await comment(person.page)
    // The last of what a view reads comes with the stream's first word.
    await person.page.waitForTimeout(1_000)
    await person.page.screenshot({ path: join(folder, `${name}-${theme}.png`) })
    console.log(`docs/images/${name}-${theme}.png`)
  }
}
await browser.close()

/** A word on a line, as a reviewer leaves it. Kept in the browser: a second look has it still. */
async function comment(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Comment on line 4', exact: true }).last().click()
  await page.getByLabel('Comment', { exact: true }).fill('Call it stillClock: it never moves.')
  await page.getByRole('button', { name: 'Keep comment' }).click()
  await page.mouse.move(0, 0)
}
