// The built page: its files read once, served compressed, hashed ones for ever; its index for every route of its own.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { Context } from 'hono'
import { pageFolder } from '../lib/package-files.ts'

export interface WebApp {
  /** The answer for a GET; null: no file and no route of the page. */
  serve(c: Context): Response | null
}

interface File {
  readonly type: string
  readonly cache: string
  readonly bodies: Readonly<Partial<Record<Encoding, Uint8Array<ArrayBuffer>>>>
  readonly plain: Uint8Array<ArrayBuffer>
}

type Encoding = 'br' | 'gzip'

/** The page's policy: its own files and nothing else; no inline script, no inline style. */
export const appPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; " +
  "worker-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
}

/** Reads the build; null when there is none, as in a checkout that was never built. */
export function loadWebApp(): WebApp | null {
  const folder = pageFolder()
  if (folder === null) return null
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => extname(name) in types)
  const files = new Map(names.map((name) => [`/${name.replaceAll('\\', '/')}`, readFile(folder, name)]))
  return { serve: (c) => serve(c, files) }
}

function readFile(folder: string, name: string): File {
  const path = join(folder, name)
  const packed = (suffix: string) =>
    existsSync(`${path}.${suffix}`) ? new Uint8Array(readFileSync(`${path}.${suffix}`)) : undefined
  const br = packed('br')
  const gzip = packed('gz')
  return {
    type: types[extname(name)] ?? 'application/octet-stream',
    // A file whose name holds its content's hash never changes.
    cache: name.startsWith('assets') ? 'public, max-age=31536000, immutable' : 'no-cache',
    plain: new Uint8Array(readFileSync(path)),
    bodies: { ...(br === undefined ? {} : { br }), ...(gzip === undefined ? {} : { gzip }) },
  }
}

function serve(c: Context, files: ReadonlyMap<string, File>): Response | null {
  const { path } = c.req
  const file = files.get(path) ?? (isRoute(c) ? files.get('/index.html') : undefined)
  if (file === undefined) return null
  const accepted = c.req.header('accept-encoding') ?? ''
  const encoding = (['br', 'gzip'] as const).find((each) => accepted.includes(each) && file.bodies[each] !== undefined)
  const headers: Record<string, string> = {
    'content-type': file.type,
    'cache-control': file.cache,
    'content-security-policy': appPolicy,
    vary: 'accept-encoding',
  }
  if (encoding !== undefined) headers['content-encoding'] = encoding
  return new Response((encoding === undefined ? undefined : file.bodies[encoding]) ?? file.plain, { headers })
}

/** What a person opens in a browser, and neither an operation nor a file. */
function isRoute(c: Context): boolean {
  const { path } = c.req
  if (path === '/') return true
  return !path.startsWith('/v1/') && extname(path) === '' && (c.req.header('accept') ?? '').includes('text/html')
}
