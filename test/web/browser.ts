// A real Chromium on a real server: signed in as a person, watched for anything it complains about.

import { existsSync } from 'node:fs'
import type { AxeResults } from 'axe-core'
import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { chromium } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where Chromium is; null: this machine has none. `.ci/run` installs it. */
export const chromiumPath = places.find((path) => existsSync(path)) ?? null

/** Says aloud that what follows is not tested here. */
export const skipped = chromiumPath === null
if (skipped)
  console.warn('no chromium on this machine: the page is NOT tested; install it with: apt-get install chromium')

export async function openBrowser(): Promise<Browser> {
  // Without a sandbox of its own: tests may run as root, and visit only our own server.
  return chromium.launch({ executablePath: chromiumPath ?? '', args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

export interface Visit extends AsyncDisposable {
  readonly page: Page
  readonly context: BrowserContext
  /** What the browser complained about: errors, refused loads, broken policies. */
  readonly complaints: string[]
  /** Hosts other than ours that the page tried to reach. */
  readonly strangers: string[]
}

export interface VisitOptions {
  readonly path?: string
  readonly width?: number
  readonly height?: number
  readonly theme?: 'light' | 'dark'
  readonly touch?: boolean
  /** As a browser that cannot share a worker among its tabs. */
  readonly alone?: boolean
}

/** A person's own window, signed in by a one-time link. */
export async function visit(
  browser: Browser,
  server: { readonly url: string; makeSignInUrl(): Promise<string> },
  { path = '/', width = 1280, height = 800, theme = 'light', touch = false, alone = false }: VisitOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    hasTouch: touch,
    isMobile: touch,
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  if (alone) await context.addInitScript('delete globalThis.SharedWorker')
  const page = await context.newPage()
  const complaints: string[] = []
  const strangers: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || /Content.Security.Policy/i.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith('data:')) strangers.push(request.url())
  })
  await page.goto(await server.makeSignInUrl())
  if (path !== '/') await page.goto(server.url + path)
  return { page, context, complaints, strangers, [Symbol.asyncDispose]: () => context.close() }
}

/** What axe finds that would keep somebody out. */
export async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults // loaded a line before
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`).join(' | ')}`,
    )
}
