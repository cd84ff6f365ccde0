// A load generator's HTTP client: kept-alive sockets, one request at a time on each, as little work of its own as can be.

import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  readonly body: string
}

export class HttpClient {
  readonly #port: number
  readonly #idle: HttpSocket[] = []
  readonly #all = new Set<HttpSocket>()

  constructor(port: number) {
    this.#port = port
  }

  /** Sends one request; a connection is opened when all are busy. */
  async send(request: string): Promise<Answer> {
    const socket = this.#idle.pop() ?? this.#open()
    const answer = await socket.send(request)
    this.#idle.push(socket)
    return answer
  }

  close(): void {
    for (const socket of this.#all) socket.close()
  }

  #open(): HttpSocket {
    const socket = new HttpSocket(this.#port)
    this.#all.add(socket)
    return socket
  }
}

/** A request as it goes over the wire. */
export function requestText(
  { port, token }: { port: number; token: string },
  method: string,
  path: string,
  body?: unknown,
): string {
  const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\n`
  if (body === undefined) return `${head}\r\n`
  const text = JSON.stringify(body)
  return `${head}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
}

class HttpSocket {
  readonly #socket: Socket
  #data = ''
  #waiting: { resolve: (answer: Answer) => void; reject: (error: unknown) => void } | null = null

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (chunk: string) => {
      this.#data += chunk
      this.#take()
    })
    this.#socket.on('error', (error) => this.#waiting?.reject(error))
    this.#socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')))
  }

  send(request: string): Promise<Answer> {
    this.#socket.write(request)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  close(): void {
    this.#waiting = null
    this.#socket.destroy()
  }

  #take(): void {
    const head = this.#data.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#data.slice(0, head))?.[1]
    if (length === undefined) {
      this.#waiting?.reject(new Error(`an answer without length: ${this.#data.slice(0, head)}`))
      return
    }
    const end = head + 4 + Number(length)
    if (this.#data.length < end) return
    const answer = { status: Number(this.#data.slice(9, 12)), body: this.#data.slice(head + 4, end) }
    this.#data = this.#data.slice(end)
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.resolve(answer)
  }
}
