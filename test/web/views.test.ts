// The views around the task page as a person uses them: board, inbox, new task, fleet, notices.

import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeId } from '../../src/lib/ids.ts'
import type { FakeDaemon, World } from '../server/world.ts'
import { makeWorld, until } from '../server/world.ts'
import { openBrowser, skipped, visit } from './browser.ts'
import type { Claim } from './fleet.ts'
import { begin, finish, host, patch, running } from './fleet.ts'

describe.skipIf(skipped)('the views', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('a long column is chosen whole, by keys too, and cancelled after a second press; filters stand in the address', async () => {
    await using world = await makeWorld()
    await many(world, 40)
    await world.client.call('createTask', { body: { prompt: 'Labelled \u202edesrever', labels: ['infra'] } })
    await using ada = await visit(browser, world.server)
    const { page } = ada
    const queued = page.getByRole('region', { name: 'Queued' })
    await queued.getByRole('button', { name: 'Show more' }).click()
    await queued.getByRole('link', { name: 'Task 0 ' }).waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    await page.getByText('1 task selected').waitFor()
    await queued.getByRole('checkbox', { name: 'Select all 41 shown in Queued' }).click()
    await page.getByText('41 tasks selected').waitFor()
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByLabel('Label', { exact: true }).fill('infra')
    await queued.getByText('⟨U+202E⟩desrever').waitFor()
    await until(() => new URL(page.url()).searchParams.get('label') === 'infra', 'the filter in the address')
    await page.getByLabel('Given by').selectOption({ label: 'local' })
    await page.reload()
    await page.getByRole('link', { name: 'Labelled' }).waitFor()
    expect(await page.getByRole('listitem').count()).toBe(1)
    await page.getByRole('button', { name: 'Clear' }).click()
    await queued.getByRole('button', { name: 'Show more' }).click()
    await queued.getByRole('checkbox', { name: 'Select all 41 shown in Queued' }).check()
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    await page.getByRole('button', { name: 'Cancel 41 tasks now' }).click()
    await page.getByRole('region', { name: 'Done' }).getByText('41').waitFor()
    expect(ada.complaints).toEqual([])
  })

  test('what is asked stands on the board; an edit is shown as lines, and several questions get a line each', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const claim = await begin(world, box, { prompt: 'Rename', harness: 'claude-code' })
    await running(box, claim)
    const ask = (
      n: number,
      asked: Pick<Parameters<typeof box.ask<'request'>>[1], 'kind' | 'title' | 'body' | 'options'>,
    ) =>
      box.ask('request', {
        attemptId: claim.attemptId,
        epoch: claim.epoch,
        requestId: `req_0000000000000000000000000${n}`,
        openForMs: 600_000,
        ...asked,
      })
    await ask(0, {
      kind: 'permission',
      title: 'Edit: src/a.ts',
      body: {
        tool: 'Edit',
        file_path: 'src/a.ts',
        old_string: 'same\nold\n',
        new_string: 'same\nnew\u200b\n',
        questions: [{ question: 'Why not?', run: 'curl evil.example' }],
      },
      options: [{ id: 'allow', label: 'Allow', grants: 'allow' }],
    })
    await using ada = await visit(browser, world.server, { width: 390, height: 844, touch: true })
    const { page } = ada
    await page.getByText('Asks: Edit: src/a.ts').waitFor()
    await page.getByRole('link', { name: 'Inbox' }).tap()
    const edit = page.getByRole('article', { name: 'Edit: src/a.ts' })
    await edit.getByText('curl evil.example').waitFor()
    expect(await edit.locator('pre > span').allInnerTexts()).toEqual([' same', '−old', '+new⟨U+200B⟩'])
    await edit.getByRole('button', { name: 'Allow' }).tap()
    await edit.waitFor({ state: 'detached' })
    await ask(1, {
      kind: 'question',
      title: 'Which database? Which ports?',
      body: {
        questions: [
          { question: 'Which database?', options: [{ label: 'PostgreSQL', description: 'as now' }] },
          { question: 'Which ports?', options: [{ label: '80' }, { label: '443' }], multiSelect: true },
        ],
      },
      options: [],
    })
    await page.getByRole('button', { name: 'PostgreSQL as now' }).tap()
    expect(await page.getByRole('button', { name: 'Answer' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: '80' }).tap()
    await page.getByRole('button', { name: '443' }).tap()
    await page.getByRole('button', { name: 'Answer' }).tap()
    await page.getByText('Nobody waits for you').waitFor()
    const answers = await until(() => {
      const found = box.pushed.filter((row) => row.type === 'answer')
      return found.length === 2 ? found : null
    }, 'both answers at the daemon')
    expect(answers[1]?.body).toMatchObject({ optionId: null, text: 'PostgreSQL\n80, 443' })
    expect(ada.complaints).toEqual([])
  })

  test('what is being written and attached survives a reload, on a page without a secure origin too, and is had back', async () => {
    await using world = await makeWorld()
    await using ada = await visit(browser, world.server)
    const { page } = ada
    // As over plain HTTP from another machine.
    await page.addInitScript('delete Crypto.prototype.randomUUID; delete Navigator.prototype.clipboard')
    await page.goto(`${world.server.url}/new?prompt=Look%20at%20it&checks=npm%20test&labels=infra`)
    await page.getByText('No host is there to take it').waitFor()
    await drop(page, 'notes.txt')
    await page.getByText('notes.txt').waitFor()
    await page.reload()
    await page.getByText('notes.txt').waitFor()
    expect(await page.getByLabel('Prompt').inputValue()).toBe('Look at it')
    await page.getByRole('button', { name: 'Start over' }).click()
    expect(await page.getByLabel('Prompt').inputValue()).toBe('')
    await page.getByRole('button', { name: 'Undo' }).click()
    await drop(page, 'picture.png')
    await page.getByText('picture.png').waitFor()
    await page.getByRole('button', { name: 'Give the task' }).click()
    await page.waitForURL('**/tasks/*')
    const { items } = await world.client.call('listTasks', {})
    expect(items).toMatchObject([{ prompt: 'Look at it', labels: ['infra'], checks: [{ command: 'npm test' }] }])
    expect(items[0]?.attachments?.map(({ name }) => name)).toEqual(['picture.png'])
    await page.goto(`${world.server.url}/new`)
    expect(await page.getByLabel('Prompt').inputValue()).toBe('')
    expect(await page.getByText('picture.png').count()).toBe(0)
    await page.goto(`${world.server.url}/manage`)
    await page.getByRole('button', { name: 'Copy the register command' }).click()
    await page.getByRole('button', { name: 'Copied the register command' }).waitFor()
    expect(ada.complaints).toEqual([])
  })

  test('a host is found among many, shows what it lacks and does, and is drained', async () => {
    await using world = await makeWorld()
    for (let i = 0; i < 12; i += 1)
      await world.daemon({
        key: `key-${i}-0123456789-0123456789`,
        bootId: `boot-${i}`,
        offer: { ...host(`box-${i}`, 2), hostId: `host-${i}`, shortOf: i === 7 ? 'only 1 GB is free' : null },
      })
    const claim = await world.client.call('createTask', {
      body: { prompt: 'Work here', harness: 'codex', daemon: 'box-11' },
    })
    await using ada = await visit(browser, world.server, { path: '/fleet' })
    const { page } = ada
    const hosts = page.getByRole('region', { name: 'Hosts' })
    await page.getByText('12 hosts connected, 0 of 24 places taken').waitFor()
    expect(await hosts.getByRole('listitem').first().textContent()).toContain('Takes no work: only 1 GB is free')
    await page.getByLabel('Find a host').fill('box-11')
    await hosts.getByRole('button', { name: 'box-11', exact: false }).first().click()
    await hosts.getByText('gemini is not on PATH').waitFor()
    await hosts.getByText('load 2.4 on 16 CPUs').waitFor()
    await hosts.getByText('Last heartbeat').waitFor()
    await hosts.getByRole('button', { name: 'Drain box-11' }).click()
    await hosts.getByText('draining', { exact: true }).first().waitFor()
    await hosts.getByRole('button', { name: 'Undrain box-11' }).waitFor()
    expect(claim.state).toBe('queued')
    expect(ada.complaints).toEqual([])
  })

  test('somebody who looks elsewhere is told once of each task that comes to need them; the page can be installed', async () => {
    await using world = await makeWorld()
    const box = await world.daemon({ offer: host('box', 4) })
    const start = async (prompt: string) => {
      const claim = await begin(world, box, { prompt, harness: 'claude-code', review: 'required' })
      await running(box, claim)
      return claim
    }
    const [old, asking, reviewed] = [await start('Old'), await start('Migrate'), await start('Rename')]
    await ask(box, old, 'before')
    await using ada = await visit(browser, world.server)
    const { page } = ada
    await page.addInitScript(`
      globalThis.notices = []
      globalThis.Notification = class {
        static permission = 'granted'
        static requestPermission = async () => 'granted'
        constructor(title, { body }) {
          this.text = title + ': ' + body
          globalThis.notices.push(this)
        }
        close() { this.text += ' (closed)' }
      }`)
    const told = () => page.evaluate("notices.map((each) => each.text).join('; ')")
    await page.goto(`${world.server.url}/settings`)
    await page.getByLabel('Tell me when a task comes to need me').check()
    await until(async () => (await page.title()) === '(1) Settings · Capstan', 'what was there at load')
    await ask(box, asking, 'step 0')
    await until(async () => (await told()) === 'Migrate: Asks: step 0', 'the first notice')
    await page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    await ask(box, asking, 'step 1') // its task is there already
    await finish(world, box, reviewed, { patch })
    await until(async () => (await told()) === 'Migrate: Asks: step 0; Rename: Ready for your review', 'both notices')
    expect(await page.title()).toBe('(2) Settings · Capstan')
    // A notice leads to its task; what is looked at there needs none.
    await page.evaluate('delete document.hidden; notices[1].onclick()')
    await page.getByRole('heading', { name: 'Rename' }).waitFor()
    const seen = await start('Look')
    await page.goto(`${world.server.url}/tasks/${seen.task.id}`)
    await page.getByRole('heading', { name: 'Look' }).waitFor()
    await until(async () => (await page.title()).startsWith('(2)'), 'the badge after a load')
    await ask(box, seen, 'step 0')
    await until(async () => (await page.title()).startsWith('(3)'), 'the badge with the third')
    await ask(box, await start('Elsewhere'), 'step 0')
    await until(async () => (await told()) !== '', 'the next notice')
    expect(await told()).toBe('Elsewhere: Asks: step 0')
    const manifest = (await (await fetch(`${world.server.url}/manifest.webmanifest`)).json()) as Manifest
    expect(manifest).toMatchObject({ id: '/', start_url: '/', display: 'standalone' })
    const kinds = manifest.icons.map(({ sizes, purpose }) => `${sizes} ${purpose}`)
    for (const kind of ['192x192 any', '512x512 any', '512x512 maskable']) expect(kinds).toContain(kind)
    for (const { src, type } of manifest.icons) {
      const icon = await fetch(world.server.url + src)
      expect([src, icon.status, icon.headers.get('content-type')]).toEqual([src, 200, type])
    }
    expect(ada.complaints).toEqual([])
  })
})

interface Manifest {
  readonly icons: readonly {
    readonly src: string
    readonly type: string
    readonly sizes: string
    readonly purpose: string
  }[]
}

async function many(world: World, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await world.client.call('createTask', { body: { prompt: `Task ${i} of many` } })
}

/** The agent asks for a permission. */
async function ask(box: FakeDaemon, { attemptId, epoch }: Claim, title: string): Promise<void> {
  const options = [{ id: 'yes', label: 'Allow', grants: 'allow' as const }]
  const asked = { kind: 'permission' as const, title, body: { command: 'x' }, options, openForMs: 600_000 }
  await box.ask('request', { attemptId, epoch, requestId: makeId('req', Date.now()), ...asked })
}

/** Drops a file beside the prompt. */
async function drop(page: Page, name: string): Promise<void> {
  await page.evaluate(`{
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File(['words'], ${JSON.stringify(name)}))
    for (const type of ['dragover', 'drop'])
      document.querySelector('h1').dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }))
  }`)
}
