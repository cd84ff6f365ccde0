// What one operation of the REST API says of itself; the tables beside this file are made of these.

import type { z } from 'zod'
import type { Role } from '../core/role.ts'
import type { scope } from './access.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** `admin` includes `user`; `daemon` is apart. `any`: every valid token. */
export type OperationScope = z.infer<typeof scope> | 'any'

export interface Operation {
  readonly method: Method
  /** Hono and OpenAPI form: `/v1/tasks/:id`. */
  readonly path: `/v1/${string}`
  readonly scope: OperationScope
  /** The least role of the caller’s account; see `roleNeeded` for what is not told. */
  readonly role?: Role
  readonly tag: string
  readonly summary: string
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  /** How the answer travels. `events`: SSE. `bytes`: as stored. `patch`: text that `git apply` takes. */
  readonly answer: 'json' | 'none' | 'events' | 'patch' | 'bytes'
  readonly output?: z.ZodType
  /** HTTP status of success; default 200, 204 for `none`. */
  readonly status?: 201
  /** Honours the Idempotency-Key header. */
  readonly idempotent?: true
  /** The request body is raw bytes, not JSON. */
  readonly upload?: true
  /** Of the request body; default: what the server allows. */
  readonly maxBytes?: number
  /** As an MCP tool: `false`, not offered; `destructive`, clients ask before it: it ends, removes or grants. Streams and uploads never are. */
  readonly mcp?: false | 'destructive'
}

/** The least role that an operation needs; null: the scope alone decides (hosts, and who one is). */
export function roleNeeded({ role, scope, method }: Pick<Operation, 'role' | 'scope' | 'method'>): Role | null {
  if (role !== undefined) return role
  if (scope === 'any' || scope === 'daemon') return null
  if (scope === 'admin') return 'owner'
  return method === 'GET' ? 'viewer' : 'member'
}
