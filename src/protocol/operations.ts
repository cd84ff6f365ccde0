// Every operation of the REST API: the one source of routes, OpenAPI, the typed client and most CLI verbs.

import type { z } from 'zod'
import { fleetOperations } from './fleet-operations.ts'
import { identityOperations } from './identity-operations.ts'
import { memberOperations } from './member-operations.ts'
import { modelOperations } from './model-operations.ts'
import { requestOperations } from './request-operations.ts'
import { sessionOperations } from './session-operations.ts'
import { taskOperations } from './task-operations.ts'
import { webOperations } from './web-operations.ts'

export type { Operation, OperationScope } from './operation.ts'

export const operations = {
  ...identityOperations,
  ...memberOperations,
  ...taskOperations,
  ...requestOperations,
  ...sessionOperations,
  ...fleetOperations,
  ...modelOperations,
  ...webOperations,
} as const

export type Operations = typeof operations
export type OperationName = keyof Operations

type Named<S extends string> = S extends `${string}:${infer P}/${infer Rest}`
  ? P | Named<`/${Rest}`>
  : S extends `${string}:${infer P}`
    ? P
    : never
type Schema<O, K extends string> = O extends Record<K, infer S extends z.ZodType> ? S : never

/** Path parameters of an operation, such as `{id: string}`. */
export type Params<N extends OperationName> = Record<Named<Operations[N]['path']>, string>
/** Query and body as a caller writes them. */
export type QueryIn<N extends OperationName> = z.input<Schema<Operations[N], 'query'>>
export type BodyIn<N extends OperationName> = z.input<Schema<Operations[N], 'body'>>
/** Query and body as a handler gets them, checked. */
export type QueryOut<N extends OperationName> = z.output<Schema<Operations[N], 'query'>>
export type BodyOut<N extends OperationName> = z.output<Schema<Operations[N], 'body'>>
export type Output<N extends OperationName> = z.output<Schema<Operations[N], 'output'>>

/** A content id: `sha256-` and 64 hex digits. */
export const cidRule = /^sha256-[0-9a-f]{64}$/
