// Every operation of the REST API: the one source of routes, OpenAPI, the typed client and most CLI verbs.

import { z } from 'zod'
import { transcriptEvent } from './events.ts'
import {
  daemon,
  pool,
  poolCreate,
  profile,
  profileCreate,
  repo,
  type scope,
  team,
  teamCreate,
  token,
  tokenCreate,
  tokenOnce,
  whoami,
} from './fleet.ts'
import { cursor, name, page, pageQuery, slug } from './names.ts'
import { logLine, task, taskCreate, taskState } from './task.ts'

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

const message = z.strictObject({ message: z.string().max(4_000).optional() })
const attemptQuery = z.strictObject({
  attempt: z.coerce.number().int().positive().optional().describe('Default: the last attempt'),
})

/** A repeatable query parameter: `?state=queued&state=running`. */
function many<T extends z.ZodType>(item: T) {
  return z.union([z.array(item), item.transform((one) => [one])])
}

export const operations = {
  whoami: {
    method: 'GET',
    path: '/v1/whoami',
    scope: 'any',
    tag: 'identity',
    summary: 'Who the token is',
    answer: 'json',
    output: whoami,
  },

  createTask: {
    method: 'POST',
    path: '/v1/tasks',
    scope: 'user',
    tag: 'tasks',
    summary: 'Give work. Answered only when it is durable',
    body: taskCreate,
    answer: 'json',
    output: task,
    status: 201,
    idempotent: true,
  },
  listTasks: {
    method: 'GET',
    path: '/v1/tasks',
    scope: 'user',
    tag: 'tasks',
    summary: 'Tasks, newest first',
    query: z.strictObject({
      ...pageQuery.shape,
      state: many(taskState).optional(),
      repo: slug.optional(),
      harness: name.optional(),
      daemon: z.string().optional(),
      label: z.string().optional(),
      correlationId: z.string().optional(),
    }),
    answer: 'json',
    output: page(task),
  },
  getTask: {
    method: 'GET',
    path: '/v1/tasks/:id',
    scope: 'user',
    tag: 'tasks',
    summary: 'One task, with why it waits',
    answer: 'json',
    output: task,
  },
  listEvents: {
    method: 'GET',
    path: '/v1/tasks/:id/events',
    scope: 'user',
    tag: 'tasks',
    summary: 'The transcript, oldest first',
    query: z.strictObject({
      attempt: z.coerce.number().int().positive().optional().describe('Default: all attempts'),
      cursor: cursor.optional().describe('`attempt.seq` of the last event read'),
      limit: z.coerce.number().int().min(1).max(1_000).optional(),
    }),
    answer: 'json',
    output: page(transcriptEvent),
  },
  followTask: {
    method: 'GET',
    path: '/v1/tasks/:id/stream',
    scope: 'user',
    tag: 'tasks',
    summary:
      'The transcript as it happens. SSE: `event: transcript` with id `attempt.seq`, `event: task`, `event: end`',
    answer: 'events',
    output: transcriptEvent,
  },
  getTaskLog: {
    method: 'GET',
    path: '/v1/tasks/:id/log',
    scope: 'user',
    tag: 'tasks',
    summary: 'What happened to the task: actor, time and cause of each change',
    answer: 'json',
    output: z.object({ items: z.array(logLine) }),
  },
  getTaskDiff: {
    method: 'GET',
    path: '/v1/tasks/:id/diff',
    scope: 'user',
    tag: 'tasks',
    summary: 'What an attempt changed, as a patch',
    query: attemptQuery,
    answer: 'patch',
  },
  cancelTask: {
    method: 'POST',
    path: '/v1/tasks/:id/cancel',
    scope: 'user',
    tag: 'tasks',
    summary: 'End a task for good',
    body: message,
    answer: 'json',
    output: task,
  },
  retryTask: {
    method: 'POST',
    path: '/v1/tasks/:id/retry',
    scope: 'user',
    tag: 'tasks',
    summary: 'Run a failed or rejected task again from base',
    body: z.strictObject({}),
    answer: 'json',
    output: task,
  },
  acceptTask: {
    method: 'POST',
    path: '/v1/tasks/:id/accept',
    scope: 'user',
    tag: 'tasks',
    summary: 'Accept a completed task',
    body: message,
    answer: 'json',
    output: task,
  },
  rejectTask: {
    method: 'POST',
    path: '/v1/tasks/:id/reject',
    scope: 'user',
    tag: 'tasks',
    summary: 'Reject a completed task',
    body: message,
    answer: 'json',
    output: task,
  },

  listDaemons: {
    method: 'GET',
    path: '/v1/daemons',
    scope: 'user',
    tag: 'fleet',
    summary: 'Hosts, connected ones first',
    answer: 'json',
    output: z.object({ items: z.array(daemon) }),
  },
  getDaemon: {
    method: 'GET',
    path: '/v1/daemons/:id',
    scope: 'user',
    tag: 'fleet',
    summary: 'One host, by id or name',
    answer: 'json',
    output: daemon,
  },
  drainDaemon: {
    method: 'POST',
    path: '/v1/daemons/:id/drain',
    scope: 'user',
    tag: 'fleet',
    summary: 'Stop or resume taking work',
    body: z.strictObject({ on: z.boolean() }),
    answer: 'json',
    output: daemon,
  },
  removeDaemon: {
    method: 'DELETE',
    path: '/v1/daemons/:id',
    scope: 'admin',
    tag: 'fleet',
    summary: 'Forget a host that is gone',
    answer: 'none',
  },
  listRepos: {
    method: 'GET',
    path: '/v1/repos',
    scope: 'user',
    tag: 'fleet',
    summary: 'Repositories that hosts serve',
    answer: 'json',
    output: z.object({ items: z.array(repo) }),
  },
  createPool: {
    method: 'POST',
    path: '/v1/pools',
    scope: 'admin',
    tag: 'fleet',
    summary: 'Make a pool',
    body: poolCreate,
    answer: 'json',
    output: pool,
    status: 201,
  },
  listPools: {
    method: 'GET',
    path: '/v1/pools',
    scope: 'user',
    tag: 'fleet',
    summary: 'Pools',
    answer: 'json',
    output: z.object({ items: z.array(pool) }),
  },
  getPool: {
    method: 'GET',
    path: '/v1/pools/:id',
    scope: 'user',
    tag: 'fleet',
    summary: 'One pool, by id or name',
    answer: 'json',
    output: pool,
  },
  removePool: {
    method: 'DELETE',
    path: '/v1/pools/:id',
    scope: 'admin',
    tag: 'fleet',
    summary: 'Remove a pool that nothing uses',
    answer: 'none',
  },

  createProfile: {
    method: 'POST',
    path: '/v1/profiles',
    scope: 'admin',
    tag: 'profiles',
    summary: 'Make a profile',
    body: profileCreate,
    answer: 'json',
    output: profile,
    status: 201,
  },
  listProfiles: {
    method: 'GET',
    path: '/v1/profiles',
    scope: 'user',
    tag: 'profiles',
    summary: 'Profiles',
    answer: 'json',
    output: z.object({ items: z.array(profile) }),
  },
  getProfile: {
    method: 'GET',
    path: '/v1/profiles/:id',
    scope: 'user',
    tag: 'profiles',
    summary: 'One profile, by id or name',
    answer: 'json',
    output: profile,
  },
  replaceProfile: {
    method: 'PUT',
    path: '/v1/profiles/:id',
    scope: 'admin',
    tag: 'profiles',
    summary: 'A new version of a profile',
    body: profileCreate,
    answer: 'json',
    output: profile,
  },
  removeProfile: {
    method: 'DELETE',
    path: '/v1/profiles/:id',
    scope: 'admin',
    tag: 'profiles',
    summary: 'Remove a profile that no waiting task names',
    answer: 'none',
  },

  createToken: {
    method: 'POST',
    path: '/v1/tokens',
    scope: 'admin',
    tag: 'identity',
    summary: 'Make a token; its secret is shown once',
    body: tokenCreate,
    answer: 'json',
    output: tokenOnce,
    status: 201,
  },
  listTokens: {
    method: 'GET',
    path: '/v1/tokens',
    scope: 'admin',
    tag: 'identity',
    summary: 'Tokens, without their secrets',
    answer: 'json',
    output: z.object({ items: z.array(token) }),
  },
  revokeToken: {
    method: 'DELETE',
    path: '/v1/tokens/:id',
    scope: 'admin',
    tag: 'identity',
    summary: 'Revoke a token, on live connections too',
    answer: 'none',
  },
  createTeam: {
    method: 'POST',
    path: '/v1/teams',
    scope: 'admin',
    tag: 'identity',
    summary: 'Make a team',
    body: teamCreate,
    answer: 'json',
    output: team,
    status: 201,
  },
  listTeams: {
    method: 'GET',
    path: '/v1/teams',
    scope: 'user',
    tag: 'identity',
    summary: 'Teams the caller may see',
    answer: 'json',
    output: z.object({ items: z.array(team) }),
  },

  putBlob: {
    method: 'PUT',
    path: '/v1/blobs/:cid',
    scope: 'daemon',
    tag: 'blobs',
    summary: 'Store bytes under their content id',
    answer: 'json',
    output: z.object({ cid: z.string(), bytes: z.number().int() }),
    upload: true,
  },
  getBlob: {
    method: 'GET',
    path: '/v1/blobs/:cid',
    scope: 'user',
    tag: 'blobs',
    summary: 'Bytes by content id',
    answer: 'bytes',
  },
} as const satisfies Record<string, Operation>

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
