// What people type into one terminal, in order: brought to it together while an earlier piece is on its way.

/** A paste beyond this is cut: the terminal has not taken what came before, bytes. */
const mostWaiting = 1_048_576

export class Typing {
  readonly #bring: (bytes: Uint8Array) => Promise<void>
  readonly #failed: (error: unknown) => void
  #waiting: Uint8Array[] = []
  #bytes = 0
  #busy = false

  constructor(bring: (bytes: Uint8Array) => Promise<void>, failed: (error: unknown) => void) {
    this.#bring = bring
    this.#failed = failed
  }

  add(bytes: Uint8Array): void {
    if (this.#bytes + bytes.length > mostWaiting) return
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    if (!this.#busy) void this.#drain()
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    this.#busy = true
    while (this.#waiting.length > 0) {
      const together = Buffer.concat(this.#waiting.splice(0))
      this.#bytes = 0
      try {
        await this.#bring(together)
      } catch (error) {
        this.#failed(error)
      }
    }
    this.#busy = false
  }
}
