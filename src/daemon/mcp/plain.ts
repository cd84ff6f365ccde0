// Calls by programs of a run that speak no MCP: a line of JSON each, answered by a line. Git's signatures come this way.

import type { Socket } from 'node:net'
import { Problem } from '../../core/problem.ts'
import { messageOf } from '../../lib/error-text.ts'
import { parseObject } from './connection.ts'

/** Who calls: the key is the same when the call is sent again. */
export interface PlainCall {
  readonly key: string
  readonly input: unknown
  /** Aborts when nobody waits on this connection any more. */
  readonly signal: AbortSignal
}

export type PlainCalls = Readonly<Record<string, (call: PlainCall) => Promise<object>>>

/** Under way on one connection: a program makes one and waits. */
const mostAtOnce = 4

/** Takes lines of a caller that was admitted; answers each. Never throws. */
export function plainLines(
  socket: Socket,
  how: { readonly caller: string; readonly calls: PlainCalls; failed(error: unknown): void },
): (line: string) => void {
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  let underWay = 0
  const serve = async (line: string) => {
    const { id, call, input } = parseObject(line) ?? {}
    const known = typeof call === 'string' && Object.hasOwn(how.calls, call) ? how.calls[call] : undefined
    if (known === undefined) throw new Problem('invalid_request', 'there is no such call')
    const key = `${how.caller}:${JSON.stringify(id ?? null)}`.slice(0, 140)
    return { id, answer: await known({ key, input, signal: gone.signal }) }
  }
  return (line) => {
    if (underWay >= mostAtOnce) return void socket.destroy()
    underWay += 1
    serve(line)
      .catch((error) => {
        if (!(error instanceof Problem) && !gone.signal.aborted) how.failed(error)
        return { problem: problemOf(error) }
      })
      .then((answer) => {
        underWay -= 1
        if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`)
      }, how.failed)
  }
}

function problemOf(error: unknown): { readonly detail: string; readonly remedy: string } {
  if (error instanceof Problem) return { detail: error.detail, remedy: error.remedy }
  return { detail: `it failed on the host: ${messageOf(error).slice(0, 200)}`, remedy: 'Try again.' }
}
