// capstan mcp: the operations as tools over standard input and output, for editors and agents.

import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { send } from '../client/send.ts'
import { Problem } from '../core/problem.ts'
import { messageOf } from '../lib/error-text.ts'
import type { Reach } from '../mcp/reach.ts'
import { makeToolServer } from '../mcp/serve.ts'
import type { Scope } from '../protocol/access.ts'
import type { Operation } from '../protocol/operations.ts'
import { operations } from '../protocol/operations.ts'
import { readConnection, useProxies } from './connection.ts'
import type { Context } from './context.ts'
import { answeringStdio } from './mcp-stdio.ts'

/** Serves until standard input has ended and what was asked is answered. Standard output is the protocol's alone. */
export async function runMcp(_given: unknown, context: Context): Promise<number> {
  const { clock, version, terminal } = context
  const reach = reachOf(context)
  const unexpected = (error: unknown) => {
    terminal.note(`capstan mcp: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return new Problem('internal', messageOf(error))
  }
  const ends = new AbortController().signal // only the client ends calls
  const { transport, closed } = answeringStdio({ input: process.stdin, output: process.stdout, clock })
  const handle = serveStdio(() => makeToolServer({ reach, clock, version, unexpected, ends }), {
    transport,
    onerror: (error) => terminal.note(`capstan mcp: ${error.message}`),
  })
  await closed
  await handle.close()
  return 0
}

/**
 * The server is looked up at each call: an editor keeps this process for days, while `capstan up` comes and goes and may change its port.
 */
function reachOf(context: Context): Reach {
  const call = async (operation: Operation, sent: Parameters<typeof send>[2]) => {
    const { url, token } = readConnection(context)
    await useProxies(context.env, url)
    return await send({ url, token }, operation, sent, async (response) => new Uint8Array(await response.arrayBuffer()))
  }
  return {
    scopes: async (signal) => {
      try {
        const bytes = await call(operations.whoami, { signal })
        const { scopes } = JSON.parse(new TextDecoder().decode(bytes)) as { scopes: Scope[] } // by the same table
        return scopes
      } catch (error) {
        if (error instanceof Problem) return ['user'] // the calls will say what is wrong
        throw error
      }
    },
    send: (operation, { params, query, body, idempotencyKey }, signal) =>
      call(operation, {
        params,
        query,
        body,
        signal,
        ...(idempotencyKey === null ? {} : { headers: { 'idempotency-key': idempotencyKey } }),
      }),
  }
}
