// What a handler of an operation gets and gives: derived from the operations table, so that a missing or wrong one does not compile.

import type { ServerResponse } from 'node:http'
import type { BodyOut, OperationName, Operations, Output, Params, QueryOut } from '../protocol/operations.ts'
import type { Asked } from './plane.ts'

/** Takes over a response and streams; returns how to end it. */
export type Streaming = (response: ServerResponse) => () => void

type BodyOf<N extends OperationName> = Operations[N] extends { upload: true }
  ? Uint8Array
  : [BodyOut<N>] extends [never]
    ? null
    : BodyOut<N>
type QueryOf<N extends OperationName> = [QueryOut<N>] extends [never] ? null : QueryOut<N>

/** A checked request of operation `N`. */
export type AskedOf<N extends OperationName> = Asked<Params<N>, QueryOf<N>, BodyOf<N>>

/** What operation `N` answers, before it is written in its media type. */
type Answered<N extends OperationName> = Operations[N]['answer'] extends 'none'
  ? undefined
  : Operations[N]['answer'] extends 'patch' | 'bytes'
    ? Uint8Array
    : Operations[N]['answer'] extends 'events'
      ? Streaming
      : Output<N>

export type Handlers = { readonly [N in OperationName]: (asked: AskedOf<N>) => Promise<Answered<N>> }
