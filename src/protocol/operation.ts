// What one operation of the REST API says of itself; the tables beside this file are made of these.

import type { z } from 'zod'
import type { scope } from './fleet.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** `admin` includes `user`; `daemon` is apart. `any`: every valid token. */
export type OperationScope = z.infer<typeof scope> | 'any'

export interface Operation {
  readonly method: Method
  /** Hono and OpenAPI form: `/v1/tasks/:id`. */
  readonly path: `/v1/${string}`
  readonly scope: OperationScope
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
}
