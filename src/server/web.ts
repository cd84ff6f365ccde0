// The HTTP face: operations, pages, health, metrics and the OpenAPI document on one app, behind the Host and Origin guard.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { Problem } from '../core/problem.ts'
import { openapi } from '../protocol/openapi.ts'
import { requireScope } from './auth.ts'
import type { Guard } from './guard.ts'
import { isLoopback } from './guard.ts'
import { docsPage, messagePage, pagePolicy, styleSheet } from './page.ts'
import { describeFailure, sendProblem } from './problem-response.ts'
import type { RestParts, Web, WebContext } from './rest.ts'
import { addOperations, credentialsOf } from './rest.ts'
import { beginSession, endSession } from './session.ts'
import { signIn } from './sign-in.ts'
import { loadWebApp } from './web-app.ts'

export interface WebOptions {
  /** Cookies may travel over TLS only. */
  readonly secure: boolean
  /** Programs on this machine may read /metrics without a token; not where a proxy makes everybody look local. */
  readonly openMetrics: boolean
}

/** Makes the app. */
export function makeWeb(parts: RestParts, options: WebOptions): Web {
  const app: Web = new Hono()
  let document: string | null = null // made when first asked for: it takes a tenth of a cold start
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => c.json(await readiness(parts)))
  app.get('/metrics', async (c) => {
    await admitScraper(c, parts, options)
    return c.body(await parts.metrics.text(), 200, { 'content-type': parts.metrics.contentType })
  })
  app.get('/openapi.json', (c) => {
    document ??= JSON.stringify(openapi(parts.plane.version))
    return c.body(document, 200, { 'content-type': 'application/json' })
  })
  app.get('/page.css', (c) => c.body(styleSheet, 200, { 'content-type': 'text/css; charset=utf-8' }))
  app.get('/docs', (c) => html(c, docsPage(parts.plane.version)))
  const session = { ...parts, secure: options.secure }
  app.post('/v1/session', (c) => beginSession(c, session))
  app.delete('/v1/session', (c) => endSession(c, session))
  app.get('/sign-in/:code', async (c) => {
    // Mail and chat programs look at links before people do: only a GET takes the code.
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'cache-control': 'no-store' })
    try {
      return await signIn(c, parts.plane, c.req.param('code'), options.secure)
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error
      // A link from the browser's history, opened by who is signed in: they wanted the page.
      if (await isSignedIn(c, parts)) return c.redirect('/', 303)
      c.status(401)
      return html(
        c,
        messagePage('Not signed in', `${error.detail}. ${otherWays}`, { path: '/', name: 'Sign in with a token' }),
      )
    }
  })
  addPage(app)
  addOperations(app, parts)
  return app
}

/** The app as a listener of node's server: the guard and the security headers come before any route. */
export function makeListener(app: Web, guard: () => Guard, parts: RestParts, options: WebOptions): RequestListener {
  const listener = getRequestListener(app.fetch)
  return (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('referrer-policy', 'no-referrer')
    response.setHeader('x-frame-options', 'DENY')
    response.setHeader('cross-origin-resource-policy', 'same-origin')
    response.setHeader('content-security-policy', pagePolicy)
    if (options.secure) response.setHeader('strict-transport-security', 'max-age=31536000')
    const { method = 'GET', headers } = request
    // Probes come by address, and learn nothing.
    const probe = request.url === '/healthz' || request.url === '/readyz'
    const refusal = probe ? null : guard().check({ method, headers, upgrade: false })
    if (refusal === null) void listener(request, response)
    else sendProblem(response, describeFailure(refusal, parts.plane.log))
  }
}

const otherWays = 'Each link works once. Another is printed when Capstan starts, and by: capstan member invite NAME.'

async function isSignedIn(c: WebContext, { auth }: RestParts): Promise<boolean> {
  try {
    await auth.caller(credentialsOf(c))
    return true
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return false
    throw error
  }
}

async function readiness({ plane }: RestParts): Promise<{ status: 'ready'; store: string }> {
  try {
    await plane.store.read(function* (tx) {
      yield tx.db.selectFrom('teams').select('id').limit(1).compile()
    })
  } catch (cause) {
    throw new Problem('unavailable', 'the store does not answer', { cause })
  }
  return { status: 'ready', store: plane.store.dialect }
}

async function admitScraper(c: WebContext, { auth }: RestParts, { openMetrics }: WebOptions): Promise<void> {
  const address = c.env.incoming.socket.remoteAddress ?? ''
  if (openMetrics && isLoopback(address.replace(/^::ffff:/, ''))) return
  requireScope(await auth.caller(credentialsOf(c)), 'user', '/metrics')
}

/** The page's files and routes; every other GET goes on to the operations. */
function addPage(app: Web): void {
  const page = loadWebApp()
  app.get('*', async (c, next) => {
    const response = page?.serve(c) ?? null
    if (response !== null) return response
    if (page !== null || c.req.path !== '/') return await next()
    return html(c, messagePage('The page is not built', 'Run npm run build once, then start Capstan again.'))
  })
}

function html(c: WebContext, text: string): Response {
  return c.html(text, undefined, { 'cache-control': 'no-store' })
}
