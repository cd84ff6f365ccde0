// The page in a real browser on a real server, with daemons that the test plays: live, reconnecting, answering, inert.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventBody } from '../../src/protocol/events.ts'
import { makeWorld, until } from '../server/world.ts'
import { openBrowser, skipped, visit } from './browser.ts'
import { begin, finish, host, patch, running, talk, tell } from './fleet.ts'

describe.skipIf(skipped)('the page', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('two browsers see a change within a second, and the tasks of another filter not', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    await using ada = await visit(browser, world.server)
    await using bob = await visit(browser, world.server, { path: '/?harness=codex', alone: true })
    await using cyd = await visit(browser, world.server, { alone: true })
    await ada.page.getByText('No tasks yet').waitFor()
    await bob.page.getByText('Nothing matches').waitFor()
    await cyd.page.getByText('No tasks yet').waitFor()
    const boards = await timed(async (n) => {
      await world.client.call('createTask', { body: { prompt: `Paint the fence ${n}`, harness: 'shell' } })
      await Promise.all(
        [ada, cyd].map(({ page }) => page.getByRole('link', { name: `Paint the fence ${n}` }).waitFor()),
      )
    })
    const claim = await begin(world, box, { prompt: 'Fix the gate', harness: 'shell' })
    await ada.page.getByRole('link', { name: 'Fix the gate' }).waitFor()
    await running(box, claim, 'shell')
    await using eve = await visit(browser, world.server, { path: `/tasks/${claim.task.id}`, alone: true })
    await eve.page.getByText('running').or(eve.page.getByText('working')).first().waitFor()
    await ada.page.getByRole('link', { name: 'Fix the gate' }).click()
    await ada.page.getByRole('log').or(ada.page.getByText('being started')).first().waitFor()
    const lines = await timed(async (n) => {
      const text = `gate ${n} is mended`
      await tell(box, claim, [{ type: 'text', text }], { from: n + 1 })
      await Promise.all([ada, eve].map(({ page }) => page.getByText(text).waitFor()))
    })
    expect(median(boards), `of ${boards}`).toBeLessThanOrEqual(1_000)
    expect(median(lines), `of ${lines}`).toBeLessThanOrEqual(1_000)
    expect(await bob.page.getByText('Fix the gate').count()).toBe(0)
    expect([ada, bob, cyd, eve].flatMap(({ complaints }) => complaints)).toEqual([])
  })

  test('after a restart of the server the transcript has no hole and no repeat, and the banner comes and goes', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Count', harness: 'claude-code' })
    await running(box, claim)
    const steps = (from: number, to: number): EventBody[] =>
      Array.from({ length: to - from + 1 }, (_, i) => ({ type: 'notice', message: `step ${from + i}.` }))
    await tell(box, claim, steps(1, 10))
    await using ada = await visit(browser, world.server, { path: `/tasks/${claim.task.id}` })
    await ada.page.getByText('step 10.').waitFor()
    const { port } = world.server
    await world.server.close()
    await ada.page.getByText('The server is not answering').waitFor()
    await world.restart().catch(() => {}) // closing twice is once; it starts again on the same port
    expect(world.server.port).toBe(port)
    const again = await world.daemon({ offer: host('box', 4) })
    await tell(again, claim, steps(11, 20), { from: 11 })
    await ada.page.getByText('step 20.').waitFor()
    await ada.page.getByText('The server is not answering').waitFor({ state: 'detached' })
    const rows = await ada.page.getByText(/^step \d+\.$/).allTextContents()
    expect(rows).toEqual(Array.from({ length: 20 }, (_, i) => `step ${i + 1}.`))
  })

  test('a permission is allowed and another denied from the inbox, and the daemon hears both', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Migrate', harness: 'claude-code' })
    await running(box, claim)
    for (const [i, command] of ['npm run migrate', 'rm -rf /'].entries()) {
      await box.ask('request', {
        attemptId: claim.attemptId,
        epoch: claim.epoch,
        requestId: `req_0000000000000000000000000${i}`,
        kind: 'permission',
        title: command,
        body: { command },
        options: [
          { id: 'yes', label: 'Allow once', grants: 'allow' },
          { id: 'no', label: 'Deny', grants: 'deny' },
        ],
        openForMs: 600_000,
      })
    }
    await using ada = await visit(browser, world.server)
    await ada.page.getByText('Asks you 2 things').waitFor()
    await until(async () => (await ada.page.title()) === '(1) Capstan', 'the title’s badge')
    await ada.page.keyboard.press('g')
    await ada.page.keyboard.press('i')
    await ada.page.getByRole('article', { name: 'npm run migrate' }).getByRole('button', { name: 'Allow once' }).click()
    await ada.page.getByRole('article', { name: 'npm run migrate' }).waitFor({ state: 'detached' })
    // The one that is left, by its key; one that was meant for the other answers nothing.
    await ada.page.keyboard.press('y')
    await ada.page.getByTitle('Key n').waitFor()
    await ada.page.keyboard.press('n')
    await ada.page.getByText('Nobody waits for you').waitFor()
    const answers = await until(() => {
      const found = box.pushed.filter((row) => row.type === 'answer')
      return found.length === 2 ? found : null
    }, 'both answers at the daemon')
    expect(answers.map((row) => (row.body as { optionId: string }).optionId)).toEqual(['yes', 'no'])
  })

  test('on a phone a comment on a line is written, survives a reload, and becomes the next message', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Add jitter', harness: 'claude-code', review: 'required' })
    await running(box, claim)
    await tell(box, claim, talk)
    await finish(world, box, claim, { patch, sessionRef: 'conversation-1' })
    await using ada = await visit(browser, world.server, { width: 390, height: 844, touch: true })
    const { page } = ada
    await page.getByRole('link', { name: 'Add jitter' }).tap()
    await page.getByRole('tab', { name: 'Changes' }).tap()
    await page.locator('.group').filter({ hasText: 'import { jitter }' }).getByRole('button').tap()
    await page.getByLabel('Comment', { exact: true }).fill('name it spread')
    await page.getByRole('button', { name: 'Keep comment' }).tap()
    await page.getByLabel('Message to the agent').last().fill('Nearly there.')
    await page.reload()
    await page.getByRole('region', { name: 'Changed lines' }).getByText('name it spread').waitFor()
    await page.getByText('1 comment on lines goes with it').waitFor()
    await page.getByRole('button', { name: 'Send back' }).tap()
    const next = await until(async () => {
      const { items } = await world.client.call('listTasks', {})
      return items.find((each) => each.id !== claim.task.id)
    }, 'the next task of the conversation')
    expect(next.prompt).toBe(
      `Nearly there.\n\nsrc/queue/retry.ts:4\n> import { jitter } from './jitter.ts'\nname it spread`,
    )
    await page.waitForURL(`**/tasks/${next.id}*`)
    const reviewed = await world.client.call('getTask', { params: { id: claim.task.id } })
    expect(reviewed.verdict).toBe('rejected')
    expect(ada.complaints).toEqual([])
  })

  test('what an agent says and changes stays text: no script, no picture, no foreign host, no policy broken', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, {
      prompt: '<img src=x onerror="window.owned=1"> [p](javascript:window.owned=1)',
      title: '<script>window.owned=1</script>',
      harness: 'claude-code',
      review: 'required',
    })
    await running(box, claim)
    await tell(box, claim, hostile)
    const evil = '<img src=x onerror=window.owned=1>'
    const name = '"b/\\342\\200\\256gnp.js"'
    const turned = `diff --git "a/\\342\\200\\256gnp.js" ${name}\nnew file mode 100644\n--- /dev/null\n+++ ${name}\n@@ -0,0 +1 @@\n+1\n`
    await finish(world, box, claim, {
      patch: `diff --git a/a.html b/a.html\nnew file mode 100644\n--- /dev/null\n+++ b/a.html\n@@ -0,0 +1,2 @@\n+${evil}\n+<script>window.owned=1</script>\n${turned}`,
      checks: [
        {
          name: 'evil',
          command: evil,
          exitCode: 1,
          durationMs: 1,
          treeId: null,
          outputTail: `\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007 ${evil}`,
        },
      ],
    })
    await using ada = await visit(browser, world.server, { path: `/tasks/${claim.task.id}` })
    const { page } = ada
    await page.getByText('the end of it').waitFor()
    expect(await page.locator('[role=log] img, [role=log] iframe, [role=log] script, [role=log] style').count()).toBe(0)
    const links = await page
      .locator('[role=log] a')
      .evaluateAll((all) => all.map((a) => [a.getAttribute('href'), a.getAttribute('rel')]))
    expect(links).toEqual([['https://evil.example/x', 'noopener noreferrer nofollow']])
    await page.getByText('(evil.example)').waitFor()
    for (const tab of ['Changes', 'Checks', 'Attempts']) {
      await page.getByRole('tab', { name: tab }).click()
      await page.getByRole('tabpanel').waitFor()
    }
    await page.getByRole('tab', { name: 'Changes' }).click()
    await page.getByText('<img src=x onerror=window.owned=1>').first().waitFor()
    await page.getByRole('heading', { name: '⟨U+202E⟩gnp.js' }).waitFor()
    expect(await page.evaluate('"owned" in window')).toBe(false)
    expect(ada.strangers).toEqual([])
    expect(ada.complaints).toEqual([])
    const csp = (await fetch(world.server.url)).headers.get('content-security-policy') ?? ''
    expect(csp).toContain("script-src 'self'; style-src 'self'")
    expect(csp).not.toContain('unsafe')
  })

  test('the first look at the board loads at most 200 kB, with the stream’s worker', async () => {
    await using world = await makeWorld()
    await using ada = await visit(browser, world.server)
    await ada.page.getByText('No tasks yet').waitFor()
    const sizes = (await ada.page.evaluate(
      'performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")).map((each) => each.encodedBodySize)',
    )) as number[] // the browser's own count of what came over the wire
    const worker = readdirSync(assets).find((name) => /^stream-worker-.*\.js\.br$/.test(name))
    const whole = sizes.reduce((sum, size) => sum + size, 0) + statSync(join(assets, worker ?? '')).size
    expect(whole).toBeLessThanOrEqual(200_000)
    const [script] = readdirSync(assets).filter((name) => name.endsWith('.js'))
    const response = await fetch(`${world.server.url}/assets/${script}`, { headers: { 'accept-encoding': 'br' } })
    expect(response.headers.get('cache-control')).toContain('immutable')
    expect(response.headers.get('content-encoding')).toBe('br')
  })

  test('signing in takes a token, a wrong one is told, and signing out ends it', async () => {
    await using world = await makeWorld()
    const { secret } = await world.client.call('createToken', { body: { name: 'ada', scopes: ['user'] } })
    await using context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(world.server.url)
    await page.getByLabel('Token').fill('cap_nothing')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('the token is unknown').waitFor()
    await page.getByLabel('Token').fill(secret)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('No tasks yet').waitFor()
    const { items } = await world.client.call('listTokens', {})
    const [cookie] = await context.cookies()
    expect([cookie?.httpOnly, cookie?.sameSite]).toEqual([true, 'Strict'])
    await page.goto(`${world.server.url}/settings`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Token').waitFor()
    expect(await context.cookies()).toEqual([])
    await page.getByLabel('Token').fill(secret)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('No tasks yet').or(page.getByText('Settings').first()).first().waitFor()
    await world.client.call('revokeToken', { params: { id: items.find((token) => token.name === 'ada')?.id ?? '' } })
    await page.getByLabel('Token').waitFor()
  })
})

/** How long each of five takes, in milliseconds. */
async function timed(change: (n: number) => Promise<void>): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < 5; n += 1) {
    const began = performance.now()
    await change(n)
    times.push(Math.round(performance.now() - began))
  }
  return times
}

/** Other programs of the machine hold a browser up now and then, which one time shows; the one in the middle is the page's own. */
function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN
}

const hostile: readonly EventBody[] = [
  {
    type: 'text',
    text: '<script>window.owned=1</script><img src="https://evil.example/a.png" onerror="window.owned=1"><iframe src="https://evil.example"></iframe>',
  },
  {
    type: 'text',
    text: '![track](https://evil.example/p.gif) [run](javascript:window.owned=1) [data](data:text/html,<script>window.owned=1</script>) [out](https://evil.example/x)',
  },
  { type: 'thinking', text: '<style>body{display:none}</style>\u001b[2J\u001b]0;owned\u0007' },
  {
    type: 'tool_start',
    id: 't',
    name: '<b>x</b>',
    input: { a: '<img src=x onerror=window.owned=1>' },
    title: '\u001b[8m<i>y</i>',
  },
  {
    type: 'tool_end',
    id: 't',
    ok: false,
    output: '\u001b]8;;https://evil.example\u0007<img src=x onerror=window.owned=1>\u001b]8;;\u0007',
  },
  { type: 'notice', message: '\u202e<svg onload=window.owned=1>' },
  { type: 'text', text: 'the end of it' },
]

const assets = join(import.meta.dirname, '../../dist/web/assets')
