// An agent's Markdown, made inert: no HTML, no images from anywhere, links that say where they go.

import type { ComponentProps, ReactElement } from 'react'
import { memo, useDeferredValue } from 'react'
import Markdown from 'react-markdown'
import remarkGfm from 'remark-gfm'
import { plainText } from './ansi.ts'

const plugins = [remarkGfm]

/** Only these can be opened; `javascript:`, `data:` and the rest become text. */
function safeHref(href: string | undefined): URL | null {
  const url = URL.canParse(href ?? '') ? new URL(href ?? '') : null
  return url !== null && /^(https?|mailto):$/.test(url.protocol) ? url : null
}

function Anchor({ href, children }: ComponentProps<'a'>) {
  const url = safeHref(href)
  if (url === null) return <span>{children}</span>
  const said = typeof children === 'string' ? children : ''
  const host = url.host === '' ? url.protocol : url.host
  return (
    <a
      href={url.href}
      target="_blank"
      rel="noopener noreferrer nofollow"
      title={url.href}
      className="text-accent underline"
    >
      {children}
      {!said.includes(host) && <span className="text-faint"> ({host})</span>}
    </a>
  )
}

function Picture({ alt, src }: ComponentProps<'img'>) {
  return (
    <span className="text-faint" title={typeof src === 'string' ? src : undefined}>
      [image{alt ? `: ${alt}` : ''}]
    </span>
  )
}

/** A wide table scrolls by itself, by keyboard too. */
function Table({ children }: ComponentProps<'table'>) {
  return (
    <section aria-label="Table" tabIndex={0} className="table-scroll">
      <table>{children}</table>
    </section>
  )
}

const parts = { a: Anchor, img: Picture, input: Box, table: Table }

/** A task list's box: read, never ticked. */
function Box({ checked }: ComponentProps<'input'>) {
  return <span className="font-mono">{checked ? '[x]' : '[ ]'}</span>
}

/** Texts that were read lately, as they are shown: scrolling back costs nothing. */
const kept = new Map<string, ReactElement>()
const keptTexts = 400

function shown(text: string): ReactElement {
  const known = kept.get(text)
  if (known !== undefined) return known
  // Called, not rendered: it is a pure function of its text, and what it gives can be kept. Links are judged by Anchor.
  const made = Markdown({
    remarkPlugins: plugins,
    skipHtml: true,
    components: parts,
    urlTransform: (url) => url,
    children: plainText(text),
  })
  if (kept.size >= keptTexts) kept.clear()
  kept.set(text, made)
  return made
}

/** Plain words first, their form a moment later and in slices: a screenful of long texts must not hold up scrolling. */
export const AgentText = memo(function AgentText({ text }: { readonly text: string }) {
  const formed = useDeferredValue(true, kept.has(text))
  return (
    <div className="prose-agent">
      {formed ? <Formed text={text} /> : <p className="whitespace-pre-wrap">{plainText(text)}</p>}
    </div>
  )
})

/** A component of its own, so that each text is a slice. */
function Formed({ text }: { readonly text: string }) {
  return shown(text)
}
