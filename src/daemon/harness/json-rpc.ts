// JSON-RPC in lines, as agents speak it over their standard streams: what a line is, and how ours are written.

import type { Json } from './json.ts'
import { objectOf, parseObject, textOf } from './json.ts'

/** JSON-RPC ids are numbers or texts; whatever else stands there is no id. */
export type RpcId = number | string

export type RpcMessage =
  | { readonly kind: 'request'; readonly id: RpcId; readonly method: string; readonly params: Json }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Json }
  | { readonly kind: 'result'; readonly id: RpcId; readonly result: Json }
  | { readonly kind: 'error'; readonly id: RpcId; readonly error: RpcError }

export interface RpcError {
  readonly code: number | null
  readonly message: string
  /** What the agent added; of any shape. */
  readonly data: unknown
}

/** How Capstan introduces itself. Agents put it into logs and headers; its version is nobody's business there. */
export const clientInfo = { name: 'capstan', title: 'Capstan', version: '0' }

/** The codes of JSON-RPC that Capstan answers with. */
export const methodNotFound = -32_601
export const invalidParams = -32_602
export const requestCancelled = -32_800

/** An agent's id is sent back as it came, and kept until then. */
const maxId = 200

/** Null when the line is no message: half a line, prose, an array, a request without a usable id. */
export function parseRpc(line: string): RpcMessage | null {
  const message = parseObject(line)
  if (message === null) return null
  const id = idOf(message.id)
  const method = textOf(message.method)
  if (method !== null) {
    const params = objectOf(message.params) ?? {}
    if (message.id === undefined) return { kind: 'notification', method, params }
    return id === null ? null : { kind: 'request', id, method, params }
  }
  if (id === null) return null
  const error = objectOf(message.error)
  if (error !== null) return { kind: 'error', id, error: errorOf(error) }
  if (message.result === undefined) return null
  return { kind: 'result', id, result: objectOf(message.result) ?? {} }
}

function idOf(value: unknown): RpcId | null {
  if (typeof value === 'string') return value.length <= maxId ? value : null
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null
}

function errorOf(error: Json): RpcError {
  const code = typeof error.code === 'number' ? error.code : null
  return { code, message: textOf(error.message) ?? '', data: error.data ?? null }
}

/** How lines are written: ACP wants the version in each, Codex's app-server leaves it out. */
export type Dialect = '2.0' | 'bare'

export function request(dialect: Dialect, id: RpcId, method: string, params: Json): string {
  return line(dialect, { id, method, params })
}

export function notification(dialect: Dialect, method: string, params?: Json): string {
  return line(dialect, { method, ...(params === undefined ? {} : { params }) })
}

export function result(dialect: Dialect, id: RpcId, value: Json): string {
  return line(dialect, { id, result: value })
}

export function refusal(
  dialect: Dialect,
  id: RpcId,
  error: { readonly code: number; readonly message: string },
): string {
  return line(dialect, { id, error })
}

function line(dialect: Dialect, message: Json): string {
  return JSON.stringify(dialect === '2.0' ? { jsonrpc: '2.0', ...message } : message)
}
