// The socket to a run's terminal: what it shows comes as bytes, what is typed goes as bytes, all else is JSON text.

import type { RawData } from 'ws'
import { WebSocket } from 'ws'
import { isProblemCode, Problem } from '../../core/problem.ts'
import { agentFor } from '../../daemon/link/connection.ts'
import type { Env } from '../../lib/env.ts'
import { terminalInputBytes, terminalNote } from '../../protocol/terminal.ts'
import type { Keyboard } from './keyboard.ts'

/** `broken`: nobody ended it; joining again may help. */
export interface Left {
  readonly how: 'detached' | 'ended' | 'broken'
  readonly reason: string
}

export interface Joining {
  readonly url: string
  readonly token: string
  readonly env: Env
  readonly id: string
  readonly keyboard: Keyboard
  readonly signal: AbortSignal
}

const handshakeMs = 10_000
/** A server pings every 15 s. */
const silenceMs = 45_000
/** The server goes away; the token was revoked. */
const goingAway = 1001
const revoked = 4401

/** Stays until the person leaves, the run is over or the connection breaks. Throws what the server says against it. */
export async function joinTerminal(joining: Joining): Promise<Left> {
  const { keyboard, signal } = joining
  const { socket, early } = await open(joining)
  const { promise, resolve } = Promise.withResolvers<Left>()
  const detach = () => resolve({ how: 'detached', reason: '' })
  let silence = setTimeout(() => socket.terminate(), silenceMs)
  const heard = () => {
    clearTimeout(silence)
    silence = setTimeout(() => socket.terminate(), silenceMs)
  }
  const tellSize = (size: Keyboard['size']) => socket.send(JSON.stringify({ type: 'resize', ...size }))
  socket.on('ping', heard)
  socket.on('error', () => socket.terminate())
  socket.on('close', (code) => resolve(closed(code)))
  const take = (data: RawData, binary: boolean) => {
    heard()
    if (binary) return keyboard.show(data as Buffer) // the default binaryType gives Buffers
    const note = terminalNote.safeParse(parsed(String(data)))
    if (!note.success) return // of a newer server
    switch (note.data.type) {
      case 'ready':
        if (!note.data.input) keyboard.say('you may watch, not type')
        return tellSize(keyboard.size)
      case 'reset':
        keyboard.clear()
        return keyboard.say(note.data.reason)
      case 'size': {
        const { cols, rows } = note.data
        const own = keyboard.size
        if (cols > own.cols || rows > own.rows)
          keyboard.say(`its window is ${cols}x${rows} now and yours ${own.cols}x${own.rows}: what does not fit is cut`)
        return
      }
      case 'end':
        return resolve({ how: 'ended', reason: note.data.reason })
    }
  }
  socket.removeAllListeners('message')
  socket.on('message', take)
  for (const [data, binary] of early) take(data, binary)
  keyboard.onSize(tellSize)
  keyboard.onTyped((bytes) => {
    for (let from = 0; from < bytes.length; from += terminalInputBytes)
      socket.send(bytes.subarray(from, from + terminalInputBytes))
  })
  const leave = AbortSignal.any([keyboard.left, signal])
  if (leave.aborted) detach()
  leave.addEventListener('abort', detach, { once: true })
  try {
    return await promise
  } finally {
    clearTimeout(silence)
    keyboard.onTyped(() => {})
    keyboard.onSize(() => {})
    socket.close()
    setTimeout(() => socket.terminate(), 500).unref()
  }
}

/** `early`: what came together with the handshake. */
async function open({ url, token, env, id }: Joining): Promise<{
  readonly socket: WebSocket
  readonly early: readonly (readonly [RawData, boolean])[]
}> {
  const address = `${url.replace(/^http/, 'ws').replace(/\/$/, '')}/v1/tasks/${encodeURIComponent(id)}/terminal`
  const socket = new WebSocket(address, {
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: handshakeMs,
    perMessageDeflate: false,
    ...agentFor(url, env),
  })
  const early: [RawData, boolean][] = []
  socket.on('message', (data, binary) => early.push([data, binary]))
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('unexpected-response', (_, response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.once('close', () => {
        socket.terminate()
        reject(refusal(text, response.statusCode ?? 0, url))
      })
    })
    socket.once('error', (cause) =>
      reject(new Problem('not_connected', `${url} does not answer (${cause.message})`, { cause })),
    )
  })
  return { socket, early }
}

function closed(code: number): Left {
  if (code === revoked) return { how: 'ended', reason: 'the token was revoked' }
  return { how: 'broken', reason: code === goingAway ? 'the server goes away' : 'the connection broke' }
}

function refusal(text: string, status: number, url: string): Problem {
  const body = parsed(text)
  const { code, detail } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown> // checked: an object
  if (isProblemCode(code)) return new Problem(code, String(detail ?? ''))
  return new Problem('not_connected', `${url} answered ${status} instead of opening the terminal`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // refused by whoever reads it
  }
}
