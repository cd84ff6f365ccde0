// Pages without scripts: the operations for people, and a sentence when something failed before the app could be shown.

import type { Operation } from '../protocol/operations.ts'
import { operations } from '../protocol/operations.ts'

/** The policy of these pages and of every answer but the app's: nothing but our own style sheet. */
export const pagePolicy =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export const styleSheet = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; vertical-align: top; border-bottom: 1px solid #8884 }
code { font-family: ui-monospace, monospace; font-size: .9em }
.quiet { opacity: .7 }
`

/** One sentence, for a sign-in that failed, and a way on. `path` is ours. */
export function messagePage(
  title: string,
  sentence: string,
  next?: { readonly path: string; readonly name: string },
): string {
  const way = next === undefined ? '' : `<p><a href="${next.path}">${escapeHtml(next.name)}</a></p>`
  return page(title, `<p>${escapeHtml(`${sentence.slice(0, 1).toUpperCase()}${sentence.slice(1)}`)}</p>${way}`)
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
