// A line between daemon and server that a test cuts, freezes or deafens.

import { once } from 'node:events'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'

/**
 * `open`: bytes pass. `cut`: connections are reset and new ones too. `frozen`: the connections there are stay open and carry nothing, as when a
 * middle box forgot them; new ones pass. `deaf`: what the server says is lost, what the daemon says arrives.
 */
type Mode = 'open' | 'cut' | 'deaf'

interface Pair {
  readonly near: Socket
  readonly far: Socket
  frozen: boolean
}

export class Line implements AsyncDisposable {
  readonly #server: Server
  readonly #target: number
  readonly #pairs = new Set<Pair>()
  #mode: Mode = 'open'

  private constructor(server: Server, target: number) {
    this.#server = server
    this.#target = target
    server.on('connection', (near) => this.#join(near))
  }

  static async to(target: number): Promise<Line> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Line(server, target)
  }

  get url(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the line is not listening')
    return `http://127.0.0.1:${address.port}`
  }

  get connections(): number {
    return this.#pairs.size
  }

  cut(): void {
    this.#mode = 'cut'
    for (const pair of this.#pairs) this.#drop(pair)
  }

  deafen(): void {
    this.#mode = 'deaf'
  }

  freeze(): void {
    for (const pair of this.#pairs) {
      pair.frozen = true
      pair.near.pause()
      pair.far.pause()
    }
  }

  mend(): void {
    this.#mode = 'open'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pair of this.#pairs) this.#drop(pair)
    await new Promise((done) => this.#server.close(done))
  }

  #join(near: Socket): void {
    near.on('error', () => {})
    if (this.#mode === 'cut') {
      near.destroy()
      return
    }
    const far = dial(this.#target, '127.0.0.1')
    far.on('error', () => {})
    const pair: Pair = { near, far, frozen: false }
    this.#pairs.add(pair)
    near.on('data', (bytes) => {
      if (!pair.frozen) far.write(this.#renamed(bytes))
    })
    far.on('data', (bytes) => {
      if (!pair.frozen && this.#mode !== 'deaf') near.write(bytes)
    })
    // A frozen line does not pass an end on either: the other side must notice by itself.
    near.on('close', () => this.#ended(pair, far))
    far.on('close', () => this.#ended(pair, near))
  }

  /** The server answers to its own name only, as it should: what a proxy does, this does. */
  #renamed(bytes: Buffer): Buffer {
    const text = bytes.toString('latin1')
    const mine = this.url.slice('http://'.length)
    return text.includes(mine) ? Buffer.from(text.replaceAll(mine, `127.0.0.1:${this.#target}`), 'latin1') : bytes
  }

  #ended(pair: Pair, other: Socket): void {
    if (pair.frozen) return
    other.destroy()
    this.#pairs.delete(pair)
  }

  #drop(pair: Pair): void {
    pair.near.destroy()
    pair.far.destroy()
    this.#pairs.delete(pair)
  }
}
