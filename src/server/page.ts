// Pages until the web app exists: what runs here, and the operations for people. No scripts; a strict policy says so to the browser.

import type { Operation } from '../protocol/operations.ts'
import { operations } from '../protocol/operations.ts'
import type { TaskView } from '../protocol/task.ts'

/** The policy of every page: nothing but our own style sheet. */
export const pagePolicy =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export const styleSheet = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; vertical-align: top; border-bottom: 1px solid #8884 }
code { font-family: ui-monospace, monospace; font-size: .9em }
.quiet { opacity: .7 }
`

export interface HomeFacts {
  readonly version: string
  readonly actor: string
  readonly daemons: readonly { readonly name: string; readonly connected: boolean; readonly running: number }[]
  readonly tasks: readonly TaskView[]
}

/** What a signed-in person sees. */
export function homePage({ version, actor, daemons, tasks }: HomeFacts): string {
  const hosts = daemons.map(
    (each) => `<tr><td>${escapeHtml(each.name)}<td>${each.connected ? 'connected' : 'away'}<td>${each.running} at work`,
  )
  const work = tasks.map((task) => {
    const state = task.reason === null ? task.state : `${task.state}: ${task.reason}`
    return `<tr><td><code>${escapeHtml(task.id)}</code><td>${escapeHtml(state)}<td>${escapeHtml(task.title)}`
  })
  return page(
    'Capstan',
    `<p>Capstan ${escapeHtml(version)} runs here; you are <b>${escapeHtml(actor)}</b>. The command line shows more:
    <code>capstan task ls</code>. <a href="/docs">The operations</a>.</p>
    <h2>Daemons</h2>${table(hosts, 'No daemon has registered; start one with: capstan daemon')}
    <h2>Latest tasks</h2>${table(work, 'No tasks yet; give one with: capstan task add "…"')}`,
  )
}

/** What everybody else sees. */
export function signedOutPage(version: string): string {
  return page(
    'Capstan',
    `<p>Capstan ${escapeHtml(version)} runs here. To sign in, open the link that <code>capstan up</code> printed; it works once.</p>
    <p><a href="/docs">The operations</a></p>`,
  )
}

/** One sentence, for a sign-in that failed. */
export function messagePage(title: string, sentence: string): string {
  return page(title, `<p>${escapeHtml(sentence)}</p>`)
}

/** The table of operations, by tag. */
export function docsPage(version: string): string {
  const byTag = Map.groupBy(Object.entries(operations) as [string, Operation][], ([, operation]) => operation.tag)
  const sections = [...byTag].map(([tag, entries]) => {
    const rows = entries.map(
      ([name, { method, path, summary, scope }]) =>
        `<tr><td><code>${method} ${escapeHtml(path)}</code><td>${escapeHtml(summary)}<td>${scope}<td><code>${escapeHtml(name)}</code>`,
    )
    return `<h2>${escapeHtml(tag)}</h2>${table(rows, '')}`
  })
  return page(
    'Capstan: operations',
    `<p>Capstan ${escapeHtml(version)}. Send <code>Authorization: Bearer cap_…</code>. Scope <code>admin</code> includes
    <code>user</code>; <code>daemon</code> is apart. Errors are RFC 9457 problems with a stable <code>code</code>.
    The full schemas are in <a href="/openapi.json">openapi.json</a>.</p>${sections.join('')}`,
  )
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><link rel="stylesheet" href="/page.css"></head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>
`
}

function table(rows: readonly string[], otherwise: string): string {
  return rows.length === 0 ? `<p class="quiet">${escapeHtml(otherwise)}</p>` : `<table>${rows.join('')}</table>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
