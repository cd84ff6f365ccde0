// What is kept and shown beside the tasks themselves: pictures inside a patch, templates, the catalog of models.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { makeWorld, until } from '../server/world.ts'
import { openBrowser, skipped, visit } from './browser.ts'
import { begin, finish, host, running } from './fleet.ts'

describe.skipIf(skipped)('the page keeps and shows', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('pictures before and after, from the bytes in git’s own patch, and the size of what is none', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'New logo', harness: 'claude-code', review: 'required' })
    await running(box, claim)
    await using ada = await visit(browser, world.server)
    const { page } = ada
    const patch = await binaryPatch(page)
    expect(patch).toContain('GIT binary patch')
    await finish(world, box, claim, { patch })
    await page.goto(`${world.server.url}/tasks/${claim.task.id}?tab=changes`)
    await shown(page, 'logo.png, before', 1280)
    await shown(page, 'logo.png, after', 320)
    await shown(page, 'mark.svg, added', 40)
    await shown(page, 'drawn.svg, before', 50)
    await shown(page, 'drawn.svg, after', 60)
    expect(await page.evaluate('"owned" in window')).toBe(false)
    await page.getByText('The browser cannot read it as a picture').waitFor()
    await page.getByText('A binary file, 3.0 kB.').waitFor()
    expect(ada.complaints).toEqual([])
    expect(ada.strangers.filter((url) => !url.startsWith('blob:'))).toEqual([])
  })

  test('a template is kept, found with the keyboard alone, undone, renamed and deleted', async () => {
    await using world = await makeWorld()
    await world.daemon({ offer: host('box', 4) })
    await using ada = await visit(browser, world.server, { path: '/new' })
    const { page } = ada
    const prompt = page.getByLabel('Prompt')
    await page.getByRole('button', { name: 'Templates' }).click()
    await page.getByText('A template keeps what you fill in again and again').waitFor()
    expect(await page.getByLabel('Keep the form as').isDisabled()).toBe(true)
    await page.keyboard.press('Escape')
    await prompt.fill('Fix the bug in ')
    await page.getByLabel('Model').fill('opus')
    await page.getByRole('button', { name: 'Templates' }).click()
    await page.getByLabel('Keep the form as').fill('Fix a bug')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Rename Fix a bug' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Start over' }).click()
    await prompt.fill('Something else')
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: 'Go to a view or a task' }).waitFor()
    await page.keyboard.type('fix a')
    await page.getByRole('option', { name: 'New task: Fix a bug' }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByText('Filled in from “Fix a bug”').waitFor()
    expect([await prompt.inputValue(), await page.getByLabel('Model').inputValue()]).toEqual([
      'Fix the bug in ',
      'opus',
    ])
    await until(() => new URL(page.url()).search === '', 'the address without the template')
    await page.getByRole('button', { name: 'Undo' }).click()
    expect(await prompt.inputValue()).toBe('Something else')
    await page.getByRole('button', { name: 'Templates' }).click()
    await page.getByRole('button', { name: 'Rename Fix a bug' }).click()
    await page.getByLabel('New name of Fix a bug').fill('Repair')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Delete Repair' }).click()
    await page.getByRole('button', { name: 'Delete Repair for good' }).click()
    await page.getByText('A template keeps what you fill in again and again').waitFor()
    expect(ada.complaints).toEqual([])
  })

  test('a model is added to the catalog, changed and removed; who may not change it is offered nothing', async () => {
    await using world = await makeWorld()
    await using ada = await visit(browser, world.server, { path: '/manage?section=models' })
    const { page } = ada
    const models = page.getByRole('region', { name: 'Models' })
    await models.getByLabel('Provider').fill('local')
    await models.getByLabel('New model').fill('qwen3-coder')
    await models.getByLabel('Context, tokens').fill('256000')
    await models.getByRole('button', { name: 'Add' }).click()
    await models.getByText('256k tokens of context').waitFor()
    await models.getByRole('button', { name: 'Edit qwen3-coder' }).click()
    await models.getByLabel('Description').first().fill('our own machine')
    await models.getByRole('button', { name: 'Save' }).click()
    await models.getByText('256k tokens of context · our own machine').waitFor()
    await models.getByRole('button', { name: 'Edit qwen3-coder' }).click()
    await models.getByLabel('Description').first().fill('')
    await models.getByRole('button', { name: 'Save' }).click()
    await models.getByText('256k tokens of context', { exact: true }).waitFor()
    const member = await world.client.call('createToken', { body: { name: 'eve', scopes: ['user'] } })
    await page.context().clearCookies()
    await page.goto(`${world.server.url}/manage?section=models`)
    await page.getByLabel('Token').fill(member.secret)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await models.getByText('qwen3-coder').waitFor()
    expect(await models.getByRole('button').count()).toBe(0)
    await page.context().clearCookies()
    await page.goto(await world.server.makeSignInUrl())
    await page.goto(`${world.server.url}/manage?section=models`)
    await models.getByRole('button', { name: 'Remove qwen3-coder' }).click()
    await models.getByRole('button', { name: 'Remove qwen3-coder' }).click()
    await models.getByText('qwen3-coder').waitFor({ state: 'detached' })
  })
})

async function shown(page: Page, alt: string, width: number): Promise<void> {
  const found = `document.querySelector('img[alt="${alt}"]')?.naturalWidth`
  await until(async () => (await page.evaluate(found)) === width, `${alt} at its width`)
}

/** A picture that changed, a hostile SVG, a PNG that is none and bytes that are no picture, as git tells them. */
async function binaryPatch(page: Page): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'capstan-pictures-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const git = (...args: string[]) => execFileSync('git', ['-C', dir, ...args], { encoding: 'utf8' })
  const write = (name: string, bytes: Uint8Array | string) => writeFileSync(join(dir, name), bytes)
  git('init', '-q')
  write('logo.png', await page.screenshot())
  const drawn = (width: number) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="9">\n<script>parent.owned=1</script>\n<image href="https://evil.example/y.png"/>\n</svg>\n`
  write('drawn.svg', drawn(50))
  git('add', '-A')
  write('drawn.svg', drawn(60))
  write('logo.png', await page.screenshot({ clip: { x: 0, y: 0, width: 320, height: 200 } }))
  write(
    'mark.svg',
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="parent.owned=1">\n<script>parent.owned=1</script>\n<image href="https://evil.example/x.png"/><rect width="40" height="40"/>\n</svg>\n',
  )
  write(
    'broken.png',
    Uint8Array.from({ length: 500 }, (_, i) => (i * 7919) % 256),
  )
  write(
    'data.bin',
    Uint8Array.from({ length: 3_000 }, (_, i) => (i * i * 31) % 251),
  )
  git('add', '-N', '.')
  return git('diff', '--binary', '--full-index')
}
