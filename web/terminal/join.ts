// Joining a terminal: a WebSocket to our own server, opened again after a break for as long as the person has not left.

import type { TerminalNote } from '../../src/protocol/terminal.ts'

export interface Size {
  readonly cols: number
  readonly rows: number
}

export type Seat =
  | { readonly how: 'joining' }
  | { readonly how: 'joined'; readonly input: boolean }
  | { readonly how: 'broken' }
  | { readonly how: 'ended'; readonly reason: string }

export interface JoinActs {
  seat(seat: Seat): void
  show(bytes: Uint8Array): void
  /** What was shown holds no more; why, for the person. */
  reset(reason: string): void
}

export interface Joined {
  type(bytes: Uint8Array<ArrayBuffer>): void
  resize(size: Size): void
  leave(): void
}

/** A message may hold twice as many. */
const pieceBytes = 32_768
const againMs = 2_000

export function joinTerminal(taskId: string, acts: JoinActs): Joined {
  let socket: WebSocket | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let size: Size | null = null
  let left = false
  const send = (data: string | Uint8Array<ArrayBuffer>) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(data)
  }
  const tellSize = () => size !== null && send(JSON.stringify({ type: 'resize', ...size }))
  const heed = (note: TerminalNote) => {
    if (note.type === 'ready') {
      acts.reset('')
      acts.seat({ how: 'joined', input: note.input })
      tellSize()
    } else if (note.type === 'reset') acts.reset(note.reason)
    else if (note.type === 'end') {
      left = true
      acts.seat({ how: 'ended', reason: note.reason })
    }
  }
  const open = () => {
    const opened = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/v1/tasks/${taskId}/terminal`)
    opened.binaryType = 'arraybuffer'
    opened.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (left) return
      if (typeof data === 'string')
        heed(JSON.parse(data) as TerminalNote) // our own server's
      else acts.show(new Uint8Array(data))
    }
    opened.onclose = () => {
      if (left) return
      acts.seat({ how: 'broken' })
      timer = setTimeout(open, againMs)
    }
    socket = opened
  }
  acts.seat({ how: 'joining' })
  open()
  return {
    type: (bytes) => {
      for (let at = 0; at < bytes.length; at += pieceBytes) send(bytes.subarray(at, at + pieceBytes))
    },
    resize: (to) => {
      size = to
      tellSize()
    },
    leave: () => {
      left = true
      clearTimeout(timer)
      socket?.close()
    },
  }
}
