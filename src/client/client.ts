// The typed client, made from the operations table. Safe in a browser.
//
// Proxies: Node's fetch honours HTTPS_PROXY and NO_PROXY where NODE_USE_ENV_PROXY=1 is set or the program called
// http.setGlobalProxyFromEnv(); extra certificate authorities come from NODE_EXTRA_CA_CERTS.

import type { BodyIn, Operation, OperationName, Operations, Output, Params, QueryIn } from '../protocol/operations.ts'
import { operations } from '../protocol/operations.ts'
import type { Followed, FollowOptions } from './follow.ts'
import { follow } from './follow.ts'
import type { ClientOptions, Sent } from './send.ts'
import { send } from './send.ts'

/** The operations whose answer travels so. */
type Answering<A extends Operation['answer']> = {
  [N in OperationName]: Operations[N]['answer'] extends A ? N : never
}[OperationName]
type JsonName = Exclude<Answering<'json' | 'none'>, 'putBlob' | 'uploadBlob'>
type BytesName = Answering<'patch' | 'bytes'>

interface Always {
  readonly signal?: AbortSignal
}
type WithParams<N extends OperationName> = keyof Params<N> extends never ? unknown : { readonly params: Params<N> }
type WithQuery<N extends OperationName> = [QueryIn<N>] extends [never] ? unknown : { readonly query?: QueryIn<N> }
type WithBody<N extends OperationName> = [BodyIn<N>] extends [never] ? unknown : { readonly body: BodyIn<N> }
type WithKey<N extends OperationName> = Operations[N] extends { idempotent: true }
  ? { readonly idempotencyKey?: string }
  : unknown
/** What a call of operation `N` takes. */
type Call<N extends OperationName> = Always & WithParams<N> & WithQuery<N> & WithBody<N> & WithKey<N>
/** What it gives: the operation's output; nothing where it answers without a body. */
type Answer<N extends OperationName> = Operations[N]['answer'] extends 'none' ? undefined : Output<N>

export interface Client {
  readonly url: string
  /** Calls an operation that answers JSON. Throws Problem: the server's own, or `not_connected`. */
  call<N extends JsonName>(name: N, call: Call<N>): Promise<Answer<N>>
  /** Calls an operation that answers bytes: a blob, or a patch. */
  bytes<N extends BytesName>(name: N, call: Call<N>): Promise<Uint8Array>
  /** Stores bytes under their content id; the server recomputes it. */
  putBlob(cid: string, bytes: Uint8Array, signal?: AbortSignal): Promise<Output<'putBlob'>>
  /** Uploads a file; the server says its content id. */
  upload(bytes: Uint8Array, signal?: AbortSignal): Promise<Output<'uploadBlob'>>
  /** An attempt's patch as text; the last attempt's unless told. Empty when nothing changed. */
  patch(taskId: string, attempt?: number, signal?: AbortSignal): Promise<string>
  /** The transcript as it happens, across reconnects, until the task is over. */
  follow(taskId: string, options?: FollowOptions): AsyncGenerator<Followed, void, void>
}

/** Makes a client for one server and one token. It holds no connection of its own. */
export function makeClient(options: ClientOptions): Client {
  return {
    url: options.url,
    call: async (name, call) => {
      const operation: Operation = operations[name]
      const answer = await send(options, operation, sentBy(call), (response) =>
        operation.answer === 'none' ? Promise.resolve(undefined) : response.json(),
      )
      return answer as Answer<typeof name> // the server speaks by the same table
    },
    bytes: (name, call) => send(options, operations[name], sentBy(call), bytesOf),
    putBlob: (cid, bytes, signal) => {
      const sent = { params: { cid }, bytes, ...(signal === undefined ? {} : { signal }) }
      return send(options, operations.putBlob, sent, async (response) => (await response.json()) as Output<'putBlob'>) // same table
    },
    upload: (bytes, signal) => {
      const sent = { bytes, ...(signal === undefined ? {} : { signal }) }
      return send(
        options,
        operations.uploadBlob,
        sent,
        async (response) => (await response.json()) as Output<'uploadBlob'>,
      ) // same table
    },
    patch: (taskId, attempt, signal) => {
      const sent = { params: { id: taskId }, query: { attempt }, ...(signal === undefined ? {} : { signal }) }
      return send(options, operations.getTaskDiff, sent, (response) => response.text())
    },
    follow: (taskId, following) => follow(options, taskId, following ?? {}),
  }
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer())
}

/** Every call is these fields at most; which of them it must have is its operation's type. */
function sentBy(call: Sent & { readonly idempotencyKey?: string }): Sent {
  const { idempotencyKey, ...sent } = call
  return idempotencyKey === undefined ? sent : { ...sent, headers: { 'idempotency-key': idempotencyKey } }
}
