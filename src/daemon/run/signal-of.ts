// A promise as a signal: for waits that end with something else.

/** Aborts when the promise settles. */
export function signalOf(settled: Promise<unknown>): AbortSignal {
  const over = new AbortController()
  const abort = () => over.abort()
  settled.then(abort, abort)
  return over.signal
}
