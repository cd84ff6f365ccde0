// Connects and registers: by a socket, by posts, or by whichever gets through.

import { Problem } from '../../core/problem.ts'
import type { FromDaemonBody, FromDaemonReply } from '../../protocol/link.ts'
import { Connection } from './connection.ts'
import { HttpConnection } from './http-connection.ts'
import type { Opening, Wire } from './wire.ts'

/** `auto`: a socket; where sockets are blocked and HTTP is not, posts, until a socket gets through. */
export type Transport = 'auto' | 'ws' | 'http'

export interface Dialled {
  readonly wire: Wire
  readonly reply: FromDaemonReply<'register'>
}

export interface Dialling {
  readonly opening: Opening
  /** What to say, as of the moment it is said. */
  registration(): FromDaemonBody<'register'>
}

const registerTimeoutMs = 30_000

/** Throws the server's refusal, or `not_connected`. */
export async function dial(transport: Transport, dialling: Dialling): Promise<Dialled> {
  if (transport === 'http') return dialHttp(dialling)
  try {
    return await dialSocket(dialling)
  } catch (error) {
    if (transport === 'ws' || !maybeBlocked(error)) throw error
    return await dialHttp(dialling).catch((second: unknown) => {
      // When neither gets through the socket's failure says it best; the server's own word says more than a proxy's.
      throw second instanceof Problem && second.code === 'not_connected' && isNotConnected(error) ? error : second
    })
  }
}

export async function dialSocket(dialling: Dialling): Promise<Dialled> {
  return registered(await Connection.open(dialling.opening), dialling)
}

function dialHttp(dialling: Dialling): Promise<Dialled> {
  return registered(new HttpConnection(dialling.opening), dialling)
}

async function registered(wire: Wire, dialling: Dialling): Promise<Dialled> {
  try {
    return { wire, reply: await wire.request('register', dialling.registration(), registerTimeoutMs) }
  } catch (error) {
    await wire.close()
    throw error
  }
}

/** A proxy that lets no socket through may say so with any status, also one that reads like the server's own refusal. */
function maybeBlocked(error: unknown): boolean {
  return isNotConnected(error) || (error instanceof Problem && ['unauthorized', 'forbidden'].includes(error.code))
}

function isNotConnected(error: unknown): boolean {
  return error instanceof Problem && error.code === 'not_connected'
}
