// The task's page as a person uses it, in a real browser on a real server: what is said to the agent, commented on, looked for and taken over.

import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventBody } from '../../src/protocol/events.ts'
import type { FakeDaemon } from '../server/world.ts'
import { endOf, makeWorld, runOf, until } from '../server/world.ts'
import { findings, openBrowser, skipped, visit } from './browser.ts'
import type { Claim } from './fleet.ts'
import { begin, checks, fail, finish, host, patch, running, talk, tell } from './fleet.ts'

describe.skipIf(skipped)('the page of a task', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('comments on several lines are pulled, changed and removed, survive a reload, and their message is the next attempt', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Add jitter', harness: 'claude-code', review: 'required' })
    await running(box, claim)
    await finish(world, box, claim, { patch, checks, sessionRef: 'conversation-1' })
    await using ada = await visit(browser, world.server, { path: `/tasks/${claim.task.id}?tab=changes` })
    const { page } = ada
    await pull(page, 'const baseMs = 1_000', 'const limitMs = 60_000')
    const box1 = page.getByRole('textbox', { name: 'Comment' })
    await page.getByText('to 9').waitFor()
    await box1.fill('make these one table')
    await page.reload()
    expect(await box1.inputValue()).toBe('make these one table')
    await page.getByText('1 is not kept yet and stays here').waitFor()
    expect(await page.getByRole('button', { name: 'Continue' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: 'Keep comment' }).click()
    await page.getByRole('button', { name: 'Edit' }).click()
    await box1.fill('make these two one table')
    await box1.press('Control+Enter')
    await comment(page, '2 ** retry.tries)', 'a word too many')
    await comment(page, 'jitter(limit, random)', 'one line will do', 18)
    await page.getByText('3 comments on lines go with it').click()
    expect(await findings(page)).toEqual([])
    await page.getByRole('listitem').filter({ hasText: 'a word too many' }).getByRole('button').click()
    await page.getByText('2 comments on lines go with it').waitFor()
    await page.getByRole('button', { name: 'Send back' }).click()
    const next = await until(async () => {
      const { items } = await world.client.call('listTasks', {})
      return items.find((each) => each.id !== claim.task.id)
    }, 'the next task of the conversation')
    expect(next.prompt).toBe(
      'src/queue/retry.ts:7-9\n> const baseMs = 1_000\n> /** No wait is longer. */\n> const limitMs = 60_000\nmake these two one table\n\n' +
        'src/queue/retry.ts:18-19\n> const limit = Math.min(limitMs, baseMs * 2 ** retry.tries)\n> return clock.now() + jitter(limit, random)\none line will do',
    )
    await page.waitForURL(`**/tasks/${next.id}*`)
    const again = await claimOf(box, next.id)
    await running(box, again)
    await tell(box, again, [{ type: 'text', text: 'one table it is' }])
    await page.getByText('one table it is').waitFor()
    await page.getByRole('log').getByText('make these two one table').waitFor()
    await finish(world, box, again, { patch, sessionRef: 'conversation-1' })
    await page.getByRole('link', { name: 'this task' }).click() // which it went on from
    await page.getByRole('link', { name: 'went on from here' }).click()
    await page.waitForURL(`**/tasks/${next.id}*`)
    expect(ada.complaints).toEqual([])
  })

  test('what waits for the agent is changed, held, said at once or removed, and words said now reach it', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Look around', harness: 'claude-code' })
    await hearing(box, claim)
    await using ada = await visit(browser, world.server, { path: `/tasks/${claim.task.id}` })
    const { page } = ada
    const field = page.getByRole('textbox', { name: 'Message to the agent' })
    await field.waitFor()
    await page.keyboard.press('m')
    await page.keyboard.type('stop and think')
    await page.getByRole('button', { name: 'Send now' }).click()
    await until(() => said(box).includes('stop and think'), 'the words at the daemon')
    await until(async () => (await field.inputValue()) === '', 'the empty box')
    for (const text of ['then the docs', 'then the tests', 'then nothing']) {
      await field.fill(text)
      await page.getByRole('button', { name: 'Send next' }).click()
      await page.getByRole('link', { name: text }).waitFor()
    }
    const waiting = (text: string) => page.getByRole('listitem').filter({ hasText: text })
    await waiting('then the docs').getByRole('button', { name: 'Edit' }).click()
    await page.getByRole('textbox', { name: 'Waiting message' }).fill('then the manual')
    expect(await findings(page)).toEqual([])
    await page.getByRole('button', { name: 'Save' }).click()
    await waiting('then the manual').getByRole('button', { name: 'Hold' }).click()
    await waiting('then the manual').getByText('Held').waitFor()
    await waiting('then nothing').getByRole('button', { name: 'Remove' }).click()
    await waiting('then nothing').waitFor({ state: 'detached' })
    await waiting('then the tests').getByRole('button', { name: 'Send now' }).click()
    await waiting('then the tests').waitFor({ state: 'detached' })
    expect(said(box)).toEqual(['stop and think', 'then the tests'])
    const { items } = await world.client.call('listMessages', { params: { id: claim.task.id } })
    expect(items.map((each) => [each.prompt, each.held])).toEqual([['then the manual', true]])
    expect(ada.complaints).toEqual([])
  })

  test('a message that the agent does not take now waits as before', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Look around', harness: 'claude-code' })
    await hearing(box, claim)
    await world.client.call('sendMessage', { params: { id: claim.task.id }, body: { text: 'then the docs' } })
    await using ada = await visit(browser, world.server, { path: `/tasks/${claim.task.id}` })
    const { page } = ada
    await page.getByRole('link', { name: 'then the docs' }).waitFor()
    await page.route('**/now', (route) =>
      route.fulfill({ status: 409, json: { code: 'invalid_state', detail: 'it takes no words at work' } }),
    )
    await page.getByRole('listitem').getByRole('button', { name: 'Send now' }).click()
    await page.getByText('it takes no words at work').waitFor()
    const { items } = await world.client.call('listMessages', { params: { id: claim.task.id } })
    expect(items.map((each) => [each.prompt, each.held ?? false])).toEqual([['then the docs', false]])
  })

  test('a view that the server does not give any more says so, and words that may have arrived are sent again as the same', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Look around', harness: 'claude-code' })
    await running(box, claim)
    await finish(world, box, claim, { patch, sessionRef: 'conversation-1' })
    await using ada = await visit(browser, world.server)
    const { page } = ada
    await page.route('**/assets/changes-*', (route) => route.abort())
    await page.goto(`${world.server.url}/tasks/${claim.task.id}?tab=changes`)
    await page.getByRole('button', { name: 'Load the page again' }).waitFor()
    let lost = 0
    await page.route('**/messages', async (route) => {
      if (route.request().method() !== 'POST' || lost > 0) return route.continue()
      lost += 1
      await route.fetch() // it arrives, and the answer is lost
      await route.abort()
    })
    await page.getByRole('textbox', { name: 'Message to the agent' }).fill('go on')
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('alert').waitFor()
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForURL((url) => !url.pathname.endsWith(claim.task.id))
    const { items } = await world.client.call('listTasks', {})
    expect(items.map((each) => each.prompt)).toEqual(['go on', 'Look around'])
  })

  test('held, let go, cancelled, retried, forked and taken over: each button does what it says', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const make = async (body: { runAt?: number; hold?: boolean }) =>
      (await world.client.call('createTask', { body: { prompt: 'Wait', harness: 'claude-code', ...body } })).id
    const later = await make({ runAt: Date.now() + 3_600_000 })
    const id = await make({ hold: true })
    await using ada = await visit(browser, world.server, { path: `/tasks/${later}` })
    const { page } = ada
    await page.getByRole('button', { name: 'Hold' }).click()
    await page.getByRole('button', { name: 'Let go' }).waitFor()
    await page.goto(`${world.server.url}/tasks/${id}`)
    await page.getByRole('button', { name: 'Let go' }).click()
    const claim = await claimOf(box, id)
    await running(box, claim)
    await fail(box, claim, 'the compiler is missing')
    await page.getByText('agent failed: the compiler is missing').waitFor()
    await page.getByRole('button', { name: 'Retry' }).click()
    const again = await claimOf(box, id)
    await running(box, again)
    await tell(box, again, talk)
    await finish(world, box, again, { patch, checks, sessionRef: 'conversation-2' })
    await page.getByText('Attempt 1 ended: agent failed: the compiler is missing').waitFor()
    await page.getByLabel('Attempt that is shown').selectOption('1')
    await page.getByRole('tab', { name: 'Changes' }).click()
    await page.getByText('What the agent changes is shown here').waitFor()
    await page.getByLabel('Attempt that is shown').selectOption('2')
    await page.getByRole('button', { name: 'Take over' }).click()
    await page.getByText(`capstan task apply ${id}`).waitFor()
    await page.getByText(`capstan task restore ${id}`).waitFor()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download the patch' }).click(),
    ])
    expect(download.suggestedFilename()).toBe(`${id}-2.patch`)
    await page.keyboard.press('Escape')
    await page.getByRole('textbox', { name: 'Message to the agent' }).fill('try it with a queue')
    await page.getByRole('button', { name: 'Fork' }).click()
    await page.waitForURL((url) => !url.pathname.endsWith(id))
    const forked = await world.client.call('getTask', { params: { id: page.url().split('/').at(-1) ?? '' } })
    expect(forked).toMatchObject({ prompt: 'try it with a queue', continueFrom: { task: id, mode: 'fork' } })
    const lost = await claimOf(box, forked.id)
    await running(box, lost)
    const ending = { ...endOf(lost), detail: 'its files are gone', class: null, resetAt: null }
    await box.ask('fail', { ...ending, reason: 'not_resumable' })
    await page.getByRole('button', { name: 'Go on with a summary' }).click()
    await page.waitForURL((url) => !url.pathname.endsWith(forked.id))
    const fresh = await world.client.call('getTask', { params: { id: page.url().split('/').at(-1) ?? '' } })
    expect(fresh).toMatchObject({ prompt: 'try it with a queue', continueFrom: { handoff: true } })
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Cancel task' }).click()
    await page.locator('header').getByText('cancelled').waitFor()
    expect(ada.complaints).toEqual([])
  })

  test('find opens what it finds, raw shows the events, and no escape sequence is left in what is read', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Paint', harness: 'claude-code' })
    await running(box, claim)
    await tell(box, claim, [...painted, ...talk])
    await using ada = await visit(browser, world.server, { path: `/tasks/${claim.task.id}` })
    const { page } = ada
    const log = page.getByRole('log')
    await log.getByText('Done. Retries').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('line 250')
    await page.keyboard.press('Enter')
    await until(() => page.evaluate('CSS.highlights.get("found")?.size === 1'), 'the mark on it')
    await log.getByText('line 250', { exact: true }).hover({ trial: true }) // in sight in the middle of the tool's output
    expect(await findings(page)).toEqual([])
    await page.getByLabel('Find in the transcript').fill('x')
    await page.keyboard.press('Enter')
    await until(() => page.evaluate('CSS.highlights.get("found")?.size === 500'), 'no more marks than help')
    await page.getByLabel('Find in the transcript').fill('Bold and red')
    await page.keyboard.press('Enter')
    await log.getByText('Bold and red and a link').waitFor()
    expect(await log.textContent()).not.toMatch(/\u001b|\[31m|\]8;;|evil\.example/)
    await page.getByRole('button', { name: 'Raw' }).click()
    await page.getByRole('log', { name: 'Transcript, raw' }).getByText('"type":"usage"').waitFor()
    expect(ada.complaints).toEqual([])
  })
})

const painted: readonly EventBody[] = [
  {
    type: 'text',
    text: '\u001b[1mBold\u001b[0m and \u001b[31mred\u001b[0m and a \u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007\u001b[2J\u001b[1;1H',
  },
  // Letters whose small form is longer, and more of one letter than is marked.
  { type: 'text', text: `${'İ'.repeat(20)}${'x'.repeat(600)}` },
  { type: 'tool_start', id: 'p', name: 'Bash', input: { command: 'seq 300' }, title: 'seq 300' },
  {
    type: 'tool_end',
    id: 'p',
    ok: true,
    output: Array.from({ length: 300 }, (_, i) => `\u001b[3${(i % 6) + 1}mline ${i}\u001b[0m`).join('\n'),
  },
]

/** From the button of one line to another line, as a mouse does. */
async function pull(page: Page, from: string, to: string): Promise<void> {
  const line = (text: string) => page.locator('.group').filter({ hasText: text }).last()
  await line(from).hover()
  await line(from).getByRole('button').hover()
  await page.mouse.down()
  await line(to).hover()
  await page.mouse.up()
}

/** By keyboard: on one line, or from another one to it. */
async function comment(page: Page, line: string, text: string, from: number | null = null): Promise<void> {
  await page.locator('.group').filter({ hasText: line }).last().getByRole('button').focus()
  await page.keyboard.press('Enter')
  if (from !== null) await page.getByLabel('First line').selectOption(String(from))
  const box = page.getByRole('textbox', { name: 'Comment' })
  await box.fill(text)
  await box.press('Control+Enter')
}

/** Its agent runs and takes words while it works. */
async function hearing(box: FakeDaemon, claim: Claim): Promise<void> {
  await box.beat([{ ...runOf(claim), harness: 'claude-code', takesMessages: true }])
}

/** What the server told the agent at work, in order. */
function said(box: FakeDaemon): string[] {
  return box.pushed.filter(({ type }) => type === 'message').map(({ body }) => (body as { text: string }).text) // the link's own table
}

/** A task that has ended is refused until it is queued again. */
async function claimOf(box: FakeDaemon, id: string): Promise<Claim> {
  const claimed = async () => (await box.claim(1_000, 1, id).catch(() => null))?.assignments[0]
  return until(claimed, `a claim of ${id}`)
}
